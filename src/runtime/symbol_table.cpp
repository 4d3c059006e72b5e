#include "runtime/symbol_table.h"

#include <algorithm>

namespace awl {

void SymbolTable::add(std::string_view name, uint64_t start, uint64_t size) {
  if (size == 0 || name.empty() || start + size < start || names_.size() + name.size() > UINT32_MAX) return;
  size_t underscores = std::min(name.find_first_not_of('_'), name.size());
  symbols_.push_back({.start = start, .end = start + size, .name = static_cast<uint32_t>(names_.size()), .length = static_cast<uint32_t>(name.size()),
                      .underscores = static_cast<uint32_t>(underscores)});
  names_ += name;
}

void SymbolTable::finish() {
  std::stable_sort(symbols_.begin(), symbols_.end(), [](const Symbol& a, const Symbol& b) {
    return a.start != b.start ? a.start < b.start : a.underscores < b.underscores;
  });
  std::vector<Symbol> kept;
  kept.reserve(symbols_.size());
  uint64_t reach = 0;
  for (Symbol& symbol : symbols_) {
    reach = std::max(reach, symbol.end);
    if (!kept.empty() && kept.back().start == symbol.start) {
      kept.back().end = std::max(kept.back().end, symbol.end);
      kept.back().reach = reach;
      continue;
    }
    symbol.reach = reach;
    kept.push_back(symbol);
  }
  symbols_ = std::move(kept);
  symbols_.shrink_to_fit();
}

std::optional<SymbolTable::Found> SymbolTable::find(uint64_t address) const {
  auto at = std::upper_bound(symbols_.begin(), symbols_.end(), address, [](uint64_t a, const Symbol& s) { return a < s.start; });
  while (at != symbols_.begin()) {
    --at;
    if (address < at->end) return Found{std::string_view(names_).substr(at->name, at->length), address - at->start};
    if (address >= at->reach) break;
  }
  return std::nullopt;
}

}  // namespace awl
