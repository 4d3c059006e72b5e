// Why the kernel refuses: the verifier's log in short, and missing privilege.
#include <algorithm>
#include <fstream>
#include <optional>
#include <vector>

#include "runtime/load.h"

namespace awl {

std::optional<Error> explain_missing_field(std::string_view log) {
  // libbpf's words where the verifier met an instruction whose relocation had no answer:
  // failed to resolve CO-RE relocation <byte_off> [14] struct task_struct___awl.state (0:0 @ offset 0)
  constexpr std::string_view said = "failed to resolve CO-RE relocation <", flavour = "___";
  const size_t at = log.find(said);
  if (at == log.npos) return std::nullopt;
  std::string_view rest = log.substr(at, log.find('\n', at) - at);
  const size_t id = rest.find("] ");
  if (id == rest.npos) return std::nullopt;
  rest.remove_prefix(id + 2);
  const size_t cut = rest.find(flavour);
  if (cut == rest.npos) return std::nullopt;
  const std::string type(rest.substr(0, cut));
  const size_t dot = rest.find('.'), end = rest.find(' ', cut);
  if (dot >= end) return Error{0, fmt::format("this kernel has no {}", type), fmt::format("ask before: if (has_type({})) {{ ... }}", type)};
  const std::string field(rest.substr(dot + 1, end - dot - 1));
  return Error{0, fmt::format("this kernel's {} has no field '{}' of the type that the script was compiled with", type, field),
               fmt::format("ask before: if (has_field({}, {})) {{ ... }}", type, field)};
}

std::string explain_verifier_log(std::string_view log) {
  std::vector<std::string_view> lines;
  while (!log.empty()) {
    std::string_view line = log.substr(0, log.find('\n'));
    log.remove_prefix(std::min(line.size() + 1, log.size()));
    // The statistics at the end, and the register dumps of instructions, do not say what is wrong.
    bool counts = line.starts_with("processed ") || line.starts_with("verification time ") || line.starts_with("stack depth ");
    if (!line.empty() && !counts) lines.push_back(line);
  }
  if (lines.empty()) return "nothing";
  std::string place;
  for (auto at = lines.rbegin(); at != lines.rend() && place.empty(); ++at)
    if (at->starts_with("; ")) place = at->substr(2);
  auto is_instruction = [](std::string_view line) {
    size_t digits = line.find_first_not_of("0123456789");
    return line.starts_with("; ") || (digits != 0 && digits != line.npos && line[digits] == ':');
  };
  std::string reason(lines.back());
  for (size_t before = lines.size() - 1; before > 0 && lines.size() - before < 3 && !is_instruction(lines[before - 1]); --before)
    reason = std::string(lines[before - 1]) + "; " + reason;
  // Since 6.10 the kernel adds the file and line behind an @.
  if (size_t at = place.rfind(" @ "); at != place.npos) place.resize(at);
  return place.empty() ? reason : fmt::format("{}\n  in the script's line: {}", reason, place);
}

std::string missing_capabilities() {
  struct Capability {
    unsigned bit;
    std::string_view name;
  };
  // Numbers from linux/capability.h.
  constexpr Capability needed[] = {{39, "CAP_BPF"}, {38, "CAP_PERFMON"}};
  constexpr unsigned sys_admin = 21;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("CapEff:")) continue;
    uint64_t effective = strtoull(line.c_str() + 7, nullptr, 16);
    if (effective >> sys_admin & 1) return {};
    std::string missing;
    for (const Capability& capability : needed)
      if (!(effective >> capability.bit & 1)) missing += fmt::format("{}{}", missing.empty() ? "" : ", ", capability.name);
    return missing;
  }
  return {};
}

}  // namespace awl
