#pragma once
// What software and hardware share: perf's counters, EVENT[:COUNT].
#include "probes/provider.h"

namespace awl {

struct CounterEvent {
  std::string_view name;
  uint64_t config;
  uint64_t period;  // events per run of the program where the script does not say
};

// A set of events of one perf type.
struct Counters {
  uint32_t type;
  std::span<const CounterEvent> events;
};

std::optional<Target> parse_counter(const Provider& provider, const Counters& counters, std::span<const std::string> parts, Span span,
                                    Diagnostics& diagnostics);
Result<std::vector<Link>> attach_counter(const Provider::AttachRequest& request, const Counters& counters, Host& host);
std::vector<Target> list_counters(const Target& pattern, const Counters& counters);

}  // namespace awl
