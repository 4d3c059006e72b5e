#include "driver/run/arguments.h"

#include <charconv>
#include <cstdlib>
#include <regex>

namespace awl {

// PID_MAX_LIMIT of 64-bit kernels.
constexpr int largest_pid = 4 * 1024 * 1024;

void add_parameters(std::span<char* const> behind_dashes, SessionOptions& options) {
  for (const char* argument : behind_dashes) {
    std::string_view text(argument);
    if (!text.starts_with("--") || text.size() == 2) {
      options.parameters.emplace_back(text);
      continue;
    }
    text.remove_prefix(2);
    size_t equals = text.find('=');
    options.named[std::string(text.substr(0, equals))] = equals == text.npos ? "true" : std::string(text.substr(equals + 1));
  }
}

int find_dashes(int argc, char* const* argv, bool (*takes_value)(std::string_view)) {
  for (int i = 1; i < argc; ++i)
    if (std::string_view(argv[i]) == "--" && (i == 1 || !takes_value(argv[i - 1]))) return i;
  return argc;
}

static std::optional<int> read_pid(std::string_view text) {
  int pid = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (error != std::errc() || end != text.data() + text.size() || pid <= 0) return std::nullopt;
  return pid;
}

static Result<bool> set_mode(SessionOptions& session, RunMode mode, std::string_view option) {
  if (session.mode != RunMode::trace && session.mode != mode) return fail(0, "USAGE: {} conflicts with existing --mode", option);
  session.mode = mode;
  return true;
}

Result<bool> take_run_option(int code, const char* value, RunOptions& options) {
  SessionOptions& session = options.session;
  std::string_view text = value ? value : "";
  switch (code) {
    case 'p': {
      const std::optional<int> pid = read_pid(text);
      if (!pid) return fail_text(0, fmt::format("Failed to attach to pid: pid '{}' is not a valid decimal number", text), "give the number of a process: -p 1234");
      if (*pid > largest_pid) return fail(0, "Pid out of range: {}", *pid);
      session.pid = pid;
      return true;
    }
    case option_dwarf_pid: {
      const std::optional<int> pid = read_pid(text);
      if (!pid || *pid > largest_pid) return fail_text(0, fmt::format("Failed to parse pid: invalid integer: {}", text), "give the number of a process: --dwarf-pid 1234");
      session.unwind_processes.push_back(*pid);
      return true;
    }
    case 'c':
      options.command = text;
      options.has_command = true;
      return true;
    case 'o': options.output_file = text; return true;
    case 'f':
      if (text != "text" && text != "json") return fail(0, "Invalid output format \"{}\"\nValid formats: 'text', 'json'", text);
      session.format = text == "json" ? Format::json : Format::text;
      return true;
    case 'B':
      if (text != "line" && text != "full" && text != "none") return fail(0, "USAGE: -B must be either 'line', 'full', or 'none'.");
      session.buffering = text == "full" ? Buffering::full : text == "none" ? Buffering::none : Buffering::line;
      return true;
    case 'q': session.quiet = true; return true;
    case 'v': session.verbose = true; return true;
    case option_unsafe: session.unsafe = true; return true;
    case option_no_warnings: session.warnings = false; return true;
    case option_fail_on_loss: session.fail_on_loss = true; return true;
    case option_dry_run: session.dry_run = true; return true;
    case option_replace: session.replace_name = text; return true;
    case option_test: return set_mode(session, RunMode::test, "--test");
    case option_bench: return set_mode(session, RunMode::bench, "--bench");
    case option_btf:
      session.btf_file = text;
      options.host.btf_file = text;
      return true;
    case option_probe_filter:
      try {
        const std::regex filter(value);
      } catch (const std::regex_error& error) {
        return fail(0, "Invalid --probe-filter regex '{}': {}", value, error.what());
      }
      session.probe_filter = text;
      return true;
    default: return false;
  }
}

void take_environment(RunOptions& options) {
  for (const char* variable : {"AWL_BTF", "BPFTRACE_BTF"}) {
    const char* file = getenv(variable);
    if (!file || !options.host.btf_file.empty()) continue;
    options.host.btf_file = file;
    options.session.btf_file = file;
  }
}

bool take_run_debug(std::string_view stage, SessionOptions& options) {
  bool all = stage == "all";
  if (all || stage == "libbpf") options.debug_libbpf = true;
  if (all || stage == "verifier") options.debug_verifier = true;
  return all || stage == "libbpf" || stage == "verifier";
}

}  // namespace awl
