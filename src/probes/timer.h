#pragma once
// What interval and profile share: a rate (hz) or a period (s, ms, us), as {unit, number}.
#include "probes/provider.h"

namespace awl {

// UNIT:N, or one part that is a duration (10ms) or nanoseconds, which becomes us:N.
std::optional<Target> parse_timer(const Provider& provider, std::span<const std::string> parts, Span span, Diagnostics& diagnostics);
// The software clock event that fires at a parsed target's rate.
Result<PerfEvent> timer_event(const Target& target);
// The forms that match a pattern of `awl -l`: "interval:hz:" and so on.
std::vector<Target> timer_forms(const Target& pattern);

}  // namespace awl
