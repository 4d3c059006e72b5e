#include "probes/registry.h"

#include <algorithm>
#include <charconv>

#include "base/diag/probes.h"
#include "probes/cgroup_hooks.h"
#include "probes/parts.h"

namespace awl {
namespace {

constexpr const Provider* all[] = {
    &begin_provider,         &end_provider,       &interval_provider,  &profile_provider,  &tracepoint_provider,
    &rawtracepoint_provider, &kprobe_provider,    &kretprobe_provider, &fentry_provider,   &fexit_provider,
    &uprobe_provider,        &uretprobe_provider, &software_provider,  &hardware_provider,   &iter_provider,     &self_provider,
    &test_provider,          &bench_provider,
    &usdt_provider,          &watchpoint_provider, &asyncwatchpoint_provider,
    &xdp_provider,           &tc_provider,        &lsm_provider,       &fmod_ret_provider,
    &socket_filter_provider, &sk_lookup_provider, &netfilter_provider,
    // cgroups
    &cgroup_providers[0], &cgroup_providers[1], &cgroup_providers[2], &cgroup_providers[3], &cgroup_providers[4], &cgroup_providers[5],
    &cgroup_providers[6], &cgroup_providers[7], &cgroup_providers[8], &cgroup_providers[9], &cgroup_providers[10], &cgroup_providers[11],
    &cgroup_providers[12], &cgroup_providers[13], &cgroup_providers[14], &cgroup_providers[15], &cgroup_providers[16],
};

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

}  // namespace

std::span<const Provider* const> providers() { return all; }

const Provider* find_provider(std::string_view name) {
  // `U` and `u` are two kinds, so the exact letters come first.
  for (const Provider* provider : all)
    for (const std::string_view alias : provider->aliases)
      if (name == alias) return provider;
  for (const Provider* provider : all) {
    if (same_name(name, provider->name)) return provider;
    for (const std::string_view alias : provider->aliases)
      if (same_name(name, alias)) return provider;
  }
  return nullptr;
}

std::string Target::text() const {
  std::string text;
  append_text(text);
  return text;
}

void Target::append_text(std::string& text) const {
  text += provider ? provider->name : "?";
  for (const std::string& part : parts) {
    text += ':';
    text += part;
  }
}

std::expected<uint64_t, std::string> parse_unsigned(std::string_view text) {
  std::string digits;
  for (const char c : text)
    if (c != '_' || digits.empty()) digits += c;
  const auto invalid = [&] { return std::unexpected(fmt::format("invalid integer: {}", text)); };
  const auto overflow = [&] { return std::unexpected(fmt::format("overflow error, maximum value is 18446744073709551615: {}", text)); };
  std::string_view rest = digits;
  int base = 10;
  if (rest.starts_with("0x") || rest.starts_with("0X")) {
    base = 16;
    rest.remove_prefix(2);
    if (rest.empty()) return std::unexpected(std::string("invalid integer: "));
  } else if (rest.size() > 1 && rest[0] == '0') {
    base = 8;
    rest.remove_prefix(1);
  }
  uint64_t value = 0;
  auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value, base);
  if (error == std::errc::result_out_of_range) return overflow();
  if (error != std::errc()) return invalid();
  rest.remove_prefix(static_cast<size_t>(end - rest.data()));
  if (base == 10 && rest.size() > 1 && (rest[0] == 'e' || rest[0] == 'E')) {
    unsigned exponent = 0;
    auto [stop, bad] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), exponent);
    if (bad == std::errc() && stop == rest.data() + rest.size()) {
      for (; exponent > 0 && value != 0; --exponent)
        if (__builtin_mul_overflow(value, 10U, &value)) return overflow();
      return value;
    }
  }
  if (!rest.empty()) return std::unexpected(fmt::format("invalid trailing bytes: {}", text));
  return value;
}

bool check_part_count(const Provider& provider, std::span<const std::string> parts, size_t least, size_t most, Span span,
                      Diagnostics& diagnostics) {
  if (parts.size() >= least && parts.size() <= most) return true;
  std::string counts;
  for (size_t count = least; count <= most; ++count) counts += (counts.empty() ? "" : " or ") + std::to_string(count);
  auto& report = diagnostics.report<Diag::probe_parts>(span, provider.name, counts, parts.size());
  report.hint(fmt::format("write {}", provider.syntax));
  return false;
}

std::optional<Target> parse_name(const Provider& provider, std::span<const std::string> parts, Span span, Diagnostics& diagnostics) {
  if (!check_part_count(provider, parts, 1, 1, span, diagnostics)) return std::nullopt;
  if (parts[0].empty()) {
    diagnostics.report<Diag::probe_empty_part>(span, provider.name, "name");
    return std::nullopt;
  }
  return Target{&provider, {parts[0]}};
}

std::expected<FunctionOffset, std::string> split_offset(std::string_view text) {
  const size_t plus = text.find('+');
  if (plus == std::string_view::npos) return FunctionOffset{std::string(text)};
  const auto offset = parse_unsigned(text.substr(plus + 1));
  if (!offset) return std::unexpected(offset.error());
  return FunctionOffset{std::string(text.substr(0, plus)), *offset, true};
}

bool normalise_offset(std::string& function, bool ret, Span span, Diagnostics& diagnostics) {
  const auto split = split_offset(function);
  if (!split) {
    diagnostics.report<Diag::probe_offset>(span, split.error());
    return false;
  }
  if (split->has_offset && ret) {
    diagnostics.report<Diag::probe_offset_refused>(span).hint("a return probe is on the whole function");
    return false;
  }
  if (split->has_offset) function = split->offset == 0 ? split->function : fmt::format("{}+{}", split->function, split->offset);
  return true;
}

Result<> list_by_parts(const Target& pattern, size_t least, size_t most, Result<std::vector<Target>> (*match)(const Target&, Host&), Host& host, const TargetSink& sink) {
  if (pattern.parts.size() < least || pattern.parts.size() > most) return {};
  AWL_TRY(targets, match(pattern, host));
  return list_sorted(std::move(targets), sink);
}

Result<> list_sorted(std::vector<Target> targets, const TargetSink& sink) {
  sort_targets(targets);
  for (const Target& target : targets) sink(target);
  return {};
}

namespace {

// Whether the text of `a` comes before that of `b`.
bool text_before(const Target& a, const Target& b) {
  if (a.provider != b.provider) return a.text() < b.text();
  const size_t common = std::min(a.parts.size(), b.parts.size());
  for (size_t i = 0; i < common; ++i) {
    const std::string &x = a.parts[i], &y = b.parts[i];
    const size_t at = static_cast<size_t>(std::ranges::mismatch(x, y).in1 - x.begin());
    if (at == x.size() && at == y.size()) continue;
    // The shorter part is followed by ':' or by the end.
    const auto next = [at](const Target& target, size_t part) {
      if (at < target.parts[part].size()) return static_cast<int>(static_cast<unsigned char>(target.parts[part][at]));
      return part + 1 < target.parts.size() ? int{':'} : -1;
    };
    const int left = next(a, i), right = next(b, i);
    return left != right ? left < right : a.text() < b.text();
  }
  return a.parts.size() < b.parts.size();
}

}  // namespace

void sort_targets(std::vector<Target>& targets) {
  // What the kernel and files list is mostly in order.
  if (!std::ranges::is_sorted(targets, text_before)) std::ranges::sort(targets, text_before);
  const auto same = [](const Target& a, const Target& b) { return a.provider == b.provider && a.parts == b.parts; };
  targets.erase(std::ranges::unique(targets, same).begin(), targets.end());
}

Result<std::vector<Target>> match_itself(const Target& target, Host&) { return std::vector{target}; }

}  // namespace awl
