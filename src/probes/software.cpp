#include <linux/perf_event.h>

#include "probes/counter.h"
#include "probes/parts.h"
#include "probes/registry.h"

namespace awl {
namespace {

constexpr std::string_view aliases[] = {"s"};
constexpr CounterEvent events[] = {
    {"alignment-faults", PERF_COUNT_SW_ALIGNMENT_FAULTS, 1},
    {"bpf-output", PERF_COUNT_SW_BPF_OUTPUT, 1},
    {"context-switches", PERF_COUNT_SW_CONTEXT_SWITCHES, 1},
    {"cpu", PERF_COUNT_SW_CPU_CLOCK, 1000000},
    {"cpu-clock", PERF_COUNT_SW_CPU_CLOCK, 1000000},
    {"cpu-migrations", PERF_COUNT_SW_CPU_MIGRATIONS, 1},
    {"cs", PERF_COUNT_SW_CONTEXT_SWITCHES, 1},
    {"dummy", PERF_COUNT_SW_DUMMY, 1},
    {"emulation-faults", PERF_COUNT_SW_EMULATION_FAULTS, 1},
    {"faults", PERF_COUNT_SW_PAGE_FAULTS, 1},
    {"major-faults", PERF_COUNT_SW_PAGE_FAULTS_MAJ, 1},
    {"minor-faults", PERF_COUNT_SW_PAGE_FAULTS_MIN, 1},
    {"page-faults", PERF_COUNT_SW_PAGE_FAULTS, 1},
    {"task-clock", PERF_COUNT_SW_TASK_CLOCK, 1000000},
};
constexpr Counters counters{PERF_TYPE_SOFTWARE, events};

}  // namespace

const Provider software_provider{
    .name = "software",
    .aliases = aliases,
    .syntax = "software:EVENT[:COUNT]",
    .doc =
        "An event that the kernel counts, such as page faults and context switches, on every CPU. COUNT: run at every so many; 1 unless "
        "given (clocks: every millisecond).",
    .example = "software:page-faults { @[comm] = count(); }",
    .expand = Expand::one_program,
    .parse = [](std::span<const std::string> parts, Span span,
                Diagnostics& diagnostics) { return parse_counter(software_provider, counters, parts, span, diagnostics); },
    .match = match_itself,
    .context = [](const Target&, Host&) -> Result<Context> { return Context{}; },
    .section = [](const Target&) -> std::string { return "perf_event"; },
    .attach = [](const Provider::AttachRequest& request, Host& host) { return attach_counter(request, counters, host); },
    .list = [](const Target& pattern, Host&, const TargetSink& sink) { return list_sorted(list_counters(pattern, counters), sink); },
};

}  // namespace awl
