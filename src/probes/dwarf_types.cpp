// Types out of debug information.
#include <dwarf.h>

#include <algorithm>
#include <set>

#include "probes/dwarf_internal.h"

namespace awl {
namespace {

constexpr unsigned modifiers_at_most = 64;  // typedefs and qualifiers in a row; a broken file may hold a cycle
constexpr unsigned by_value_limit = 6;      // members of members looked at for how a class is passed
constexpr unsigned nesting_limit = 32;      // bases and anonymous members within each other
constexpr size_t members_at_most = 20000, enumerators_at_most = 100000;
constexpr unsigned scopes_limit = 16;
constexpr DwarfTypeId in_type_section = DwarfTypeId{1} << 63, in_shared_file = DwarfTypeId{1} << 62;

bool is_modifier(int tag) {
  switch (tag) {
    case DW_TAG_typedef:
    case DW_TAG_const_type:
    case DW_TAG_volatile_type:
    case DW_TAG_restrict_type:
    case DW_TAG_atomic_type:
    case DW_TAG_immutable_type:
    case DW_TAG_shared_type:
      return true;
    default:
      return false;
  }
}

bool is_structure(int tag) { return tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type; }

bool flag(Dwarf_Die& die, unsigned attribute) {
  Dwarf_Attribute a;
  bool value = false;
  return dwarf_attr_integrate(&die, attribute, &a) && dwarf_formflag(&a, &value) == 0 && value;
}

template <typename Visit>
void visit_children(Dwarf_Die& parent, Visit visit) {
  Dwarf_Die child;
  if (dwarf_child(&parent, &child) != 0) return;
  do {
    if (!visit(child)) return;
  } while (dwarf_siblingof(&child, &child) == 0);
}

struct MembersOf {
  DwarfFile::Hidden* file;
  std::vector<DwarfMember>* out;
  size_t visited = 0;  // a structure of a broken file may hold itself

  // Where a member begins; none for static and virtually inherited ones.
  static std::optional<uint64_t> bits_of(Dwarf_Die& member) {
    if (auto bits = constant_of(member, DW_AT_data_bit_offset)) return bits;
    if (auto bytes = constant_of(member, DW_AT_data_member_location)) return *bytes * 8;
    Dwarf_Attribute a;
    if (dwarf_attr(&member, DW_AT_data_member_location, &a)) {
      Dwarf_Op* operations = nullptr;
      size_t count = 0;
      if (dwarf_getlocation(&a, &operations, &count) != 0 || count != 1 || operations[0].atom != DW_OP_plus_uconst) return std::nullopt;
      return operations[0].number * 8;
    }
    if (flag(member, DW_AT_external) || flag(member, DW_AT_declaration)) return std::nullopt;
    return 0;
  }

  void collect(Dwarf_Die& structure, uint64_t base, unsigned depth) {
    if (depth > nesting_limit) return;
    // Own names first: they hide those of bases.
    std::set<std::string> own;
    std::vector<Dwarf_Die> children;
    visit_children(structure, [&](Dwarf_Die& child) {
      const int tag = dwarf_tag(&child);
      if (tag != DW_TAG_member && tag != DW_TAG_inheritance) return true;
      if (tag == DW_TAG_member) own.insert(die_name(child));
      children.push_back(child);
      return ++visited < members_at_most;
    });
    for (Dwarf_Die& child : children) {
      const auto bits = bits_of(child);
      std::optional<Dwarf_Die> type = type_of(child);
      if (!bits || !type || out->size() >= members_at_most) continue;
      const bool nested = is_structure(dwarf_tag(&*type));
      if (dwarf_tag(&child) == DW_TAG_inheritance) {
        const size_t before = out->size();
        if (nested) collect(*type, base + *bits, depth + 1);
        std::erase_if(*out, [&, index = size_t{0}](const DwarfMember& m) mutable { return index++ >= before && own.contains(m.name); });
        continue;
      }
      std::string name = die_name(child);
      if (!name.empty())
        add(child, std::move(name), base + *bits, *type);
      else if (nested)
        collect(*type, base + *bits, depth + 1);
    }
  }

  void add(Dwarf_Die& child, std::string name, uint64_t bits, Dwarf_Die& type) {
    DwarfMember member{std::move(name), file->id_of(type), bits};
    if (auto size = constant_of(child, DW_AT_bit_size); size && *size > 0 && *size <= 64) {
      member.bit_size = static_cast<uint32_t>(*size);
      // DWARF 3 and older counted from the most significant bit of the storage unit.
      if (auto from_top = constant_of(child, DW_AT_bit_offset)) {
        const int bytes = dwarf_bytesize(&type);
        const auto storage = constant_of(child, DW_AT_byte_size).value_or(bytes > 0 ? static_cast<uint64_t>(bytes) : 4) * 8;
        if (*from_top + *size <= storage) member.bit_offset += storage - *from_top - *size;
      }
    }
    out->push_back(std::move(member));
  }
};

// Whether a function of a class makes copying or destroying it more than copying bytes (the Itanium C++ ABI's "non-trivial for the purposes
// of calls"). `kept` counts the copy and move constructors that may be called, `removed` the deleted ones.
bool makes_calls_non_trivial(Dwarf_Die& function, std::string_view of, unsigned& kept, unsigned& removed) {
  if (constant_of(function, DW_AT_virtuality).value_or(0) != 0) return true;
  if (flag(function, DW_AT_artificial)) return false;
  const bool by_default = constant_of(function, DW_AT_defaulted) == DW_DEFAULTED_in_class;
  const std::string name = die_name(function);
  if (name.starts_with('~')) return !by_default;
  if (name.substr(0, name.find('<')) != of.substr(0, of.find('<'))) return false;
  // A constructor: of copying or moving when its first parameter in the source is a reference to the class.
  bool copies = false;
  visit_children(function, [&](Dwarf_Die& child) {
    if (dwarf_tag(&child) != DW_TAG_formal_parameter || flag(child, DW_AT_artificial)) return true;
    auto type = type_of(child);
    const int tag = type ? dwarf_tag(&*type) : 0;
    auto target = tag == DW_TAG_reference_type || tag == DW_TAG_rvalue_reference_type ? type_of(*type) : std::nullopt;
    copies = target && die_name(*target) == of;
    return false;
  });
  if (!copies) return false;
  const bool deleted = flag(function, DW_AT_deleted);
  ++(deleted ? removed : kept);
  return !deleted && !by_default;
}

// Whether values of a class are passed by address. Some compilers say so; of others' it follows from the special functions of the class,
// its bases and its members.
bool passed_by_address(Dwarf_Die& structure, size_t& visited, unsigned depth = 0) {
  switch (constant_of(structure, DW_AT_calling_convention).value_or(0)) {
    case DW_CC_pass_by_reference:
      return true;
    case DW_CC_pass_by_value:
      return false;
    default:
      break;
  }
  const std::string name = die_name(structure);
  unsigned kept = 0, removed = 0;
  bool found = false;
  visit_children(structure, [&](Dwarf_Die& child) {
    const int tag = dwarf_tag(&child);
    if (tag == DW_TAG_subprogram) found = makes_calls_non_trivial(child, name, kept, removed);
    if (tag == DW_TAG_inheritance) found = constant_of(child, DW_AT_virtuality).value_or(0) != 0;
    if (tag == DW_TAG_member || tag == DW_TAG_inheritance) {
      auto type = MembersOf::bits_of(child) ? type_of(child) : std::nullopt;
      if (type && dwarf_tag(&*type) == DW_TAG_array_type) type = type_of(*type);
      if (type && is_structure(dwarf_tag(&*type)) && depth < by_value_limit) found = found || passed_by_address(*type, visited, depth + 1);
    }
    return !found && ++visited < members_at_most;
  });
  return found || (removed > 0 && kept == 0);
}

void read_base(Dwarf_Die& die, DwarfType& out) {
  switch (constant_of(die, DW_AT_encoding).value_or(0)) {
    case DW_ATE_boolean:
      out.kind = DwarfType::Kind::boolean;
      break;
    case DW_ATE_signed:
    case DW_ATE_signed_char:
      out.is_signed = true;
      [[fallthrough]];
    case DW_ATE_unsigned:
    case DW_ATE_unsigned_char:
    case DW_ATE_UTF:
    case DW_ATE_address:
      out.kind = DwarfType::Kind::integer;
      break;
    case DW_ATE_float:
      out.kind = DwarfType::Kind::floating;
      break;
    default:
      out.kind = DwarfType::Kind::bytes;
      break;
  }
}

void read_enumeration(Dwarf_Die& die, DwarfType& out) {
  out.kind = DwarfType::Kind::enumeration;
  if (auto underlying = type_of(die)) {
    const auto encoding = constant_of(*underlying, DW_AT_encoding);
    out.is_signed = encoding == DW_ATE_signed || encoding == DW_ATE_signed_char;
    if (out.size == 0 && dwarf_bytesize(&*underlying) > 0) out.size = static_cast<uint64_t>(dwarf_bytesize(&*underlying));
  }
  visit_children(die, [&](Dwarf_Die& child) {
    if (dwarf_tag(&child) != DW_TAG_enumerator) return true;
    Dwarf_Attribute a;
    Dwarf_Sword value = 0;
    if (dwarf_attr(&child, DW_AT_const_value, &a) && dwarf_formsdata(&a, &value) == 0)
      out.enumerators.emplace_back(die_name(child), static_cast<uint64_t>(value));
    return out.enumerators.size() < enumerators_at_most;
  });
}

void read_array(Dwarf_Die& die, DwarfType& out, DwarfFile::Hidden& file) {
  out.kind = DwarfType::Kind::array;
  out.is_vector = flag(die, DW_AT_GNU_vector);
  auto element = type_of(die);
  out.element = element ? file.id_of(*element) : 0;
  visit_children(die, [&](Dwarf_Die& child) {
    if (dwarf_tag(&child) != DW_TAG_subrange_type) return true;
    uint64_t count = constant_of(child, DW_AT_count).value_or(0);
    // "-1" is how some compilers say that the bound is not known.
    if (auto upper = constant_of(child, DW_AT_upper_bound); upper && *upper < ~uint32_t{0}) count = *upper + 1;
    out.counts.push_back(count);
    return out.counts.size() < 16;
  });
  if (out.counts.empty()) out.counts.push_back(0);
}

}  // namespace

std::string die_name(Dwarf_Die& die) {
  const char* name = dwarf_diename(&die);
  return name ? name : "";
}

std::optional<uint64_t> constant_of(Dwarf_Die& die, unsigned attribute) {
  Dwarf_Attribute a;
  if (!dwarf_attr_integrate(&die, attribute, &a)) return std::nullopt;
  switch (dwarf_whatform(&a)) {
    case DW_FORM_exprloc:
    case DW_FORM_block1:
    case DW_FORM_block2:
    case DW_FORM_block4:
    case DW_FORM_block:
      return std::nullopt;
    default:
      break;
  }
  Dwarf_Word value = 0;
  if (dwarf_formudata(&a, &value) != 0) return std::nullopt;
  return value;
}

std::optional<Dwarf_Die> type_of(Dwarf_Die& die) {
  Dwarf_Die at = die;
  for (unsigned i = 0; i < modifiers_at_most; ++i) {
    Dwarf_Attribute a;
    Dwarf_Die next;
    if (!dwarf_attr_integrate(&at, DW_AT_type, &a) || !dwarf_formref_die(&a, &next)) return std::nullopt;
    if (!is_modifier(dwarf_tag(&next))) return next;
    at = next;
  }
  return std::nullopt;
}

bool visit_entries(Dwarf_Die& parent, const std::function<bool(Dwarf_Die&, const std::string&)>& visit, const std::string& scope,
                   unsigned depth) {
  bool go_on = true;
  visit_children(parent, [&](Dwarf_Die& child) {
    const int tag = dwarf_tag(&child);
    const bool holds = tag == DW_TAG_namespace || tag == DW_TAG_module || is_structure(tag);
    if (tag == DW_TAG_subprogram || tag == DW_TAG_enumeration_type || is_structure(tag)) go_on = visit(child, scope);
    if (go_on && holds && depth < scopes_limit) go_on = visit_entries(child, visit, scope + die_name(child) + "::", depth + 1);
    return go_on;
  });
  return go_on;
}

void visit_units(Dwarf* dwarf, const std::function<bool(Dwarf_Die&)>& visit) {
  Dwarf_CU* unit = nullptr;
  Dwarf_Half version = 0;
  uint8_t type = 0;
  Dwarf_Die die, skeleton;
  while (dwarf_get_units(dwarf, unit, &unit, &version, &type, &die, &skeleton) == 0) {
    if (type == DW_UT_type || type == DW_UT_split_type) continue;
    if (!visit(die)) return;
  }
}

DwarfTypeId DwarfFile::Hidden::id_of(Dwarf_Die& die) const {
  DwarfTypeId id = dwarf_dieoffset(&die);
  Dwarf_Half version = 0;
  uint8_t type = 0;
  if (die.cu && dwarf_cu_info(die.cu, &version, &type, nullptr, nullptr, nullptr, nullptr, nullptr) == 0 && type == DW_UT_type &&
      version < 5)
    id |= in_type_section;
  if (die.cu && dwarf_cu_getdwarf(die.cu) != file.dwarf) id |= in_shared_file;
  return id;
}

std::optional<Dwarf_Die> DwarfFile::Hidden::entry(DwarfTypeId id) const {
  Dwarf* from = id & in_shared_file ? dwarf_getalt(file.dwarf) : file.dwarf;
  const Dwarf_Off offset = id & ~(in_type_section | in_shared_file);
  Dwarf_Die die;
  if (!from || !offset) return std::nullopt;
  if (!(id & in_type_section ? dwarf_offdie_types(from, offset, &die) : dwarf_offdie(from, offset, &die))) return std::nullopt;
  return die;
}

const DwarfType& DwarfFile::Hidden::type(DwarfTypeId id) {
  auto [it, fresh] = types.try_emplace(id);
  DwarfType& out = it->second;
  std::optional<Dwarf_Die> found = fresh && id ? entry(id) : std::nullopt;
  if (!found) return out;
  Dwarf_Die die = *found;
  const int tag = dwarf_tag(&die);
  if (is_structure(tag) && flag(die, DW_AT_declaration)) {
    // Only declared here: some other unit defines it.
    if (!definitions_read) {
      definitions_read = true;
      visit_units(file.dwarf, [&](Dwarf_Die& unit) {
        return visit_entries(unit, [&](Dwarf_Die& child, const std::string& scope) {
          if (is_structure(dwarf_tag(&child)) && !flag(child, DW_AT_declaration))
            definitions.try_emplace(scope + die_name(child), dwarf_dieoffset(&child));
          return definitions.size() < 1000000;
        });
      });
    }
    std::string scope;
    Dwarf_Die* scopes = nullptr;
    const int count = dwarf_getscopes_die(&die, &scopes);
    for (int i = 1; i < count - 1; ++i) scope = die_name(scopes[i]) + "::" + scope;
    std::free(scopes);
    Dwarf_Die whole;
    if (auto known = definitions.find(scope + die_name(die)); known != definitions.end() && dwarf_offdie(file.dwarf, known->second, &whole))
      die = whole;
  }
  out.name = die_name(die);
  out.line = static_cast<uint32_t>(constant_of(die, DW_AT_decl_line).value_or(0));
  if (const int size = dwarf_bytesize(&die); size > 0) out.size = static_cast<uint64_t>(size);
  switch (tag) {
    case DW_TAG_base_type:
      read_base(die, out);
      break;
    case DW_TAG_enumeration_type:
      read_enumeration(die, out);
      break;
    case DW_TAG_pointer_type:
    case DW_TAG_reference_type:
    case DW_TAG_rvalue_reference_type: {
      out.kind = DwarfType::Kind::pointer;
      out.size = 8;
      auto pointee = type_of(die);
      out.element = pointee ? id_of(*pointee) : 0;
      break;
    }
    case DW_TAG_unspecified_type:  // decltype(nullptr)
      if (out.name.contains("nullptr")) out.kind = DwarfType::Kind::pointer, out.size = 8;
      break;
    case DW_TAG_ptr_to_member_type: {
      out.kind = DwarfType::Kind::bytes;
      auto pointee = type_of(die);
      out.size = pointee && dwarf_tag(&*pointee) == DW_TAG_subroutine_type ? 16 : 8;  // the Itanium C++ ABI
      break;
    }
    case DW_TAG_array_type:
      read_array(die, out, *this);
      break;
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type: {
      out.kind = DwarfType::Kind::structure;
      out.is_union = tag == DW_TAG_union_type;
      size_t visited = 0;
      out.by_reference = passed_by_address(die, visited);
      std::vector<DwarfMember> members;
      MembersOf{this, &members}.collect(die, 0, 0);
      out.members = std::move(members);
      break;
    }
    default:
      break;
  }
  return out;
}

DwarfType DwarfFile::type(DwarfTypeId id) { return hidden_->type(id); }

}  // namespace awl
