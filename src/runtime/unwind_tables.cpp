#include "runtime/unwind_tables.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <gelf.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "probes/elf_file.h"

namespace awl {
namespace {

using namespace artifact;

// Of one file, and room for what is mapped later: 8 MiB of the kernel's memory. The C library has about 35,000 rows.
constexpr size_t most_file_rows = (size_t{1} << unwind_row_bits) - 1;
constexpr size_t spare_rows = size_t{1} << 20;
constexpr size_t most_rows = size_t{1} << 25;
constexpr size_t most_segments = 1024;

template <typename T>
Result<std::span<T>> map_array(bpf_object* object, std::string_view name, SharedMemory& memory) {
  const bpf_map* map = bpf_object__find_map_by_name(object, std::string(name).c_str());
  if (!map || bpf_map__value_size(map) != sizeof(T)) return fail(0, "damaged object: it has no fitting map '{}'", name);
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), count = bpf_map__max_entries(map);
  const size_t size = (count * sizeof(T) + page - 1) / page * page;
  void* address = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
  if (address == MAP_FAILED) return fail(errno, "cannot map the tables for dw_ustack");
  memory = SharedMemory(address, size);
  return std::span(static_cast<T*>(address), count);
}

Result<> set_entries(bpf_object* object, std::string_view name, size_t entries) {
  bpf_map* map = bpf_object__find_map_by_name(object, std::string(name).c_str());
  if (!map) return fail(0, "damaged object: it has no map '{}'", name);
  bpf_map__set_max_entries(map, static_cast<uint32_t>(entries));
  return {};
}

}  // namespace

Result<> UnwindTables::read() {
  if (processes_.empty()) return fail_text(0, "dw_ustack requires a target process. Use -p, -c, or --dwarf-pid to specify one.");
  for (int pid : processes_)
    if (!read_process(static_cast<uint32_t>(pid)))
      messages_->warning(fmt::format("dw_ustack: process {} is not there, or it is another user's: its stacks will be empty.", pid));
  return {};
}

Result<> UnwindTables::size_maps(bpf_object* object) {
  AWL_CHECK(set_entries(object, unwind_processes, processes_.size()));
  return set_entries(object, unwind_rows, std::min(waiting_.size() + spare_rows, most_rows));
}

Result<> UnwindTables::fill(bpf_object* object) {
  AWL_TRY(rows, map_array<UnwindRow>(object, unwind_rows, row_memory_));
  AWL_TRY(rules, map_array<UnwindRule>(object, unwind_rules, rule_memory_));
  const bpf_map* processes = bpf_object__find_map_by_name(object, std::string(unwind_processes).c_str());
  if (!processes || bpf_map__value_size(processes) != 8 + unwind_ranges * sizeof(UnwindRange) || waiting_.size() > rows.size())
    return fail(0, "damaged object: it has no fitting map '{}'", unwind_processes);
  process_map_ = bpf_map__fd(processes);
  for (const auto& [rule, number] : rules_)
    if (number < rules.size()) rules[number] = rule;
  std::ranges::copy(waiting_, rows.begin());
  used_ = waiting_.size();
  waiting_ = {};
  rows_ = rows;
  rule_table_ = rules;
  for (const auto& [pid, ranges] : ranges_) store(pid);
  return {};
}

void UnwindTables::refresh(uint32_t pid) {
  if (std::ranges::find(processes_, static_cast<int>(pid)) != processes_.end() && read_process(pid)) store(pid);
}

void UnwindTables::refresh_changed() {
  for (uint32_t pid : changed_) refresh(pid);
  changed_.clear();
}

// False: it cannot be looked at; what was known of it stays.
bool UnwindTables::read_process(uint32_t pid) {
  Result<std::vector<Mapping>> maps = read_maps(*host_, pid);
  if (!maps) return false;
  std::vector<UnwindRange> ranges;
  for (const Mapping& mapping : *maps) {
    if (!is_file(mapping) && mapping.path != vdso_path) continue;
    const Slice& slice = slice_of(pid, mapping);
    if (slice.count == 0) continue;
    // Segments start within a page of what is mapped for them.
    auto holds = [&](const Slice::Segment& s) { return mapping.offset < s.offset + s.size && s.offset < mapping.offset + (mapping.end - mapping.start); };
    auto segment = std::ranges::find_if(slice.segments, holds);
    if (segment == slice.segments.end()) continue;
    const uint64_t bias = mapping.start - (segment->address + mapping.offset - segment->offset);
    ranges.push_back({mapping.start, mapping.end, bias + slice.base, slice.first, slice.count});
  }
  std::ranges::sort(ranges, {}, &UnwindRange::start);
  if (ranges.size() > unwind_ranges) {
    messages_->warning(fmt::format("dw_ustack: process {} has mapped code in {} places, more than the {} that are followed: stacks may end early.", pid, ranges.size(), unwind_ranges));
    ranges.resize(unwind_ranges);
  }
  ranges_[pid] = std::move(ranges);
  return true;
}

const UnwindTables::Slice& UnwindTables::slice_of(uint32_t pid, const Mapping& mapping) {
  auto [known, fresh] = files_.try_emplace({mapping.inode, path_of(mapping)});
  if (!fresh) return known->second;
  Result<Slice> slice = read_file(pid, mapping);
  if (slice) known->second = std::move(*slice);
  else messages_->warning(fmt::format("dw_ustack: stacks will end in '{}': {}", mapping.path, slice.error().text()));
  return known->second;
}

Result<UnwindTables::Slice> UnwindTables::read_file(uint32_t pid, const Mapping& mapping) {
  if (mapping.path == vdso_path) {
    // All processes have the same; this one's is at hand, and no larger than this one has it mapped.
    AWL_TRY(own, read_maps(*host_, static_cast<uint32_t>(getpid())));
    const auto vdso = std::ranges::find(own, mapping.path, &Mapping::path);
    elf_version(EV_CURRENT);
    OpenElf file;
    if (vdso != own.end()) file.elf = elf_memory(reinterpret_cast<char*>(vdso->start), vdso->end - vdso->start);
    if (!file.elf) return fail(0, "it cannot be read");
    return read_elf(file.elf);
  }
  OpenMapping opened = open_mapping(*host_, pid, mapping);
  if (!opened.file) return fail(errno, "the file cannot be opened");
  AWL_TRY(file, open_elf(fmt::format("/proc/self/fd/{}", opened.file.get())));
  return read_elf(file.elf);
}

Result<UnwindTables::Slice> UnwindTables::read_elf(Elf* elf) {
  AWL_TRY(found, read_call_frames(elf, most_file_rows));
  if (found.empty()) return fail(0, "it has no .eh_frame");
  Slice slice{.base = found.front().address};
  size_t segments = 0;
  elf_getphdrnum(elf, &segments);
  for (size_t i = 0; i < std::min(segments, most_segments); ++i) {
    GElf_Phdr segment;
    if (gelf_getphdr(elf, static_cast<int>(i), &segment) && segment.p_type == PT_LOAD && segment.p_flags & PF_X)
      slice.segments.push_back({segment.p_offset, segment.p_filesz, segment.p_vaddr});
  }
  auto beyond = std::ranges::find_if(found, [&](const CallFrameRow& row) { return row.address - slice.base > UINT32_MAX; });
  found.erase(beyond, found.end());
  AWL_TRY(first, add(found, slice.base));
  slice.first = first;
  slice.count = static_cast<uint32_t>(found.size());
  return slice;
}

Result<uint32_t> UnwindTables::add(std::span<const CallFrameRow> rows, uint64_t base) {
  const size_t first = rows_.empty() ? waiting_.size() : used_, room = rows_.empty() ? most_rows - spare_rows : rows_.size();
  if (rows.size() > room - first) return fail(0, "the tables for dw_ustack have room for {} more rows, it has {}; start again when it is mapped", room - first, rows.size());
  for (const CallFrameRow& row : rows) {
    const UnwindRow made{static_cast<uint32_t>(row.address - base), number_of(row.rule)};
    if (rows_.empty()) waiting_.push_back(made);
    else rows_[used_++] = made;
  }
  return static_cast<uint32_t>(first);
}

uint32_t UnwindTables::number_of(const UnwindRule& rule) {
  if (rules_.size() >= most_unwind_rules) {
    auto known = rules_.find(rule);
    if (known != rules_.end()) return known->second;
    if (!rules_full_told_) messages_->warning(fmt::format("dw_ustack: more than {} different rules of unwinding: some stacks will end early.", most_unwind_rules));
    rules_full_told_ = true;
    return 0;
  }
  auto [known, fresh] = rules_.try_emplace(rule, static_cast<uint32_t>(rules_.size()));
  if (fresh && known->second < rule_table_.size()) rule_table_[known->second] = rule;
  return known->second;
}

// In one step: a program that follows a stack meanwhile has the one table or the other.
void UnwindTables::store(uint32_t pid) {
  const std::vector<UnwindRange>& ranges = ranges_[pid];
  std::vector<uint8_t> value(8 + unwind_ranges * sizeof(UnwindRange));
  const uint64_t count = ranges.size();
  memcpy(value.data(), &count, sizeof count);
  if (count) memcpy(value.data() + 8, ranges.data(), ranges.size() * sizeof(UnwindRange));
  if (bpf_map_update_elem(process_map_, &pid, value.data(), BPF_ANY) != 0)
    messages_->warning(fmt::format("dw_ustack: the kernel does not take the table of process {}: {}", pid, strerror(errno)));
}

}  // namespace awl
