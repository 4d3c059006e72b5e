#pragma once
// What c_definitions.cpp and c_types.cpp share: a parsed C text and what was already made of it.
#include <string>
#include <unordered_map>

#include "types/c_definitions.h"
#include "types/libclang.h"

namespace awl {

// Names of the variables that hold the value and the expanded text of a macro, see assemble() in c_definitions.cpp.
inline constexpr std::string_view value_prefix = "awl_value_", text_prefix = "awl_text_";

struct CDefinitions::Hidden {
  Hidden(const LibClang& c, TypeTable& t) : clang(&c), types(&t) {}
  ~Hidden();
  Hidden(const Hidden&) = delete;

  const LibClang* clang;
  TypeTable* types;
  CXIndex index = nullptr;
  CXTranslationUnit unit = nullptr;

  // Declarations of the text by name, filled by read_declarations(). Structures and unions share one space of names, as in C.
  std::unordered_map<std::string, CXCursor> structures, enumerations, typedefs, variables;
  std::unordered_map<std::string, std::pair<uint64_t, CXCursor>> enumerators;
  void read_declarations();

  Type convert(CXType type);
  Type convert_structure(CXCursor declaration);
  Type convert_enumeration(CXCursor declaration);

 private:
  struct CursorHash {
    const LibClang* clang;
    size_t operator()(const CXCursor& c) const { return clang->hashCursor(c); }
  };
  struct CursorEqual {
    const LibClang* clang;
    bool operator()(const CXCursor& a, const CXCursor& b) const { return clang->equalCursors(a, b); }
  };
  static CXChildVisitResult visit(CXCursor cursor, CXCursor parent, CXClientData data);
  Type convert_pointer(CXType type);
  Type convert_array(CXType type);
  Type bytes(long long size);
  std::vector<Member> members(CXType structure);
  void collect(CXType structure, uint64_t bits, unsigned depth, std::vector<Member>& out);
  Member make_member(CXCursor field, std::string name, uint64_t bits);

  std::unordered_map<CXCursor, Type, CursorHash, CursorEqual> made_{0, CursorHash{clang}, CursorEqual{clang}};
};

}  // namespace awl
