#include "runtime/symbols.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <filesystem>

#include "base/glob.h"
#include "runtime/clock.h"

namespace awl {
namespace {

// Where cgroup hierarchies are mounted and what they are called: cgroup v2 is "unified", a v1 hierarchy has the names of its controllers.
struct Hierarchy {
  std::string name, mount;
};

std::vector<Hierarchy> cgroup_hierarchies(Host& host) {
  std::vector<Hierarchy> found;
  Result<std::string> mounts = host.read_file("/proc/self/mounts");
  if (!mounts) return found;
  std::string_view text = *mounts;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    size_t first = line.find(' '), second = first == line.npos ? first : line.find(' ', first + 1);
    size_t third = second == line.npos ? second : line.find(' ', second + 1);
    if (third == line.npos) continue;
    std::string mount(line.substr(first + 1, second - first - 1));
    std::string_view type = line.substr(second + 1, third - second - 1);
    if (type == "cgroup2") found.push_back({"unified", mount});
    if (type == "cgroup") found.push_back({mount.substr(mount.rfind('/') + 1), mount});
  }
  // Version 2 first, the others by name.
  std::ranges::sort(found, {}, [](const Hierarchy& h) { return std::pair(h.name != "unified", h.name); });
  return found;
}

// A cgroup's id is the inode number of its directory.
std::optional<std::string> find_cgroup(const std::string& mount, uint64_t id) {
  namespace fs = std::filesystem;
  struct stat info{};
  if (stat(mount.c_str(), &info) == 0 && info.st_ino == id) return "/";
  std::error_code error;
  for (fs::recursive_directory_iterator at(mount, fs::directory_options::skip_permission_denied, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    if (!at->is_directory(ignored) || at->is_symlink(ignored)) continue;
    if (stat(at->path().c_str(), &info) == 0 && info.st_ino == id) return at->path().string().substr(mount.size());
  }
  return std::nullopt;
}

}  // namespace

MachineNames::MachineNames(const artifact::Meta& meta, Host& host, SymbolStyle style) : users(host, style), meta_(&meta), host_(&host) {}

std::optional<SymbolName> MachineNames::kernel_symbol(uint64_t address) {
  if (!kernel_) {
    Result<std::string> text = host_->read_file("/proc/kallsyms", 256u << 20);
    kernel_ = std::make_unique<KernelSymbols>(text ? std::move(*text) : std::string());
  }
  return kernel_->find(address);
}

std::optional<SymbolName> MachineNames::user_symbol(uint64_t address, uint32_t pid) { return users.find(address, pid); }

std::string MachineNames::user_name(uint64_t uid) {
  auto [at, is_new] = user_names_.try_emplace(uid);
  if (is_new) {
    const passwd* entry = getpwuid(static_cast<uid_t>(uid));
    at->second = entry ? entry->pw_name : fmt::format("{}", uid);
  }
  return at->second;
}

std::string MachineNames::cgroup_path(uint64_t id, std::string_view filter) {
  if (filter.empty()) filter = "*";
  std::string text;
  for (const Hierarchy& hierarchy : cgroup_hierarchies(*host_)) {
    if (!glob_match(filter, hierarchy.name)) continue;
    std::optional<std::string> path = find_cgroup(hierarchy.mount, id);
    if (path) text += fmt::format("{}{}:{}", text.empty() ? "" : ",", hierarchy.name, *path);
  }
  return text;
}

std::string MachineNames::probe(uint64_t id) {
  if (!(id >> 63)) return id < meta_->probe_names.size() ? meta_->probe_names[id] : "";
  size_t program = id >> 32 & 0x7fffffff, match = id & 0xffffffff;
  auto names = matches_.find(program);
  if (names != matches_.end() && match < names->second.size()) return names->second[match];
  return program < meta_->programs.size() ? meta_->programs[program].probe : "";
}

void MachineNames::set_matches(size_t program, std::vector<std::string> names) { matches_[program] = std::move(names); }

std::string MachineNames::timestamp(uint64_t nanoseconds, std::string_view format, uint32_t clock) {
  std::string text = format_time(to_wall_clock(nanoseconds, clock), format);
  return text.empty() ? "(?)" : text;  // as bpftrace, for which strftime(3) failed
}

std::string_view MachineNames::string(uint64_t index) {
  return index < meta_->strings.size() ? std::string_view(meta_->strings[index]) : std::string_view();
}

}  // namespace awl
