#pragma once
// The C of a script: structures, unions, enums, typedefs and #define constants, read by libclang.
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/diag/settings.h"
#include "base/diagnostics.h"
#include "types/type.h"

namespace awl {

// A piece of C as it stands in a script (or in a header that a script imports).
struct CText {
  Span span;              // where `text` begins in the script: a place in the C is mapped to span.begin plus its distance
  std::string_view text;
};

struct CSettings {
  std::vector<std::string> include_dirs;   // -I
  std::vector<std::string> include_files;  // --include
  std::span<const std::string_view> libraries;  // where to look for libclang; empty: the usual names
};

// An object-like macro as scripts see it.
struct Constant {
  struct Number {
    uint64_t value = 0;
    bool negative = false;  // `value` read as int64
    bool operator==(const Number&) const = default;
  };
  // A number, a string, or (when C cannot evaluate it) the text of an expression after expansion, to be read as the script's language.
  struct Text {
    std::string text;
    bool operator==(const Text&) const = default;
  };
  std::variant<Number, std::string, Text> value;
};

class CDefinitions {
 public:
  struct Hidden;
  explicit CDefinitions(std::unique_ptr<Hidden> hidden);
  ~CDefinitions();

  // By C name; null when the C text has no definition of it.
  Type find_structure(std::string_view name);
  Type find_enumeration(std::string_view name);
  Type find_typedef(std::string_view name);
  std::optional<std::pair<uint64_t, Type>> find_enumerator(std::string_view name);
  // Known for macros whose name stands as a word somewhere in the scripts.
  std::optional<Constant> find_constant(std::string_view name);
  std::vector<std::string_view> structure_names();

 private:
  std::unique_ptr<Hidden> hidden_;
};

// Reads the C of a script (`texts`, in order) and the headers that it includes, and makes its definitions known to `types`, where they win over
// the kernel's. Types that the C uses and does not define are taken from the kernel's BTF. Nothing is loaded when there is no C. Mistakes are
// reported with Clang's message at their place in the script (for a header: at the #include, with the header's place in the text), as
// Diag::c_definitions or Diag::c_parser; then it returns false. Layouts are those of this machine's C compilers.
bool define_c(TypeTable& types, std::span<const CText> texts, const CSettings& settings, Host& host, Diagnostics& diagnostics);

}  // namespace awl
