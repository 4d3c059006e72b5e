#pragma once
// A program or library that some process has mapped.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/format/names.h"
#include "runtime/load.h"
#include "runtime/symbol_table.h"

namespace awl {

class DwarfFile;

// How symbols of user space are shown.
struct SymbolStyle {
  bool demangle = true;
  bool lines = false;  // "file:line" from debug information (SymbolName::place)
};

// Its symbols are read when the first address in it is named, once, from the file itself and from its separate debug file. The file is held open, so
// that it can be read after the process has ended, or the file was removed.
class MappedFile {
 public:
  // `path` is where the file can be found with its surroundings (empty: nowhere but behind the descriptor).
  MappedFile(Fd file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  // The kernel's vDSO, which every process has.
  static std::unique_ptr<MappedFile> vdso();

  // Name and place of the code at an offset in the file; nothing where no function is known.
  std::optional<SymbolName> find(uint64_t offset, const SymbolStyle& style);

 private:
  struct Segment {
    uint64_t address, size, offset;
  };
  void read_symbols();
  std::string place(uint64_t address);

  Fd file_;
  std::string path_;
  bool read_ = false, dwarf_read_ = false;
  std::vector<Segment> segments_;
  SymbolTable table_;
  std::shared_ptr<DwarfFile> dwarf_;
  std::unordered_map<uint64_t, std::optional<SymbolName>> named_;  // by offset
};

// The name of a C++ or Rust function as its source has it; other names unchanged.
std::string demangled(std::string_view name);

}  // namespace awl
