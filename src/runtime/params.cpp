#include "runtime/params.h"

#include <bpf/libbpf.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <ctime>

#include "base/number.h"
#include "probes/features.h"
#include "probes/kernel_facts.h"
#include "runtime/clock.h"

namespace awl {
namespace {

using artifact::Param;
using artifact::ParamKind;

// Inode number of the initial pid namespace (PROC_PID_INIT_INO in include/linux/proc_ns.h).
constexpr uint64_t initial_pid_namespace = 0xEFFFFFFC;

Result<uint64_t> positional_number(const Param& param, const SessionOptions& options) {
  if (param.index == 0 || param.index > options.parameters.size()) return uint64_t{0};
  const std::string& text = options.parameters[param.index - 1];
  if (const auto number = read_number(text)) return number->value();
  return fail_text(0, fmt::format("positional parameter ${} is '{}', but the program uses it as a number", param.index, text),
                   "give an integer, or read the parameter with str($N) in the script");
}

// What is given for an option of the script, or its default.
const std::string& option_value(const Param& param, const SessionOptions& options) {
  auto given = options.named.find(param.name);
  return given == options.named.end() ? param.text : given->second;
}

Result<uint64_t> option_number(const Param& param, const SessionOptions& options) {
  const std::string& text = option_value(param, options);
  if (text == "true" && options.named.contains(param.name))
    return fail_text(0, fmt::format("program command line option --{} expects an integer (value: {})", param.name, text), fmt::format("give it as --{}=5", param.name));
  if (const auto number = read_number(text)) return number->value();
  return fail(0, "program command line option --{} invalid integer (value: {})", param.name, text);
}

Result<uint64_t> option_flag(const Param& param, const SessionOptions& options) {
  const std::string& text = option_value(param, options);
  if (text == "true" || text == "1") return uint64_t{1};
  if (text == "false" || text == "0") return uint64_t{0};
  return fail(0, "program command line option --{} expects a boolean (e.g. 'true') (value: {})", param.name, text);
}

Result<> check_option_text(const Param& param, const SessionOptions& options) {
  const std::string& text = option_value(param, options);
  if (text == "true" && options.named.contains(param.name))
    return fail_text(0, fmt::format("program command line option --{} expects a string (value: {})", param.name, text), fmt::format("give it as --{}=TEXT", param.name));
  if (text.size() < param.size) return {};
  return fail_text(0, fmt::format("program command line option --{} is too long: {} bytes, at most {} are possible", param.name, text.size(), param.size - 1),
                   "raise max_strlen in the script's config block");
}

bool is_option(const Param& param) { return param.kind == ParamKind::option_number || param.kind == ParamKind::option_text || param.kind == ParamKind::option_flag; }

// The options of a script as `-- --help` lists them.
std::string list_options(const artifact::Meta& meta) {
  std::string out = "expected program options:";
  for (const Param& param : meta.params)
    if (is_option(param)) out += fmt::format("\n--{}{}{}", param.name, param.description.empty() ? "" : ": ", param.description);
  return std::ranges::any_of(meta.params, is_option) ? out : "no custom program options defined.";
}

// The id of a cgroup v2 directory is its inode number.
Result<uint64_t> cgroup_id(const std::string& path) {
  struct stat directory{};
  struct statfs system{};
  if (stat(path.c_str(), &directory) != 0 || statfs(path.c_str(), &system) != 0) return fail(errno, "cgroupid(): cannot look at '{}'", path);
  if (system.f_type != CGROUP2_SUPER_MAGIC)
    return fail_text(0, fmt::format("cgroupid(): '{}' is no directory of cgroup v2", path), "give a directory below the mount point of type cgroup2 (see /proc/mounts)");
  return uint64_t{directory.st_ino};
}

// SYMBOL@FILE
Result<uint64_t> user_symbol(std::string_view name, Host& host) {
  size_t at = std::min(name.find('@'), name.size());
  AWL_TRY(path, host.find_binary(std::string(name.substr(std::min(at + 1, name.size())))));
  AWL_TRY(symbol, host.elf_symbol(path, std::string(name.substr(0, at))));
  return symbol.address;
}

Result<uint64_t> number_of(const Param& param, const SessionOptions& options, Host& host) {
  struct stat pid_namespace {};
  switch (param.kind) {
    case ParamKind::pid: return static_cast<uint64_t>(options.pid.value_or(0));
    case ParamKind::start_ns: return clock_now(CLOCK_BOOTTIME);
    case ParamKind::ncpus: return static_cast<uint64_t>(std::max(1, libbpf_num_possible_cpus()));
    case ParamKind::child_pid: return static_cast<uint64_t>(options.child.value_or(0));
    case ParamKind::positional_number: return positional_number(param, options);
    case ParamKind::positional_count: return options.parameters.size();
    case ParamKind::kernel_symbol: return host.kernel_symbol(param.name);
    case ParamKind::pid_namespace_dev:
    case ParamKind::pid_namespace_ino:
      if (stat("/proc/self/ns/pid", &pid_namespace) != 0 || pid_namespace.st_ino == initial_pid_namespace) return uint64_t{0};
      return param.kind == ParamKind::pid_namespace_dev ? pid_namespace.st_dev : pid_namespace.st_ino;
    case ParamKind::feature: {
      std::optional<Feature> feature = find_feature(param.name);
      if (!feature) return fail(0, "the program asks for the unknown kernel feature '{}'", param.name);
      return uint64_t{host.has_feature(*feature)};
    }
    case ParamKind::wall_offset: return clock_now(CLOCK_REALTIME) - clock_now(CLOCK_BOOTTIME);
    case ParamKind::tai_offset: return clock_now(CLOCK_TAI) - clock_now(CLOCK_BOOTTIME);
    case ParamKind::cgroup_id: return cgroup_id(param.name);
    case ParamKind::user_symbol: return user_symbol(param.name, host);
    case ParamKind::option_number: return option_number(param, options);
    case ParamKind::kernel_fact: {
      AWL_TRY(holds, kernel_fact(param.name, host));
      return uint64_t{holds};
    }
    case ParamKind::option_flag: return option_flag(param, options);
    default: return uint64_t{0};
  }
}

std::string text_of(const Param& param, const SessionOptions& options) {
  if (param.kind == ParamKind::option_text) return option_value(param, options);
  return param.index >= 1 && param.index <= options.parameters.size() ? options.parameters[param.index - 1] : "";
}

}  // namespace

Result<> check_program_options(const artifact::Meta& meta, const SessionOptions& options) {
  auto known = [&](const std::string& name) { return std::ranges::any_of(meta.params, [&](const Param& p) { return is_option(p) && p.name == name; }); };
  std::string unknown;
  bool help = options.named.contains("help") && !known("help");
  for (const auto& [name, value] : options.named)
    if (!known(name) && name != "help") unknown += fmt::format("{}--{}", unknown.empty() ? "" : ", ", name);
  if (!unknown.empty()) return fail_text(0, fmt::format("unexpected program command line options: {}", unknown), list_options(meta));
  if (help) return fail_text(0, "", list_options(meta));
  for (const Param& param : meta.params) {
    if (param.kind == ParamKind::option_number) AWL_CHECK(option_number(param, options));
    else if (param.kind == ParamKind::option_flag) AWL_CHECK(option_flag(param, options));
    else if (param.kind == ParamKind::option_text) AWL_CHECK(check_option_text(param, options));
  }
  return {};
}

Result<> fill_params(const artifact::Meta& meta, const SessionOptions& options, Host& host, std::span<uint8_t> block) {
  for (const Param& param : meta.params) {
    if (param.offset > block.size() || param.size > block.size() - param.offset)
      return fail(0, "damaged object: a parameter lies outside of {}", artifact::params_symbol);
    std::span<uint8_t> place = block.subspan(param.offset, param.size);
    std::fill(place.begin(), place.end(), uint8_t{0});
    if (param.kind == ParamKind::positional_text || param.kind == ParamKind::option_text) {
      std::string text = text_of(param, options);
      if (!place.empty()) memcpy(place.data(), text.data(), std::min(text.size(), place.size() - 1));
      continue;
    }
    AWL_TRY(value, number_of(param, options, host));
    memcpy(place.data(), &value, std::min<size_t>(sizeof value, place.size()));
  }
  return {};
}

Result<std::string> substitute_parameters(std::string_view text, const SessionOptions& options) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    size_t end = i + 1;
    while (text[i] == '$' && end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
    if (end == i + 1) {
      out += text[i++];
      continue;
    }
    size_t number = 0;
    std::from_chars(text.data() + i + 1, text.data() + end, number);
    if (number == 0 || number > options.parameters.size())
      return fail_text(0, fmt::format("the probe needs the positional parameter ${}", number), "give it behind the program, or behind --");
    out += options.parameters[number - 1];
    i = end;
  }
  return out;
}

}  // namespace awl
