#include "runtime/kernel_symbols.h"

#include <algorithm>
#include <charconv>

namespace awl {

KernelSymbols::KernelSymbols(std::string kallsyms) : text_(std::move(kallsyms)) {
  std::string_view text = text_;
  symbols_.reserve(text.size() / 60);
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    uint64_t address = 0;
    auto [behind, error] = std::from_chars(line.data(), line.data() + line.size(), address, 16);
    size_t type = static_cast<size_t>(behind - line.data()) + 1;  // "ADDRESS T NAME\t[MODULE]"
    // Addresses are all zero for readers without privilege; data cannot be executed.
    if (error == std::errc() && address != 0 && type + 2 < line.size() && std::string_view("bBdDrRaA").find(line[type]) == std::string_view::npos) {
      size_t name = type + 2, name_end = std::min(line.find_first_of("\t ", name), line.size());
      symbols_.push_back({address, static_cast<uint32_t>(at + name), static_cast<uint32_t>(name_end - name)});
    }
    at = end + 1;
  }
  std::stable_sort(symbols_.begin(), symbols_.end(), [](const Symbol& a, const Symbol& b) { return a.address < b.address; });
}

std::optional<SymbolName> KernelSymbols::find(uint64_t address) const {
  auto behind = std::upper_bound(symbols_.begin(), symbols_.end(), address, [](uint64_t a, const Symbol& s) { return a < s.address; });
  if (behind == symbols_.begin()) return std::nullopt;
  uint64_t start = std::prev(behind)->address;
  // Of several names for one address the first in the kernel's list.
  auto first = std::lower_bound(symbols_.begin(), behind, start, [](const Symbol& s, uint64_t a) { return s.address < a; });
  return SymbolName{.name = text_.substr(first->begin, first->length), .offset = address - start};
}

}  // namespace awl
