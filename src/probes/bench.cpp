#include "probes/parts.h"
#include "probes/registry.h"

namespace awl {

const Provider bench_provider{
    .name = "bench",
    .syntax = "bench:NAME",
    .doc = "A benchmark, run with --bench: run many times, its mean time is shown in nanoseconds.",
    .example = "bench:counting { @[pid] = count(); }",
    .expand = Expand::one_program,
    .runs = Runs::as_benchmark,
    .parse = [](std::span<const std::string> parts, Span span, Diagnostics& diagnostics) { return parse_name(bench_provider, parts, span, diagnostics); },
    .match = match_itself,
    .section = [](const Target&) -> std::string { return "raw_tp"; },
};

}  // namespace awl
