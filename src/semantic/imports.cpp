#include <algorithm>
#include <cctype>
#include <charconv>
#include <variant>

#include "base/diag/settings.h"
#include "base/near_names.h"
#include "semantic/passes.h"

namespace awl {
namespace {

// Words that a setting may be, and what the message calls them.
struct Words {
  std::span<const std::string_view> allowed;
  std::string_view message;
  std::string Config::* member;
};

constexpr std::string_view missing_words[] = {"ignore", "warn", "error"};
constexpr std::string_view unstable_words[] = {"enable", "warn", "error"};
constexpr std::string_view symbol_words[] = {"PER_PID", "PER_PROGRAM", "NONE"};
constexpr std::string_view unstable_message = "Invalid value for unstable config: valid values are enable, warn, and error.";
constexpr std::string_view licenses[] = {"Dual MIT/GPL", "Dual BSD/GPL", "Dual MPL/GPL", "GPL and additional rights", "GPL v2", "GPL"};
constexpr std::string_view stack_words[] = {"bpftrace", "raw", "perf", "build_id"};  // in the message's order
constexpr StackMode stack_modes[] = {StackMode::bpftrace, StackMode::raw, StackMode::perf, StackMode::build_id};

struct StackModeSetting {};
struct LicenseSetting {};
struct Setting {
  std::string_view name;
  std::variant<uint64_t Config::*, bool Config::*, std::string Config::*, Words, StackModeSetting, LicenseSetting> how;
};

constexpr Setting settings[] = {
    {"cache_user_symbols", Words{symbol_words, "Invalid value for cache_user_symbols: valid values are PER_PID, PER_PROGRAM, and NONE.", &Config::cache_user_symbols}},
    {"cpp_demangle", &Config::cpp_demangle},
    {"lazy_symbolication", &Config::lazy_symbolication},
    {"license", LicenseSetting{}},
    {"log_size", &Config::log_size},
    {"max_bpf_progs", &Config::max_bpf_progs},
    {"max_cat_bytes", &Config::max_cat_bytes},
    {"max_map_keys", &Config::max_map_keys},
    {"max_probes", &Config::max_probes},
    {"max_strlen", &Config::max_strlen},
    {"missing_probes", Words{missing_words, "Invalid value for missing_probes: valid values are ignore, warn, and error.", &Config::missing_probes}},
    {"on_stack_limit", &Config::on_stack_limit},
    {"perf_rb_pages", &Config::perf_rb_pages},
    {"print_maps_on_exit", &Config::print_maps_on_exit},
    {"show_debug_info", &Config::show_debug_info},
    {"stack_mode", StackModeSetting{}},
    {"str_trunc_trailer", &Config::str_trunc_trailer},
    {"unstable_dw_ustack", Words{unstable_words, unstable_message, &Config::unstable_dw_ustack}},
    {"unstable_import_statement", Words{unstable_words, unstable_message, &Config::unstable_import_statement}},
    {"unstable_tseries", Words{unstable_words, unstable_message, &Config::unstable_tseries}},
    {"unstable_typeinfo", Words{unstable_words, unstable_message, &Config::unstable_typeinfo}},
    {"use_blazesym", &Config::use_blazesym},
};

constexpr std::string_view prefixes[] = {"bpftrace_", "awl_"};

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

const Setting* find_setting(std::string_view written) {
  std::string name = lower(written);
  for (std::string_view prefix : prefixes)
    if (name.starts_with(prefix)) name.erase(0, prefix.size());
  auto found = std::ranges::find(settings, name, &Setting::name);
  return found == std::end(settings) ? nullptr : &*found;
}

std::optional<uint64_t> to_number(std::string_view text) {
  std::string digits;
  std::ranges::copy_if(text, std::back_inserter(digits), [](char c) { return c != '_'; });
  uint64_t value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// Sets a setting; otherwise says what is wrong with the value.
std::string apply(Config& config, const Setting& setting, const std::string& value) {
  return std::visit(
      Overloaded{
          [&](uint64_t Config::* member) -> std::string {
            auto number = to_number(value);
            if (!number) return fmt::format("{}: expecting a number, got {}", setting.name, value);
            config.*member = *number;
            return {};
          },
          [&](bool Config::* member) -> std::string {
            std::string word = lower(value);
            auto number = to_number(value);
            if (word != "true" && word != "false" && !number) return fmt::format("{}: Invalid bool value: valid values are true, false, 1 or 0.", setting.name);
            config.*member = word == "true" || (number && *number != 0);
            return {};
          },
          [&](std::string Config::* member) -> std::string {
            config.*member = value;
            return {};
          },
          [&](const Words& words) -> std::string {
            if (std::ranges::find(words.allowed, value) == words.allowed.end()) return fmt::format("{}: {}", setting.name, words.message);
            config.*words.member = value;
            return {};
          },
          [&](StackModeSetting) -> std::string {
            auto found = std::ranges::find(stack_words, value);
            if (found == std::end(stack_words)) return "stack_mode: Invalid value for stack_mode: valid values are bpftrace, raw, perf, and build_id.";
            config.stack_mode = stack_modes[found - std::begin(stack_words)];
            return {};
          },
          [&](LicenseSetting) -> std::string {
            if (std::ranges::find(licenses, value) == std::end(licenses))
              return fmt::format("Invalid value for license. Found: {}. Valid values: {}.", value, fmt::join(licenses, ", "));
            config.license = value;
            return {};
          },
      },
      setting.how);
}

void read_block(Unit& unit, Diagnostics& diagnostics) {
  for (const ast::ConfigItem& item : unit.script.config) {
    Span span = item.name_span && item.value_span ? join(item.name_span, item.value_span) : item.name_span;
    const Setting* setting = find_setting(item.name);
    if (!setting) {
      std::vector<std::string_view> names;
      for (const Setting& s : settings) names.push_back(s.name);
      Diagnostic& d = diagnostics.report<Diag::config_unknown>(span, item.name);
      if (auto near = nearest_name(lower(item.name), names)) d.hint(fmt::format("did you mean '{}'?", *near));
      continue;
    }
    if (std::string mistake = apply(unit.config, *setting, item.value); !mistake.empty()) diagnostics.report<Diag::config_value>(span, mistake);
  }
}

// The environment wins over the script; AWL_NAME over BPFTRACE_NAME.
void read_environment(Unit& unit, Diagnostics& diagnostics) {
  for (const Setting& setting : settings)
    for (std::string_view prefix : prefixes)
      if (auto value = unit.host->environment(upper(prefix) + upper(setting.name)))
        if (std::string mistake = apply(unit.config, setting, *value); !mistake.empty()) diagnostics.report<Diag::config_value>(Span{}, mistake);
}

}  // namespace

void import_files(Unit& unit, Diagnostics& diagnostics) {
  read_block(unit, diagnostics);
  read_environment(unit, diagnostics);
  load_imports(unit, diagnostics);
}

}  // namespace awl
