#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/format/names.h"

namespace awl {

// The kernel's text symbols by address, from the text of /proc/kallsyms.
class KernelSymbols {
 public:
  explicit KernelSymbols(std::string kallsyms);
  // The symbol at or before an address; nothing below the first one.
  std::optional<SymbolName> find(uint64_t address) const;
  size_t size() const { return symbols_.size(); }

 private:
  struct Symbol {
    uint64_t address;
    uint32_t begin, length;  // name in text_
  };
  std::string text_;
  std::vector<Symbol> symbols_;
};

}  // namespace awl
