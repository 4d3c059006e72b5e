#include "runtime/mappings.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <charconv>

#include "base/lines.h"

namespace awl {
namespace {

constexpr size_t most_maps_bytes = 64u << 20;

// The same file, as far as it can be told: file systems with layers report other devices in mappings than in stat().
bool has_inode(const Fd& file, uint64_t inode) {
  struct stat info{};
  return inode == 0 || (fstat(file.get(), &info) == 0 && info.st_ino == inode);
}

}  // namespace

uint64_t take_number(std::string_view& text, int base, char separator) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (text.starts_with(separator)) text.remove_prefix(1);
  return value;
}

// START-END PERMISSIONS OFFSET MAJOR:MINOR INODE   PATH
std::vector<Mapping> parse_maps(std::string_view text) {
  std::vector<Mapping> found;
  each_line(text, [&](std::string_view line) {
    Mapping mapping;
    mapping.start = take_number(line, 16, '-');
    mapping.end = take_number(line, 16, ' ');
    if (line.size() < 5 || line[2] != 'x') return;
    line.remove_prefix(5);
    mapping.offset = take_number(line, 16, ' ');
    mapping.major = static_cast<uint32_t>(take_number(line, 16, ':'));
    mapping.minor = static_cast<uint32_t>(take_number(line, 16, ' '));
    mapping.inode = take_number(line, 10, ' ');
    size_t path = line.find_first_not_of(' ');
    if (path != line.npos) mapping.path = line.substr(path);
    found.push_back(std::move(mapping));
  });
  return found;
}

Result<std::vector<Mapping>> read_maps(Host& host, uint32_t pid) {
  AWL_TRY(text, host.read_file(fmt::format("/proc/{}/maps", pid), most_maps_bytes));
  return parse_maps(text);
}

bool is_file(const Mapping& mapping) {
  std::string_view path = mapping.path;
  return path.starts_with('/') && !path.starts_with("//anon") && !path.starts_with("/memfd:") && !path.starts_with("/dev/zero");
}

std::string path_of(const Mapping& mapping) {
  constexpr std::string_view mark = " (deleted)";
  const std::string& path = mapping.path;
  return path.ends_with(mark) ? path.substr(0, path.size() - mark.size()) : path;
}

OpenMapping open_mapping(Host& host, uint32_t pid, const Mapping& mapping) {
  const std::string path = path_of(mapping), inside = fmt::format("/proc/{}/root{}", pid, path);
  // Something else may stand there by now, such as a pipe, which must not be waited for.
  constexpr int how = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  Fd here(open(path.c_str(), how));
  if (here && has_inode(here, mapping.inode)) return {std::move(here), path};
  Fd file(open(fmt::format("/proc/{}/map_files/{:x}-{:x}", pid, mapping.start, mapping.end).c_str(), how));
  if (!file) {
    file = Fd(open(inside.c_str(), how));
    if (!file || !has_inode(file, mapping.inode)) return {};
  }
  // Debug files are looked for where the file is for its process; a process that has ended has no such place any more.
  return {std::move(file), host.file_status(inside).exists ? inside : ""};
}

}  // namespace awl
