#include "probes/parts.h"
#include "probes/registry.h"

namespace awl {

const Provider test_provider{
    .name = "test",
    .syntax = "test:NAME",
    .doc = "A test of the script, run with --test: it passes unless it returns another value than 0, calls errorf(), or exit() with another value than 0. "
           "send(packet(...)) gives a packet to a probe of the script that sees packets.",
    .example = "test:addition { if (1 + 1 != 2) { return 1; } }",
    .expand = Expand::one_program,
    .runs = Runs::as_test,
    .parse = [](std::span<const std::string> parts, Span span, Diagnostics& diagnostics) { return parse_name(test_provider, parts, span, diagnostics); },
    .match = match_itself,
    .section = [](const Target&) -> std::string { return "raw_tp"; },
};

}  // namespace awl
