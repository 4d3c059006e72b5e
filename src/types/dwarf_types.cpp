#include "types/dwarf_types.h"

#include <algorithm>
#include <limits>

namespace awl {
namespace {

constexpr uint64_t largest = std::numeric_limits<uint32_t>::max();
constexpr unsigned nesting_limit = 32, chain_limit = 256;
constexpr unsigned parts_at_most = 20000;

}  // namespace

Type DwarfTypes::bytes(uint64_t size) { return size > largest ? table_->none() : table_->array(table_->integer(1, false), static_cast<uint32_t>(size)); }

Type DwarfTypes::type(const DwarfTypeRef& ref, AddressSpace space) {
  auto [it, fresh] = made_.try_emplace(Key{ref.file.get(), ref.type, space}, nullptr);
  if (!fresh) return it->second ? it->second : table_->none();  // null while it is made: a pointer or array of itself, which only broken files have
  ++depth_;  // a broken file may hold a long chain of pointers to pointers
  Type made = depth_ > chain_limit ? table_->none() : make(ref, space);
  --depth_;
  return made_[Key{ref.file.get(), ref.type, space}] = made;
}

Type DwarfTypes::make(const DwarfTypeRef& ref, AddressSpace space) {
  const DwarfType t = ref.file->type(ref.type);
  const bool fits_register = t.size == 1 || t.size == 2 || t.size == 4 || t.size == 8;
  switch (t.kind) {
    case DwarfType::Kind::none: return table_->none();
    case DwarfType::Kind::boolean: return t.size == 1 ? table_->boolean() : bytes(t.size);
    case DwarfType::Kind::integer: return fits_register ? table_->integer(static_cast<uint32_t>(t.size), t.is_signed) : bytes(t.size);
    case DwarfType::Kind::floating: return fits_register ? table_->integer(static_cast<uint32_t>(t.size), false) : bytes(t.size);
    case DwarfType::Kind::bytes: return bytes(t.size);
    case DwarfType::Kind::pointer: return table_->pointer(t.element ? type({ref.file, t.element}, space) : nullptr, space);
    case DwarfType::Kind::enumeration: {
      if (!fits_register) return bytes(t.size);
      std::vector<artifact::Enumerator> list;
      for (const auto& [name, value] : t.enumerators) list.push_back({name, value});
      return table_->enumeration(t.name, static_cast<uint32_t>(t.size), t.is_signed, std::move(list));
    }
    case DwarfType::Kind::array: return make_array(ref, t, space);
    case DwarfType::Kind::structure: return make_structure(ref, t, space);
  }
  return table_->none();
}

Type DwarfTypes::make_array(const DwarfTypeRef& ref, const DwarfType& t, AddressSpace space) {
  Type made = t.element ? type({ref.file, t.element}, space) : nullptr;
  if (!made || made->kind == Kind::none) return bytes(t.size);
  for (auto count = t.counts.rbegin(); count != t.counts.rend(); ++count) {
    if (*count > largest / std::max(made->size, 1u)) return table_->none();
    const bool text = *count && made == table_->integer(1, true);
    made = text ? table_->string(static_cast<uint32_t>(*count)) : table_->array(made, static_cast<uint32_t>(*count));
  }
  return made;
}

Type DwarfTypes::make_structure(const DwarfTypeRef& ref, const DwarfType& t, AddressSpace space) {
  if (t.size > largest) return table_->none();
  const auto define = [&] {
    // Alignment is not recorded: the largest that the size and the members' places allow.
    uint32_t align = 8;
    while (align > 1 && t.size % align != 0) align /= 2;
    return table_->define_structure(t.name, t.is_union, static_cast<uint32_t>(t.size), align, [this, ref, space] { return members(ref, space); });
  };
  if (t.name.empty()) return define();
  auto [it, fresh] = structures_.try_emplace(Identity{ref.file.get(), t.name, t.size, t.line, t.members.size(), space}, nullptr);
  if (fresh) it->second = define();
  return it->second;
}

// Whether values of `outer` have `inner` in them.
bool DwarfTypes::holds(DwarfFile& file, DwarfTypeId outer, DwarfTypeId inner, unsigned depth, unsigned& budget) {
  if (outer == inner || depth > nesting_limit || budget == 0) return true;
  --budget;
  const DwarfType t = file.type(outer);
  if (t.kind == DwarfType::Kind::array) return t.element && holds(file, t.element, inner, depth + 1, budget);
  if (t.kind != DwarfType::Kind::structure) return false;
  return std::ranges::any_of(t.members, [&](const DwarfMember& m) { return holds(file, m.type, inner, depth + 1, budget); });
}

std::vector<Member> DwarfTypes::members(const DwarfTypeRef& ref, AddressSpace space) {
  const DwarfType t = ref.file->type(ref.type);
  std::vector<Member> out;
  for (const DwarfMember& m : t.members) {
    unsigned budget = parts_at_most;
    const bool sound = m.bit_offset / 8 <= t.size && !holds(*ref.file, m.type, ref.type, 0, budget);
    Member member{.name = m.name, .type = sound ? type({ref.file, m.type}, space) : table_->none(), .offset = static_cast<uint32_t>(m.bit_offset / 8)};
    if (m.bit_offset / 8 > t.size) continue;
    if (m.bit_size) {
      const uint64_t unit = uint64_t{std::max(member.type->size, 1u)} * 8;
      uint64_t start = m.bit_offset / unit * unit;
      if (m.bit_offset + m.bit_size > start + unit) start = m.bit_offset / 8 * 8;
      member.offset = static_cast<uint32_t>(start / 8);
      member.bit_offset = static_cast<uint8_t>(m.bit_offset - start);
      member.bit_size = static_cast<uint8_t>(m.bit_size);
    }
    out.push_back(std::move(member));
  }
  return out;
}

}  // namespace awl
