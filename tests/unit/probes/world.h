#pragma once
// What the tests of providers share: parsing attach points, and a small tracefs.
#include "fake_host.h"
#include "probes/provider.h"

namespace awl {

struct Parsed {
  std::optional<Target> target;
  std::string errors;  // messages of the diagnostics, one a line
};

// Parses "provider:part:part".
inline Parsed parse_point(std::string_view text) {
  Sources sources;
  const Span span{sources.add("test", std::string(text)), 0, static_cast<uint32_t>(text.size())};
  Diagnostics diagnostics(sources);
  std::vector<std::string> parts;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(':', at), text.size());
    parts.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  const Provider* provider = find_provider(parts[0]);
  if (!provider) return {std::nullopt, "no provider"};
  parts.erase(parts.begin());
  Parsed parsed{provider->parse(parts, span, diagnostics), ""};
  for (const Diagnostic& diagnostic : diagnostics.all()) parsed.errors += diagnostic.text + "\n";
  return parsed;
}

// The normalised text of an attach point, or what is wrong with it.
inline std::string normalised(std::string_view text) {
  const Parsed parsed = parse_point(text);
  return parsed.target ? parsed.target->text() : parsed.errors;
}

// Texts of the matches, separated by blanks; or the error.
inline std::string matches_of(std::string_view text, Host& host) {
  const Parsed parsed = parse_point(text);
  if (!parsed.target) return parsed.errors;
  const auto matches = parsed.target->provider->match(*parsed.target, host);
  if (!matches) return "error: " + matches.error().text();
  std::string joined;
  for (const Target& target : *matches) joined += (joined.empty() ? "" : " ") + target.text();
  return joined;
}

// What attaching to all matches asks of the host, one line each; or the error.
inline std::string attachments_of(std::string_view text, FakeHost& host, bool cookies = false, std::optional<int> pid = {}) {
  const Parsed parsed = parse_point(text);
  if (!parsed.target) return parsed.errors;
  const auto matches = parsed.target->provider->match(*parsed.target, host);
  if (!matches) return "error: " + matches.error().text();
  host.attached.clear();
  const auto links =
      parsed.target->provider->attach({.program = 5, .matches = *matches, .cookies = cookies, .first_cookie = 10, .pid = pid}, host);
  if (!links) return "error: " + links.error().text();
  std::string joined;
  for (const std::string& line : host.attached) joined += line + "\n";
  return joined;
}

inline Result<Context> context_of(std::string_view text, Host& host) {
  const Parsed parsed = parse_point(text);
  return parsed.target->provider->context(*parsed.target, host);
}

inline constexpr std::string_view common_fields =
    "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
    "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
    "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
    "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n";

inline void add_event(FakeHost& host, const std::string& category, const std::string& name, std::string_view fields) {
  const std::string folder = host.tracefs_path + "/events/" + category + "/";
  host.files[folder + "enable"] = "0\n";
  host.files[folder + "filter"] = "none\n";
  host.files[folder + name + "/id"] = "1\n";
  host.files[folder + name + "/format"] = fmt::format("name: {}\nID: 1\nformat:\n{}{}\nprint fmt: \"x\"\n", name, common_fields, fields);
}

inline void add_events(FakeHost& host) {
  add_event(host, "sched", "sched_wakeup",
            "\tfield:char comm[16];\toffset:8;\tsize:16;\tsigned:0;\n\tfield:pid_t pid;\toffset:24;\tsize:4;\tsigned:1;\n");
  add_event(host, "sched", "sched_switch", "\tfield:long prev_state;\toffset:8;\tsize:8;\tsigned:1;\n");
  add_event(host, "irq", "irq_handler_entry",
            "\tfield:int irq;\toffset:8;\tsize:4;\tsigned:1;\n\tfield:__data_loc char[] name;\toffset:12;\tsize:4;\tsigned:0;\n");
  add_event(host, "syscalls", "sys_enter_openat",
            "\tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;\n\tfield:int dfd;\toffset:16;\tsize:8;\tsigned:0;\n\tfield:const "
            "char * filename;\toffset:24;\tsize:8;\tsigned:0;\n"
            "\tfield:__data_loc char[] __filename_val;\toffset:32;\tsize:4;\tsigned:0;\n");
  add_event(host, "syscalls", "sys_exit_openat",
            "\tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;\n\tfield:long ret;\toffset:16;\tsize:8;\tsigned:1;\n");
  add_event(host, "ftrace", "function", "");
}

}  // namespace awl
