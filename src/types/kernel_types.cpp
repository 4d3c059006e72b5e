#include "types/kernel_types.h"

#include <bpf/btf.h>

#include <algorithm>

namespace awl {
namespace {

// BTF from a file may hold cycles, and chains that no compiler makes.
constexpr unsigned nesting_limit = 32;       // anonymous structures within each other, modifiers in a row
constexpr unsigned chain_limit = 256;        // types that lead to each other: pointers to pointers, arrays of arrays
constexpr unsigned member_limit = 1 << 17;   // of one structure, those of anonymous ones counted in

bool is_modifier(const btf_type* t) {
  switch (btf_kind(t)) {
    case BTF_KIND_TYPEDEF:
    case BTF_KIND_CONST:
    case BTF_KIND_VOLATILE:
    case BTF_KIND_RESTRICT:
    case BTF_KIND_TYPE_TAG: return true;
    default: return false;
  }
}

// Follows typedefs, qualifiers and tags; `user` is set when a tag says so. Returns 0 for void and for what leads nowhere.
uint32_t skip_modifiers(const btf* b, uint32_t id, bool* user = nullptr) {
  for (unsigned i = 0; i < nesting_limit; ++i) {
    const btf_type* t = id ? btf__type_by_id(b, id) : nullptr;
    if (!t || !is_modifier(t)) return t ? id : 0;
    if (user && btf_kind(t) == BTF_KIND_TYPE_TAG && std::string_view(btf__name_by_offset(b, t->name_off)) == "user") *user = true;
    id = t->type;
  }
  return 0;
}

std::string name_of(const btf* b, const btf_type* t) {
  const char* name = btf__name_by_offset(b, t->name_off);
  return name ? name : "";
}

// Kernels from 6.2 on are compiled with unsigned characters: the name tells `char` from numbers of one byte.
bool is_character(const btf* b, uint32_t id) {
  const btf_type* t = btf__type_by_id(b, skip_modifiers(b, id));
  return t && btf_is_int(t) && t->size == 1 && (name_of(b, t) == "char" || name_of(b, t) == "signed char");
}

uint32_t power_of_two_dividing(uint32_t size) {
  for (uint32_t align : {8u, 4u, 2u})
    if (size % align == 0) return align;
  return 1;
}

// Kinds of C types that BTF may lack under the name the user writes.
struct Spelling {
  std::string_view name;
  uint32_t size;
  bool is_signed;
};
constexpr Spelling spellings[] = {
    {"char", 1, true},           {"short", 2, true},           {"int", 4, true},          {"long", 8, true},          {"u8", 1, false},
    {"u16", 2, false},           {"u32", 4, false},            {"u64", 8, false},         {"s8", 1, true},            {"s16", 2, true},
    {"s32", 4, true},            {"s64", 8, true},             {"int8_t", 1, true},       {"int16_t", 2, true},       {"int32_t", 4, true},
    {"int64_t", 8, true},        {"uint8_t", 1, false},        {"uint16_t", 2, false},    {"uint32_t", 4, false},     {"uint64_t", 8, false},
    {"size_t", 8, false},        {"ssize_t", 8, true},         {"pid_t", 4, true},        {"unsigned int", 4, false}, {"unsigned long", 8, false},
    {"unsigned char", 1, false}, {"unsigned short", 2, false}, {"long long", 8, true},    {"uintptr_t", 8, false},    {"unsigned long long", 8, false},
    {"__u8", 1, false},          {"__u16", 2, false},          {"__u32", 4, false},       {"__u64", 8, false},        {"signed char", 1, true},
    {"__s8", 1, true},           {"__s16", 2, true},           {"__s32", 4, true},        {"__s64", 8, true},         {"uid_t", 4, false},
    {"gid_t", 4, false},         {"off_t", 8, true},           {"umode_t", 2, false},     {"dev_t", 4, false},        {"unsigned", 4, false},
    {"long unsigned int", 8, false}, {"long int", 8, true},    {"short int", 2, true},    {"long long int", 8, true}, {"short unsigned int", 2, false},
    {"long long unsigned int", 8, false}, {"loff_t", 8, true}, {"sector_t", 8, false},    {"gfp_t", 4, false},        {"ino_t", 8, false},
};

}  // namespace

const btf* KernelTypes::open(const std::string& module) {
  auto [it, fresh] = opened_.try_emplace(module, nullptr);
  if (fresh) {
    Result<const btf*> loaded = module.empty() || module == "vmlinux" ? host_->kernel_btf() : host_->module_btf(module);
    if (loaded) it->second = *loaded;
  }
  return it->second;
}

Type KernelTypes::find_in(const std::string& module, std::string_view name, std::initializer_list<unsigned> kinds) {
  const btf* b = open(module);
  if (!b) return nullptr;
  std::string terminated(name);
  for (unsigned kind : kinds)
    if (int id = btf__find_by_name_kind(b, terminated.c_str(), kind); id > 0) return type(static_cast<uint32_t>(id), module);
  return nullptr;
}

Type KernelTypes::find(std::string_view name, std::initializer_list<unsigned> kinds) {
  if (Type own = find_in("", name, kinds)) return own;
  if (!open("")) return nullptr;
  for (const std::string& module : host_->btf_modules())
    if (Type of_module = find_in(module, name, kinds)) return of_module;
  return nullptr;
}

Type KernelTypes::find_structure(std::string_view name) { return find(name, {BTF_KIND_STRUCT, BTF_KIND_UNION}); }

Type KernelTypes::find_enumeration(std::string_view name) { return find(name, {BTF_KIND_ENUM, BTF_KIND_ENUM64}); }

Type KernelTypes::find_named(std::string_view name) {
  for (const Spelling& s : spellings)
    if (s.name == name) return table_->integer(s.size, s.is_signed);
  return find(name, {BTF_KIND_TYPEDEF, BTF_KIND_INT});
}

std::optional<std::pair<uint64_t, Type>> KernelTypes::find_enumerator(std::string_view name) {
  const btf* b = open("");
  if (!b) return std::nullopt;
  if (!enumerators_read_) {
    enumerators_read_ = true;
    uint32_t count = btf__type_cnt(b);
    for (uint32_t id = 1; id < count; ++id) {
      const btf_type* t = btf__type_by_id(b, id);
      if (btf_is_enum(t)) {
        bool is_signed = btf_kflag(t);
        for (const struct btf_enum& e : std::span(btf_enum(t), btf_vlen(t))) {
          uint64_t value = is_signed ? static_cast<uint64_t>(int64_t{e.val}) : static_cast<uint32_t>(e.val);
          enumerators_.try_emplace(btf__name_by_offset(b, e.name_off), value, id);
        }
      } else if (btf_is_enum64(t)) {
        for (const struct btf_enum64& e : std::span(btf_enum64(t), btf_vlen(t))) enumerators_.try_emplace(btf__name_by_offset(b, e.name_off), btf_enum64_value(&e), id);
      }
    }
  }
  auto found = enumerators_.find(name);
  if (found == enumerators_.end()) return std::nullopt;
  return std::pair{found->second.first, type(found->second.second, "")};
}

Type KernelTypes::type(uint32_t id, const std::string& module) {
  const btf* b = open(module);
  if (!b) return nullptr;
  auto [it, fresh] = made_.try_emplace(Key{id, module}, nullptr);
  if (fresh) {
    it->second = table_->none();  // what a type that contains itself by value would see: only broken BTF has one
    if (chain_ >= chain_limit) return it->second;
    ++chain_;
    Type made = make(b, id, module);
    --chain_;
    made_[Key{id, module}] = made;
    return made;
  }
  return it->second;
}

Type KernelTypes::make(const btf* b, uint32_t id, const std::string& module) {
  id = skip_modifiers(b, id);
  const btf_type* t = id ? btf__type_by_id(b, id) : nullptr;
  if (!t) return table_->none();
  switch (btf_kind(t)) {
    case BTF_KIND_INT:
      if (btf_int_encoding(t) & BTF_INT_BOOL) return table_->boolean();
      if (t->size != 1 && t->size != 2 && t->size != 4 && t->size != 8) return table_->array(table_->integer(1, false), t->size);
      return table_->integer(t->size, btf_int_encoding(t) & BTF_INT_SIGNED);
    case BTF_KIND_PTR: return make_pointer(b, t->type, module);
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64: return make_enumeration(b, t, id, module);
    case BTF_KIND_ARRAY: {
      const struct btf_array* a = btf_array(t);
      Type element = type(a->type, module);
      if (a->nelems && is_character(b, a->type)) return table_->string(a->nelems);
      return table_->array(element, a->nelems);
    }
    case BTF_KIND_FWD: {
      // Not in modules: nearly every structure leads to declarations, and would so have all of them read. A cast to the type finds it there.
      Type whole = find_in("", name_of(b, t), {BTF_KIND_STRUCT, BTF_KIND_UNION});
      return whole ? whole : table_->kernel_structure({.name = name_of(b, t), .is_union = btf_kflag(t) != 0});
    }
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
      return table_->kernel_structure({.size = t->size,
                                       .align = power_of_two_dividing(t->size),
                                       .name = name_of(b, t),
                                       .is_union = btf_kind(t) == BTF_KIND_UNION,
                                       .btf_id = id,
                                       .module = module});
    default: return table_->none();
  }
}

Type KernelTypes::make_pointer(const btf* b, uint32_t pointee, const std::string& module) {
  bool user = false;
  uint32_t id = skip_modifiers(b, pointee, &user);
  AddressSpace space = user ? AddressSpace::user : AddressSpace::none;
  const btf_type* t = id ? btf__type_by_id(b, id) : nullptr;
  if (!t || btf_kind(t) == BTF_KIND_FUNC_PROTO) return table_->pointer(nullptr, space);
  return table_->pointer(type(id, module), space);
}

Type KernelTypes::make_enumeration(const btf* b, const btf_type* t, uint32_t id, const std::string& module) {
  bool is_signed = btf_kflag(t);
  TypeNode node{.size = t->size, .align = power_of_two_dividing(t->size), .is_signed = is_signed, .name = name_of(b, t), .btf_id = id, .module = module};
  if (btf_is_enum64(t)) {
    for (const struct btf_enum64& e : std::span(btf_enum64(t), btf_vlen(t))) node.enumerators.push_back({btf__name_by_offset(b, e.name_off), btf_enum64_value(&e)});
  } else {
    for (const struct btf_enum& e : std::span(btf_enum(t), btf_vlen(t))) {
      uint64_t value = is_signed ? static_cast<uint64_t>(int64_t{e.val}) : static_cast<uint32_t>(e.val);
      node.enumerators.push_back({btf__name_by_offset(b, e.name_off), value});
    }
  }
  return table_->enumeration(std::move(node));
}

std::span<const Member> KernelTypes::members(Type structure) {
  auto [it, fresh] = members_.try_emplace(structure);
  if (fresh) {
    std::vector<Member> all;
    members_left_ = member_limit;
    if (const btf* b = open(structure->module)) collect(b, structure->btf_id, structure->module, 0, 0, all);
    return members_[structure] = std::move(all);
  }
  return it->second;
}

void KernelTypes::collect(const btf* b, uint32_t id, const std::string& module, uint32_t bits, unsigned depth, std::vector<Member>& out) {
  const btf_type* t = btf__type_by_id(b, id);
  if (!t || !btf_is_composite(t) || depth > nesting_limit) return;
  const struct btf_member* raw = btf_members(t);
  for (uint32_t i = 0; i < btf_vlen(t); ++i) {
    if (members_left_ == 0) return;
    --members_left_;
    uint32_t at = bits + btf_member_bit_offset(t, i);
    std::string name = btf__name_by_offset(b, raw[i].name_off);
    if (name.empty()) {
      collect(b, skip_modifiers(b, raw[i].type), module, at, depth + 1, out);
      continue;
    }
    Member member{name, type(raw[i].type, module), at / 8};
    if (uint32_t width = btf_member_bitfield_size(t, i)) {
      uint32_t unit = std::max(member.type->size, 1u) * 8;
      uint32_t start = at / unit * unit;
      if (at + width > start + unit) start = at / 8 * 8;
      member.offset = start / 8;
      member.bit_offset = static_cast<uint8_t>(at - start);
      member.bit_size = static_cast<uint8_t>(width);
    }
    out.push_back(std::move(member));
  }
}

std::vector<std::string_view> KernelTypes::structure_names() {
  std::vector<std::string_view> out;
  const btf* b = open("");
  for (uint32_t id = 1; b && id < btf__type_cnt(b); ++id)
    if (const btf_type* t = btf__type_by_id(b, id); btf_is_composite(t) && t->name_off) out.push_back(btf__name_by_offset(b, t->name_off));
  return out;
}

}  // namespace awl
