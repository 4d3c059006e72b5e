#pragma once
// Types of traced programs, out of their debug information, as types of the language.
#include <map>
#include <tuple>

#include "probes/dwarf.h"
#include "types/type.h"

namespace awl {

class DwarfTypes {
 public:
  explicit DwarfTypes(TypeTable& table) : table_(&table) {}
  // Typedefs and qualifiers are resolved, C++ references are pointers, floating-point values are their bits as an unsigned integer, char arrays are
  // strings. Pointers get the address space. Structures lie at fixed offsets (TypeNode::definition); two units' structures of one name, size and line
  // are one type. A structure that holds itself by value (only broken files have one) does so as a member without type.
  Type type(const DwarfTypeRef& ref, AddressSpace space);

 private:
  using Key = std::tuple<const DwarfFile*, DwarfTypeId, AddressSpace>;
  using Identity = std::tuple<const DwarfFile*, std::string, uint64_t, uint32_t, size_t, AddressSpace>;  // name, size, line, members
  Type make(const DwarfTypeRef& ref, AddressSpace space);
  Type make_array(const DwarfTypeRef& ref, const DwarfType& type, AddressSpace space);
  Type make_structure(const DwarfTypeRef& ref, const DwarfType& type, AddressSpace space);
  std::vector<Member> members(const DwarfTypeRef& ref, AddressSpace space);
  bool holds(DwarfFile& file, DwarfTypeId outer, DwarfTypeId inner, unsigned depth, unsigned& budget);
  Type bytes(uint64_t size);

  TypeTable* table_;
  unsigned depth_ = 0;
  std::map<Key, Type> made_;
  std::map<Identity, Type> structures_;
};

}  // namespace awl
