#include "probes/timer.h"

#include <linux/perf_event.h>

#include "base/diag/probes.h"
#include "base/glob.h"
#include "probes/parts.h"

namespace awl {
namespace {

struct Unit {
  std::string_view name;
  uint64_t ns;  // 0: a frequency
};
constexpr Unit units[] = {{"hz", 0}, {"ms", 1'000'000}, {"s", 1'000'000'000}, {"us", 1000}};
constexpr Unit durations[] = {{"ns", 1},
                              {"us", 1000},
                              {"ms", 1'000'000},
                              {"s", 1'000'000'000},
                              {"m", 60'000'000'000},
                              {"h", 3'600'000'000'000},
                              {"d", 86'400'000'000'000}};

// "10ms" or "5000" in nanoseconds.
std::expected<uint64_t, std::string> parse_duration(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789_"), text.size());
  for (const Unit& unit : durations) {
    if (digits == 0 || text.substr(digits) != unit.name) continue;
    const auto number = parse_unsigned(text.substr(0, digits));
    if (!number) return number;
    uint64_t ns = 0;
    if (__builtin_mul_overflow(*number, unit.ns, &ns))
      return std::unexpected(fmt::format("overflow error, maximum value is 18446744073709551615: {}", text));
    return ns;
  }
  return parse_unsigned(text);
}

std::optional<Target> parse_period(const Provider& provider, const std::string& text, Span span, Diagnostics& diagnostics) {
  if (has_parameter(text)) return Target{&provider, {text}};
  const auto ns = parse_duration(text);
  if (!ns) {
    auto& report = diagnostics.report<Diag::probe_rate>(span, provider.name, ns.error());
    report.hint(fmt::format("write {}, for example {}:10ms or {}:hz:99", provider.syntax, provider.name, provider.name));
    return std::nullopt;
  }
  if (*ns < 1000) {
    diagnostics.report<Diag::probe_rate_low>(span, provider.name, *ns);
    return std::nullopt;
  }
  return Target{&provider, {"us", std::to_string(*ns / 1000)}};
}

}  // namespace

std::optional<Target> parse_timer(const Provider& provider, std::span<const std::string> parts, Span span, Diagnostics& diagnostics) {
  if (!check_part_count(provider, parts, 1, 2, span, diagnostics)) return std::nullopt;
  if (parts.size() == 1) return parse_period(provider, parts[0], span, diagnostics);
  const Unit* unit = nullptr;
  for (const Unit& candidate : units)
    if (candidate.name == parts[0]) unit = &candidate;
  if (!unit && !has_parameter(parts[0])) {
    diagnostics.report<Diag::probe_unit>(span, parts[0]).hint("units are s, ms, us and hz");
    return std::nullopt;
  }
  if (has_parameter(parts[0]) || has_parameter(parts[1])) return Target{&provider, {parts[0], parts[1]}};
  if (parts[1].starts_with('-')) {
    diagnostics.report<Diag::probe_rate_zero>(span, provider.name);
    return std::nullopt;
  }
  const auto number = parse_unsigned(parts[1]);
  if (!number) {
    diagnostics.report<Diag::probe_rate>(span, provider.name, number.error());
    return std::nullopt;
  }
  if (*number == 0) {
    diagnostics.report<Diag::probe_rate_zero>(span, provider.name);
    return std::nullopt;
  }
  uint64_t ns = 0;
  if (unit->ns != 0 && (__builtin_mul_overflow(*number, unit->ns, &ns) || ns > INT64_MAX)) {
    diagnostics.report<Diag::probe_rate>(span, provider.name, fmt::format("{}{} is longer than 292 years", *number, unit->name));
    return std::nullopt;
  }
  return Target{&provider, {parts[0], std::to_string(*number)}};
}

Result<PerfEvent> timer_event(const Target& target) {
  PerfEvent event{.type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_CPU_CLOCK};
  for (const Unit& unit : units) {
    if (target.parts.size() != 2 || unit.name != target.parts[0]) continue;
    const auto number = parse_unsigned(target.parts[1]);
    if (!number || *number == 0) break;
    if (unit.ns == 0)
      event.frequency = *number;
    else if (__builtin_mul_overflow(*number, unit.ns, &event.period))
      break;
    return event;
  }
  return fail(0, "'{}' has no valid rate", target.text());
}

std::vector<Target> timer_forms(const Target& pattern) {
  std::vector<Target> forms;
  for (const Unit& unit : units)
    if (!pattern.parts.empty() && glob_match(pattern.parts[0], unit.name))
      forms.push_back({pattern.provider, {std::string(unit.name), ""}});
  return forms;
}

}  // namespace awl
