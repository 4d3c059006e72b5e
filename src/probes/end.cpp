#include "probes/parts.h"
#include "probes/registry.h"

namespace awl {

const Provider end_provider{
    .name = "end",
    .syntax = "end",
    .doc = "Runs once when the script ends, after everything else is detached and before the maps are printed.",
    .example = "begin { @start = nsecs; } end { printf(\"%d ns\\n\", nsecs - @start); clear(@start); }",
    .expand = Expand::one_program,
    .runs = Runs::at_end,
    .parse = [](std::span<const std::string> parts, Span span, Diagnostics& diagnostics) -> std::optional<Target> {
      if (!check_part_count(end_provider, parts, 0, 0, span, diagnostics)) return std::nullopt;
      return Target{&end_provider, {}};
    },
    .match = match_itself,
    .section = [](const Target&) -> std::string { return "raw_tp"; },
};

}  // namespace awl
