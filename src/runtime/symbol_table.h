#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace awl {

// Functions by address. Names are kept in one block of memory.
class SymbolTable {
 public:
  struct Found {
    std::string_view name;
    uint64_t offset = 0;  // from the function's first byte
  };

  // Before finish(); functions without a size are left out, since no address can be said to lie in them.
  void add(std::string_view name, uint64_t start, uint64_t size);
  // Makes find() possible. Of several names for one start the one that programmers write is kept: the fewest underscores in front, then the first added.
  void finish();
  // The innermost function around an address.
  std::optional<Found> find(uint64_t address) const;
  size_t size() const { return symbols_.size(); }

 private:
  struct Symbol {
    uint64_t start, end;
    uint64_t reach = 0;  // the largest end of all symbols up to this one
    uint32_t name, length;
    uint32_t underscores;
  };
  std::string names_;
  std::vector<Symbol> symbols_;
};

}  // namespace awl
