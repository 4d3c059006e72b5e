// Source lines in debug information.
#include <dwarf.h>

#include <algorithm>
#include <map>

#include "probes/dwarf_internal.h"

namespace awl {
namespace {

// Whether a path ends with `wanted`, whole folders at a time.
bool ends_with_path(std::string_view path, std::string_view wanted) {
  while (wanted.starts_with("./")) wanted.remove_prefix(2);
  if (!path.ends_with(wanted)) return false;
  return path.size() == wanted.size() || wanted.starts_with('/') || path[path.size() - wanted.size() - 1] == '/';
}

struct Search {
  std::string_view file;
  uint32_t line = 0, column = 0;
  std::vector<uint64_t> addresses;
  bool file_seen = false;
  std::optional<uint32_t> below, above;  // lines nearby that have code

  void look_at(Dwarf_Die& unit);
  bool uses_file(Dwarf_Die& unit);
  void keep_first_of_each_function(Dwarf_Die& unit, std::vector<uint64_t> found);
};

bool Search::uses_file(Dwarf_Die& unit) {
  Dwarf_Files* files = nullptr;
  size_t count = 0;
  if (dwarf_getsrcfiles(&unit, &files, &count) != 0) return false;
  for (size_t i = 0; i < count; ++i)
    if (const char* path = dwarf_filesrc(files, i, nullptr, nullptr); path && ends_with_path(path, file)) return true;
  return false;
}

void Search::look_at(Dwarf_Die& unit) {
  if (!uses_file(unit)) return;
  Dwarf_Lines* lines = nullptr;
  size_t count = 0;
  if (dwarf_getsrclines(&unit, &lines, &count) != 0) return;
  std::vector<uint64_t> found;
  for (size_t i = 0; i < count; ++i) {
    Dwarf_Line* row = dwarf_onesrcline(lines, i);
    bool statement = false, end = false;
    int number = 0, at_column = 0;
    Dwarf_Addr address = 0;
    if (!row || dwarf_linebeginstatement(row, &statement) != 0 || dwarf_lineendsequence(row, &end) != 0 || !statement || end) continue;
    const char* path = dwarf_linesrc(row, nullptr, nullptr);
    if (!path || !ends_with_path(path, file) || dwarf_lineno(row, &number) != 0 || dwarf_lineaddr(row, &address) != 0 || number <= 0)
      continue;
    file_seen = true;
    const auto line_number = static_cast<uint32_t>(number);
    if (line_number < line) below = std::max(below.value_or(0), line_number);
    if (line_number > line) above = std::min(above.value_or(line_number), line_number);
    if (line_number != line) continue;
    if (column && (dwarf_linecol(row, &at_column) != 0 || static_cast<uint32_t>(at_column) != column)) continue;
    found.push_back(address);
  }
  if (!found.empty()) keep_first_of_each_function(unit, std::move(found));
}

void Search::keep_first_of_each_function(Dwarf_Die& unit, std::vector<uint64_t> found) {
  std::ranges::sort(found);
  std::map<Dwarf_Off, uint64_t> first;
  visit_entries(unit, [&](Dwarf_Die& child, const std::string&) {
    if (dwarf_tag(&child) != DW_TAG_subprogram) return true;
    for (uint64_t address : found)
      if (dwarf_haspc(&child, address) > 0) {
        first.try_emplace(dwarf_dieoffset(&child), address);
        break;
      }
    return true;
  });
  if (first.empty()) addresses.push_back(found.front());
  for (const auto& [function, address] : first) addresses.push_back(address);
}

}  // namespace

Result<std::vector<uint64_t>> DwarfFile::address_of_line(std::string_view file, uint32_t line, uint32_t column) {
  Search search{.file = file, .line = line, .column = column};
  visit_units(hidden_->file.dwarf, [&](Dwarf_Die& unit) {
    search.look_at(unit);
    return true;
  });
  if (!search.file_seen)
    return fail_text(0, fmt::format("'{}' was not made from a source file '{}'", hidden_->path, file),
                     "give the file's name as the compiler was given it, or its last part");
  if (search.addresses.empty()) {
    std::string near;
    if (search.below) near = fmt::format("line {}", *search.below);
    if (search.above) near += fmt::format("{}line {}", near.empty() ? "" : " and ", *search.above);
    return fail_text(0, fmt::format("{}:{}{} has no code in '{}'", file, line, column ? fmt::format(":{}", column) : "", hidden_->path),
                     near.empty() ? "" : fmt::format("{} nearby have code", near));
  }
  std::ranges::sort(search.addresses);
  search.addresses.erase(std::ranges::unique(search.addresses).begin(), search.addresses.end());
  return search.addresses;
}

std::optional<SourceLine> DwarfFile::line_of_address(uint64_t address) {
  Dwarf_Die unit;
  Dwarf_Line* row = nullptr;
  // By the index of units (.debug_aranges), which not every compiler writes.
  if (dwarf_addrdie(hidden_->file.dwarf, address, &unit)) {
    row = dwarf_getsrc_die(&unit, address);
  } else {
    visit_units(hidden_->file.dwarf, [&](Dwarf_Die& candidate) {
      if (dwarf_haspc(&candidate, address) <= 0) return true;
      row = dwarf_getsrc_die(&candidate, address);
      return row == nullptr;
    });
  }
  int line = 0;
  const char* path = row ? dwarf_linesrc(row, nullptr, nullptr) : nullptr;
  if (!path || dwarf_lineno(row, &line) != 0 || line <= 0) return std::nullopt;
  return SourceLine{path, static_cast<uint32_t>(line)};
}

}  // namespace awl
