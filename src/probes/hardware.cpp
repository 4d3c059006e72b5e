#include <linux/perf_event.h>

#include "probes/counter.h"
#include "probes/parts.h"
#include "probes/registry.h"

namespace awl {
namespace {

constexpr std::string_view aliases[] = {"h"};
constexpr CounterEvent events[] = {
    {"backend-stalls", PERF_COUNT_HW_STALLED_CYCLES_BACKEND, 1000000},
    {"branch-instructions", PERF_COUNT_HW_BRANCH_INSTRUCTIONS, 1000000},
    {"branch-misses", PERF_COUNT_HW_BRANCH_MISSES, 1000000},
    {"branches", PERF_COUNT_HW_BRANCH_INSTRUCTIONS, 1000000},
    {"bus-cycles", PERF_COUNT_HW_BUS_CYCLES, 1000000},
    {"cache-misses", PERF_COUNT_HW_CACHE_MISSES, 1000000},
    {"cache-references", PERF_COUNT_HW_CACHE_REFERENCES, 1000000},
    {"cpu-cycles", PERF_COUNT_HW_CPU_CYCLES, 1000000},
    {"cycles", PERF_COUNT_HW_CPU_CYCLES, 1000000},
    {"frontend-stalls", PERF_COUNT_HW_STALLED_CYCLES_FRONTEND, 1000000},
    {"instructions", PERF_COUNT_HW_INSTRUCTIONS, 1000000},
    {"ref-cycles", PERF_COUNT_HW_REF_CPU_CYCLES, 1000000},
};
constexpr Counters counters{PERF_TYPE_HARDWARE, events};

}  // namespace

const Provider hardware_provider{
    .name = "hardware",
    .aliases = aliases,
    .syntax = "hardware:EVENT[:COUNT]",
    .doc =
        "A counter of the processor, such as cycles and cache misses, on every CPU. COUNT: run at every so many; a million unless given.",
    .example = "hardware:cache-misses:1000000 { @[comm] = count(); }",
    .expand = Expand::one_program,
    .parse = [](std::span<const std::string> parts, Span span,
                Diagnostics& diagnostics) { return parse_counter(hardware_provider, counters, parts, span, diagnostics); },
    .match = match_itself,
    .context = [](const Target&, Host&) -> Result<Context> { return Context{}; },
    .section = [](const Target&) -> std::string { return "perf_event"; },
    .attach = [](const Provider::AttachRequest& request, Host& host) { return attach_counter(request, counters, host); },
    .list = [](const Target& pattern, Host&, const TargetSink& sink) { return list_sorted(list_counters(pattern, counters), sink); },
};

}  // namespace awl
