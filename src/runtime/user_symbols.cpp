#include "runtime/user_symbols.h"

#include <sys/stat.h>

namespace awl {
namespace {

// Processes that ended and that nobody asked about are forgotten beyond these.
constexpr size_t most_ended = 8192;
// A process runs few programs one after the other whose stacks are still to be shown.
constexpr size_t most_images = 8;

// A process's number in the innermost of its namespaces.
uint32_t innermost_pid(Host& host, uint32_t pid) {
  std::string status = host.read_file(fmt::format("/proc/{}/status", pid)).value_or("");
  size_t line = status.find("\nNStgid:");
  if (line == status.npos) return pid;
  std::string_view numbers = std::string_view(status).substr(line + 1);
  numbers = numbers.substr(0, numbers.find('\n'));
  numbers.remove_prefix(numbers.find_last_of("\t ") + 1);
  return static_cast<uint32_t>(take_number(numbers, 10, '\n'));
}

}  // namespace

// START SIZE NAME, a function a line; the name may hold blanks. What was compiled again later stands later.
void read_perf_map(std::string_view text, SymbolTable& table) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.starts_with("0x")) line.remove_prefix(2);
    uint64_t start = take_number(line, 16, ' ');
    if (line.starts_with("0x")) line.remove_prefix(2);
    uint64_t size = take_number(line, 16, ' ');
    table.add(line, start, size);
  }
  table.finish();
}

// A new mapping takes the place of what it overlaps.
void UserSymbols::put(Process& process, Mapping mapping) {
  Image& image = process.images.back();
  auto at = image.upper_bound(mapping.start);
  if (at != image.begin() && std::prev(at)->second.map.end > mapping.start) --at;
  while (at != image.end() && at->first < mapping.end) {
    bool same = at->second.map.start == mapping.start && at->second.map.end == mapping.end && at->second.map.path == mapping.path;
    if (same) return;
    at = image.erase(at);
  }
  uint64_t start = mapping.start;
  image.emplace(start, Area{.map = std::move(mapping)});
}

void UserSymbols::remember(uint32_t pid) {
  Process& process = processes_[pid];
  process.wanted = true;
  if (process.read) return;
  process.read = true;
  Result<std::vector<Mapping>> maps = process.gone ? fail(ESRCH, "it has ended") : read_maps(*host_, pid);
  if (maps)
    for (Mapping& mapping : *maps) put(process, std::move(mapping));
  process.inner_pid = maps ? innermost_pid(*host_, pid) : pid;
  for (Image& image : process.images)
    for (auto& [start, area] : image) file_of(area, pid);
  uint32_t parent = process.parent;
  if (!maps && parent && parent != pid) remember(parent);
}

void UserSymbols::mapped(uint32_t pid, const Mapping& mapping) {
  put(processes_[pid], mapping);
}

void UserSymbols::executed(uint32_t pid) {
  Process& process = processes_[pid];
  if (!process.images.back().empty()) process.images.emplace_back();
  if (process.images.size() > most_images) process.images.erase(process.images.begin());
  process.parent = 0;  // nothing of it is left
  process.read = false;
  process.perf_map.reset();
}

void UserSymbols::forked(uint32_t pid, uint32_t parent) {
  Process fresh;
  fresh.parent = parent;
  // A number that is used again belongs to another process now.
  auto before = processes_.find(pid);
  if (before != processes_.end() && before->second.wanted) fresh.images.insert(fresh.images.begin(), before->second.images.begin(), before->second.images.end());
  processes_[pid] = std::move(fresh);
}

void UserSymbols::exited(uint32_t pid) {
  auto process = processes_.find(pid);
  if (process == processes_.end()) return;
  process->second.gone = true;
  ended_.push_back(pid);
  if (ended_.size() <= most_ended) return;
  auto oldest = processes_.find(ended_.front());
  if (oldest != processes_.end() && oldest->second.gone && !oldest->second.wanted) processes_.erase(oldest);
  ended_.pop_front();
}

// The file behind a mapping, opened when it is seen first.
MappedFile* UserSymbols::file_of(Area& area, uint32_t pid) {
  if (area.tried) return area.file;
  area.tried = true;
  const Mapping& map = area.map;
  if (map.path == vdso_path) {
    if (!vdso_) vdso_ = MappedFile::vdso();
    return area.file = vdso_.get();
  }
  if (!is_file(map)) return nullptr;
  std::string path = path_of(map);
  auto known = files_.find({map.inode, path});
  if (known != files_.end()) return area.file = known->second.get();
  OpenMapping opened = open_mapping(*host_, pid, map);
  if (!opened.file) return nullptr;
  return area.file = files_.emplace(std::pair{map.inode, path}, std::make_unique<MappedFile>(std::move(opened.file), std::move(opened.surroundings))).first->second.get();
}

std::optional<SymbolName> UserSymbols::find_in(Process& process, uint64_t address, uint32_t pid, bool& held) {
  for (auto image = process.images.rbegin(); image != process.images.rend(); ++image) {
    auto at = image->upper_bound(address);
    if (at == image->begin() || address >= std::prev(at)->second.map.end) continue;
    Area& area = std::prev(at)->second;
    MappedFile* file = file_of(area, pid);
    if (!file && !is_file(area.map)) continue;
    held = true;
    std::optional<SymbolName> name = file ? file->find(address - area.map.start + area.map.offset, style_) : std::nullopt;
    if (!name) name.emplace();
    name->module = area.map.path;
    return name;
  }
  return std::nullopt;
}

// Code that the process made itself: runtimes write a list of it, which grows while they run.
std::optional<SymbolName> UserSymbols::find_jitted(Process& process, uint64_t address, uint32_t pid) {
  std::string name = fmt::format("/tmp/perf-{}.map", process.inner_pid ? process.inner_pid : pid);
  struct stat info{};
  std::string path = fmt::format("/proc/{}/root{}", pid, name);
  if (stat(path.c_str(), &info) != 0 && stat((path = name).c_str(), &info) != 0) {
    if (!process.perf_map) return std::nullopt;
  } else if (!process.perf_map || process.perf_map->size != static_cast<uint64_t>(info.st_size)) {
    process.perf_map = std::make_unique<PerfMap>();
    process.perf_map->path = name;
    process.perf_map->size = static_cast<uint64_t>(info.st_size);
    read_perf_map(host_->read_file(path, 256u << 20).value_or(""), process.perf_map->table);
  }
  std::optional<SymbolTable::Found> found = process.perf_map->table.find(address);
  if (!found) return std::nullopt;
  return SymbolName{.name = std::string(found->name), .offset = found->offset, .module = process.perf_map->path};
}

std::optional<SymbolName> UserSymbols::find(uint64_t address, uint32_t pid) {
  if (address == 0) return std::nullopt;
  remember(pid);
  bool held = false;
  uint32_t current = pid;
  // A child that ran no program of its own has its parent's mappings.
  for (int generation = 0; generation < 16; ++generation) {
    auto process = processes_.find(current);
    if (process == processes_.end()) break;
    std::optional<SymbolName> name = find_in(process->second, address, current, held);
    if (held) return name;
    if (!process->second.parent) break;
    current = process->second.parent;
    remember(current);
  }
  return find_jitted(processes_[pid], address, pid);
}

}  // namespace awl
