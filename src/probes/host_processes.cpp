// Where programs and libraries are: PATH, the loader's cache, and what processes have mapped.
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <set>

#include "base/lines.h"
#include "probes/elf_file.h"
#include "probes/linux_host.h"

namespace awl {
namespace {

// The names under which /etc/ld.so.cache knows a library, with their files. The format: a header "glibc-ld.so.cache1.1", the number of
// entries (u32 at byte 20), 24-byte entries from byte 48: i32 flags, u32 offset of the name, u32 offset of the path, then
// os version and hardware capabilities; offsets count from the header.
std::vector<std::pair<std::string, std::string>> loader_cache(const std::string& bytes) {
  constexpr std::string_view magic = "glibc-ld.so.cache1.1";
  constexpr size_t header = 48, entry = 24;
  std::vector<std::pair<std::string, std::string>> libraries;
  const size_t start = bytes.find(magic);  // an older table may stand before it
  if (start == std::string::npos || bytes.size() - start < header) return libraries;
  const std::string_view table = std::string_view(bytes).substr(start);
  const auto word = [&](size_t at) {
    uint32_t value = 0;
    std::memcpy(&value, table.data() + at, sizeof value);
    return value;
  };
  const auto text = [&](uint32_t at) -> std::string {
    if (at >= table.size()) return {};
    const std::string_view rest = table.substr(at);
    return std::string(rest.substr(0, rest.find('\0')));
  };
  const size_t count = std::min<size_t>(word(magic.size()), (table.size() - header) / entry);
  for (size_t i = 0; i < count; ++i) libraries.emplace_back(text(word(header + i * entry + 4)), text(word(header + i * entry + 8)));
  return libraries;
}

std::string real_path(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> resolved(realpath(path.c_str(), nullptr), free);
  return resolved ? resolved.get() : path;
}

bool is_file(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

bool is_elf(const std::string& path) {
  OpenElf file;
  file.fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  char magic[SELFMAG] = {};
  return file.fd >= 0 && read(file.fd, magic, sizeof magic) == SELFMAG && std::memcmp(magic, ELFMAG, SELFMAG) == 0;
}

// Paths that are mapped into a process with this file name ("libc.so.6", "libc").
bool names_library(std::string_view file, std::string_view name) {
  return file == name || (file.starts_with(name) && file.substr(name.size()).starts_with(".so"));
}

// A file that a process has mapped with permission to execute.
struct Mapping {
  std::string_view path;
  uint64_t inode = 0;
};

// "7f..-7f.. r-xp 00026000 08:01 1234   /path"
template <typename F>
void each_code_mapping(std::string_view maps, F&& use) {
  each_line(maps, [&](std::string_view line) {
    const size_t access = line.find(' '), slash = line.find('/');
    if (slash == std::string_view::npos || access == std::string_view::npos || line.substr(access + 1, 3).find('x') == std::string_view::npos) return;
    std::string_view inode = line.substr(0, slash);
    inode = inode.substr(0, inode.find_last_not_of(' ') + 1);
    inode = inode.substr(inode.rfind(' ') + 1);
    Mapping mapping{.path = line.substr(slash)};
    std::from_chars(inode.data(), inode.data() + inode.size(), mapping.inode);
    if (!mapping.path.ends_with(" (deleted)")) use(mapping);
  });
}

// A mapped file's path as it can be opened here: the same file by the same path, or by way of the process's root.
std::string path_here(int pid, const Mapping& mapping) {
  struct stat status{};
  std::string path(mapping.path);
  if (stat(path.c_str(), &status) == 0 && status.st_ino == mapping.inode) return path;
  std::string below = fmt::format("/proc/{}/root{}", pid, path);
  if (stat(below.c_str(), &status) == 0 && status.st_ino == mapping.inode) return below;
  return {};
}

// Whether a process sees other files than we do.
bool has_own_root(int pid) {
  struct stat theirs{}, ours{};
  const std::string root = fmt::format("/proc/{}/root", pid);
  return stat(root.c_str(), &theirs) == 0 && stat("/", &ours) == 0 && (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev);
}

}  // namespace

Result<std::string> LinuxHost::find_binary(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    const BinaryPath parts = split_binary_path(name);
    const std::string below = process ? fmt::format("/proc/{}/root{}", *process, parts.file) : "";
    const bool inside = process && parts.file.starts_with('/') && has_own_root(*process) && is_file(below);
    const std::string& file = inside ? below : parts.file;
    if (!is_file(file)) return fail(ENOENT, "'{}' does not exist", parts.file);
    if (parts.member.empty()) return file;
    AWL_TRY(opened, open_elf(file + "!/" + parts.member));
    return file + "!/" + parts.member;
  }
  if (loaded_process()) {
    if (const auto maps = read_file(fmt::format("/proc/{}/maps", *process), 64 << 20)) {
      std::string found;
      each_code_mapping(*maps, [&](const Mapping& mapping) {
        if (found.empty() && names_library(mapping.path.substr(mapping.path.rfind('/') + 1), name)) found = path_here(*process, mapping);
      });
      if (!found.empty()) return found;
    }
  }
  const std::string path_variable = environment("PATH").value_or("/usr/sbin:/usr/bin:/sbin:/bin");
  for (size_t at = 0; at <= path_variable.size();) {
    const size_t end = std::min(path_variable.find(':', at), path_variable.size());
    const std::string path = path_variable.substr(at, end - at) + "/" + name;
    at = end + 1;
    if (is_executable(path) && is_elf(path)) return path;
  }
  if (const auto cache = read_file("/etc/ld.so.cache", 64 << 20)) {
    std::string best;
    for (const auto& [library, path] : loader_cache(*cache)) {
      if (!names_library(library, name) || !is_file(path)) continue;
      if (library == name) return real_path(path);
      if (best.empty()) best = path;
    }
    if (!best.empty()) return real_path(best);
  }
  return fail(ENOENT, "no program or library '{}' in PATH or in the loader's cache", name);
}

Result<std::vector<std::string>> LinuxHost::mapped_binaries(std::optional<int> pid) {
  std::vector<std::string> processes;
  if (pid) {
    processes.push_back(std::to_string(*pid));
  } else {
    AWL_TRY(entries, list_directory("/proc"));
    std::ranges::copy_if(entries, std::back_inserter(processes), [](const std::string& name) { return name.find_first_not_of("0123456789") == std::string::npos; });
  }
  std::set<std::pair<uint64_t, std::string>> seen;
  std::set<std::string> paths;
  for (const std::string& name : processes) {
    const auto maps = read_file("/proc/" + name + "/maps", 64 << 20);
    if (!maps && pid) return std::unexpected(Error{ESRCH, fmt::format("cannot read which files process {} has mapped", name), "the process is gone, or it is another user's: run as root"});
    if (!maps) continue;  // it ended just now
    each_code_mapping(*maps, [&](const Mapping& mapping) {
      if (!seen.emplace(mapping.inode, mapping.path).second) return;
      if (std::string path = path_here(std::atoi(name.c_str()), mapping); !path.empty()) paths.insert(std::move(path));
    });
  }
  return std::vector<std::string>(paths.begin(), paths.end());
}

Result<std::vector<int>> LinuxHost::threads(int pid) {
  AWL_TRY(names, list_directory(fmt::format("/proc/{}/task", pid)));
  std::vector<int> threads;
  for (const std::string& name : names) threads.push_back(std::atoi(name.c_str()));
  std::ranges::sort(threads);
  return threads;
}

}  // namespace awl
