#pragma once
// Debug information (DWARF 4 and 5) of programs and libraries: the parameters of functions with their types and places, and where source
// lines are. Files are not trusted: what is broken reads as an error or as a type that says less.
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace awl {

// A type within one DwarfFile; 0 is void.
using DwarfTypeId = uint64_t;

struct DwarfMember {
  std::string name;
  DwarfTypeId type = 0;
  uint64_t bit_offset = 0;  // from the start of the structure asked
  uint32_t bit_size = 0;    // bit-fields, else 0
};

struct DwarfType {
  enum class Kind : uint8_t {
    none,  // void, functions, and what cannot be read
    boolean, integer, floating, enumeration,
    pointer,    // also C++ references; `element` 0: to nothing that can be looked at
    array,
    structure,  // members of bases and anonymous members flattened into it
    bytes,      // of a known size only: pointers to members, complex numbers
  };
  Kind kind = Kind::none;
  std::string name;          // "task", empty for anonymous ones
  uint64_t size = 0;
  bool is_signed = false;    // integers; enumerations with negative values
  bool is_union = false;
  bool is_vector = false;    // arrays: of the machine's vector types
  bool by_reference = false; // C++ classes that are passed by address (they have a copy constructor or destructor of their own)
  DwarfTypeId element = 0;   // of pointers and arrays
  std::vector<uint64_t> counts;  // arrays: elements of each dimension, outermost first; 0: not known (flexible)
  std::vector<DwarfMember> members;
  std::vector<std::pair<std::string, uint64_t>> enumerators;
  uint32_t line = 0;         // where a structure or enumeration is declared: tells two of one name apart
};

// Where a parameter is when the first instruction of its function runs.
struct DwarfPlace {
  enum class Kind : uint8_t { refused, registers, stack } kind = Kind::refused;
  std::vector<uint32_t> registers;  // one or two, as offsets in struct pt_regs, 8 bytes each
  uint32_t stack_offset = 0;        // from the stack pointer
  std::string reason;               // refused: why, a phrase: "is a floating-point value in a vector register"
};

struct DwarfParameter {
  std::string name;  // empty where the source has none
  DwarfTypeId type = 0;
  bool by_reference = false;  // the place holds the address of the value
  DwarfPlace place;
};

struct DwarfFunction {
  std::string name;
  uint64_t address = 0;
  std::vector<DwarfParameter> parameters;
  DwarfTypeId result = 0;
};

struct SourceLine {
  std::string file;  // as the compiler recorded it
  uint32_t line = 0;
};

// The debug information of one program or library, its own or in a separate file.
class DwarfFile {
 public:
  // Looks into the binary itself, then for separate files: by build ID below each of `folders` (--debuginfo; absolute, or relative to the binary's
  // folder; a leading `+` asks for a matching checksum too) and /usr/lib/debug, then by .gnu_debuglink beside the binary, in its .debug folder and
  // in the folders. A separate file counts only when its build ID (where the binary has none: its checksum) is the right one.
  static Result<std::shared_ptr<DwarfFile>> open(const std::string& path, std::span<const std::string> folders = {});
  ~DwarfFile();

  // The function whose code begins at `address` (as in the symbol table), or without one the function called `name` (plain or mangled).
  Result<DwarfFunction> function(std::string_view name, std::optional<uint64_t> address);
  DwarfType type(DwarfTypeId id);
  // Addresses at which the statements of a line (and column, where given) of a source file begin, ascending, one for each function that has code
  // of it. `file` matches the end of the path recorded by the compiler, whole folders at a time.
  Result<std::vector<uint64_t>> address_of_line(std::string_view file, uint32_t line, uint32_t column = 0);
  // The line that the code at an address (as in the symbol table) was made of.
  std::optional<SourceLine> line_of_address(uint64_t address);
  // The file that holds the debug information: the binary, or the separate one.
  const std::string& debug_path() const;
  const std::string& path() const;

  struct Hidden;
  explicit DwarfFile(std::unique_ptr<Hidden> hidden);

 private:
  std::unique_ptr<Hidden> hidden_;
};

// A type out of debug information, as a context value's type.
struct DwarfTypeRef {
  std::shared_ptr<DwarfFile> file;
  DwarfTypeId type = 0;
};

// The file with the debug information that belongs to a binary without any of its own, as DwarfFile::open looks for it; empty when there is none.
std::string find_debug_file(const std::string& path, std::span<const std::string> folders);

}  // namespace awl
