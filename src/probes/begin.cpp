#include "probes/parts.h"
#include "probes/registry.h"

namespace awl {

const Provider begin_provider{
    .name = "begin",
    .syntax = "begin",
    .doc = "Runs once when the script starts, before anything else is attached. The process seen is the tracer's own.",
    .example = "begin { printf(\"start\\n\"); }",
    .expand = Expand::one_program,
    .runs = Runs::at_start,
    .parse = [](std::span<const std::string> parts, Span span, Diagnostics& diagnostics) -> std::optional<Target> {
      if (!check_part_count(begin_provider, parts, 0, 0, span, diagnostics)) return std::nullopt;
      return Target{&begin_provider, {}};
    },
    .match = match_itself,
    .section = [](const Target&) -> std::string { return "raw_tp"; },
};

}  // namespace awl
