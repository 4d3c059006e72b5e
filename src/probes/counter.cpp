#include "probes/counter.h"

#include "base/diag/probes.h"
#include "base/glob.h"
#include "base/near_names.h"
#include "probes/parts.h"

namespace awl {
namespace {

const CounterEvent* find_event(const Counters& counters, std::string_view name) {
  for (const CounterEvent& event : counters.events)
    if (event.name == name) return &event;
  return nullptr;
}

}  // namespace

std::optional<Target> parse_counter(const Provider& provider, const Counters& counters, std::span<const std::string> parts, Span span,
                                    Diagnostics& diagnostics) {
  if (!check_part_count(provider, parts, 1, 2, span, diagnostics)) return std::nullopt;
  if (!has_parameter(parts[0]) && !find_event(counters, parts[0])) {
    auto& report = diagnostics.report<Diag::probe_event>(span, parts[0], provider.name);
    std::vector<std::string_view> names;
    for (const CounterEvent& event : counters.events) names.push_back(event.name);
    if (const auto near = nearest_name(parts[0], names))
      report.hint(fmt::format("did you mean '{}'?", *near));
    else
      report.hint(fmt::format("events are {}", fmt::join(names, ", ")));
    return std::nullopt;
  }
  // The listed form "software:faults:" means the same as without the second colon.
  if (parts.size() == 1 || parts[1].empty()) return Target{&provider, {parts[0]}};
  if (has_parameter(parts[1])) return Target{&provider, {parts[0], parts[1]}};
  const auto count = parse_unsigned(parts[1]);
  if (!count) {
    diagnostics.report<Diag::probe_count>(span, provider.name, count.error());
    return std::nullopt;
  }
  if (*count == 0) return Target{&provider, {parts[0]}};
  return Target{&provider, {parts[0], std::to_string(*count)}};
}

Result<std::vector<Link>> attach_counter(const Provider::AttachRequest& request, const Counters& counters, Host& host) {
  const std::vector<int> cpus = host.online_cpus();
  std::vector<Link> links;
  for (const Target& target : request.matches) {
    const CounterEvent* event = find_event(counters, target.parts[0]);
    if (!event) return fail(0, "{} is not a {} probe", target.parts[0], target.provider->name);
    const PerfEvent wanted{.type = counters.type,
                           .config = event->config,
                           .period = target.parts.size() > 1 ? parse_unsigned(target.parts[1]).value_or(event->period) : event->period};
    auto link = request.pid ? host.attach_perf_event(request.program, wanted, *request.pid, {})
                            : host.attach_perf_event(request.program, wanted, -1, cpus);
    if (!link) return std::unexpected(std::move(link).error().context(target.text()));
    links.push_back(std::move(*link));
  }
  return links;
}

std::vector<Target> list_counters(const Target& pattern, const Counters& counters) {
  std::vector<Target> found;
  for (const CounterEvent& event : counters.events)
    if (!pattern.parts.empty() && glob_match(pattern.parts[0], event.name))
      found.push_back({pattern.provider, {std::string(event.name), ""}});
  return found;
}

}  // namespace awl
