#pragma once
// What the dwarf_*.cpp files share.
#include <elfutils/libdw.h>

#include <functional>
#include <map>

#include "probes/dwarf.h"

namespace awl {

// An ELF file that stays open, with its debug information if it has some.
struct OpenDwarf {
  OpenDwarf() = default;
  OpenDwarf(const OpenDwarf&) = delete;
  ~OpenDwarf();
  int fd = -1;
  Elf* elf = nullptr;
  Dwarf* dwarf = nullptr;
};

struct DwarfFile::Hidden {
  std::string path, debug_path;
  OpenDwarf file;
  bool x86_64 = false;
  std::map<DwarfTypeId, DwarfType> types;
  std::map<std::string, Dwarf_Off> definitions;  // full definitions of structures by qualified name, filled when an incomplete one is met
  bool definitions_read = false;
  std::map<uint64_t, Dwarf_Die> functions;  // by the address of their entry; filled when many are asked for
  unsigned function_questions = 0;

  // Identifies a type's entry: its offset, with a mark for those outside of .debug_info (type units of DWARF 4, a file shared by several).
  DwarfTypeId id_of(Dwarf_Die& die) const;
  std::optional<Dwarf_Die> entry(DwarfTypeId id) const;
  const DwarfType& type(DwarfTypeId id);
};

// Follows typedefs and qualifiers from the type attribute of an entry. None for void and what is broken.
std::optional<Dwarf_Die> type_of(Dwarf_Die& die);
std::string die_name(Dwarf_Die& die);
std::optional<uint64_t> constant_of(Dwarf_Die& die, unsigned attribute);
// Visits the entries below a unit (or a namespace, structure ...) that can hold functions and types. `visit` returns false to stop.
bool visit_entries(Dwarf_Die& parent, const std::function<bool(Dwarf_Die&, const std::string& scope)>& visit, const std::string& scope = {}, unsigned depth = 0);
// Visits all units that are not type units.
void visit_units(Dwarf* dwarf, const std::function<bool(Dwarf_Die&)>& visit);
// Places of all parameters at the entry of `function`, in order.
void place_parameters(DwarfFile::Hidden& file, Dwarf_Die& function, std::vector<Dwarf_Die>& entries, DwarfFunction& out);

}  // namespace awl
