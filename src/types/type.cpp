#include "types/type.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "types/c_definitions.h"
#include "types/dwarf_types.h"
#include "types/kernel_types.h"

namespace awl {
namespace {

constexpr uint32_t align_up(uint32_t value, uint32_t align) { return (value + align - 1) / align * align; }

bool same_members(const std::vector<Member>& a, const std::vector<Member>& b) {
  return std::ranges::equal(a, b, [](const Member& x, const Member& y) {
    return x.name == y.name && x.type == y.type && x.offset == y.offset && x.bit_offset == y.bit_offset && x.bit_size == y.bit_size;
  });
}

bool same(const TypeNode& a, const TypeNode& b) {
  return a.kind == b.kind && a.size == b.size && a.align == b.align && a.is_signed == b.is_signed && a.element == b.element && a.count == b.count &&
         a.space == b.space && a.name == b.name && a.is_union == b.is_union && a.enumerators == b.enumerators && a.stack_mode == b.stack_mode &&
         a.truncatable == b.truncatable && a.trusted == b.trusted && a.btf_id == b.btf_id && a.module == b.module && a.definition == b.definition && a.histogram == b.histogram &&
         same_members(a.members, b.members);
}

// A hash of the members that tell most types apart.
size_t bucket(const TypeNode& n) {
  size_t h = static_cast<size_t>(n.kind);
  auto mix = [&](size_t v) { h = h * 1099511628211u ^ v; };
  mix(n.size);
  mix(n.count);
  mix(n.btf_id);
  mix(n.definition);
  mix(std::hash<const void*>{}(n.element));
  mix(std::hash<std::string>{}(n.name));
  for (const Member& m : n.members) mix(std::hash<const void*>{}(m.type));
  return h;
}

std::string_view stack_mode_text(StackMode mode) {
  switch (mode) {
    case StackMode::bpftrace: return "bpftrace";
    case StackMode::perf: return "perf";
    case StackMode::raw: return "raw";
    case StackMode::build_id: return "build_id";
  }
  return "";
}

std::string list(const TypeNode& t, bool named) {
  std::string out;
  for (const Member& m : t.members) {
    if (!out.empty()) out += named ? ", " : ",";
    out += named ? fmt::format(".{} = {}", m.name, TypeTable::text(m.type)) : TypeTable::text(m.type);
  }
  return out;
}

std::string aggregation_text(const TypeNode& t, std::string_view name) { return fmt::format("{}{}_t", t.is_signed ? "" : "u", name); }

}  // namespace

struct TypeTable::Hidden {
  std::unordered_multimap<size_t, Type> index;
  std::unique_ptr<KernelTypes> kernel;
  std::unique_ptr<CDefinitions> c;
  std::unique_ptr<DwarfTypes> dwarf;
  struct Definition {
    std::function<std::vector<Member>()> fill;  // empty once asked
    std::vector<Member> members;
  };
  std::deque<Definition> definitions;
  std::vector<Type> describing;  // structures within each other, outermost first
};

TypeTable::TypeTable(Host& host) : hidden_(std::make_unique<Hidden>()) { hidden_->kernel = std::make_unique<KernelTypes>(host, *this); }
TypeTable::~TypeTable() = default;

Type TypeTable::intern(TypeNode node) {
  size_t hash = bucket(node);
  auto [first, last] = hidden_->index.equal_range(hash);
  for (auto it = first; it != last; ++it)
    if (same(*it->second, node)) return it->second;
  Type made = &nodes_.emplace_back(std::move(node));
  hidden_->index.emplace(hash, made);
  return made;
}

bool is_scalar(Type t) {
  if (!t) return false;
  switch (t->kind) {
    case Kind::boolean:
    case Kind::integer:
    case Kind::pointer:
    case Kind::enumeration:
    case Kind::ksym:
    case Kind::username:
    case Kind::probe: return true;
    default: return false;
  }
}

Type TypeTable::none() { return intern({.kind = Kind::none}); }
Type TypeTable::boolean() { return intern({.kind = Kind::boolean, .size = 1}); }
Type TypeTable::integer(uint32_t size, bool is_signed) { return intern({.kind = Kind::integer, .size = size, .align = size, .is_signed = is_signed}); }

Type TypeTable::pointer(Type pointee, AddressSpace space, bool trusted) {
  if (pointee && pointee->kind == Kind::none) pointee = nullptr;
  return intern({.kind = Kind::pointer, .size = 8, .align = 8, .element = pointee, .space = space, .trusted = trusted});
}

Type TypeTable::array(Type element, uint32_t count) {
  return intern({.kind = Kind::array, .size = element->size * count, .align = element->align, .element = element, .count = count});
}

Type TypeTable::string(uint32_t size, bool truncatable) { return intern({.kind = Kind::string, .size = size, .align = 1, .truncatable = truncatable}); }
Type TypeTable::buffer(uint32_t capacity) { return intern({.kind = Kind::buffer, .size = capacity + 4, .align = 4}); }

Type TypeTable::tuple(std::span<const Type> elements) {
  TypeNode node{.kind = Kind::tuple};
  for (Type element : elements) {
    uint32_t offset = align_up(node.size, element->align);
    node.members.push_back({"", element, offset});
    node.size = offset + element->size;
    node.align = std::max(node.align, element->align);
  }
  node.size = align_up(node.size, node.align);
  return intern(std::move(node));
}

Type TypeTable::record(std::span<const std::pair<std::string, Type>> fields) {
  std::vector<Type> elements;
  for (const auto& [name, type] : fields) elements.push_back(type);
  TypeNode node = *tuple(elements);
  node.kind = Kind::record;
  for (size_t i = 0; i < fields.size(); ++i) node.members[i].name = fields[i].first;
  return intern(std::move(node));
}

Type TypeTable::structure(std::string name, std::vector<Member> fields, uint32_t size) {
  return intern({.kind = Kind::structure, .size = size, .align = 8, .name = std::move(name), .members = std::move(fields)});
}

Type TypeTable::stack(Kind kind, uint32_t limit, StackMode mode) {
  stack_room_ = std::max(stack_room_, artifact::stack_frame_bytes(mode) * std::max(limit, 1u));
  return intern({.kind = kind, .size = 16, .align = 8, .count = limit, .stack_mode = mode});
}

Type TypeTable::simple(Kind kind) {
  switch (kind) {
    case Kind::usym: return intern({.kind = kind, .size = 16, .align = 8});
    case Kind::cidr:
    case Kind::inet: return intern({.kind = kind, .size = 20, .align = 4});
    case Kind::macaddr: return intern({.kind = kind, .size = 6, .align = 1});
    case Kind::timestamp: return intern({.kind = kind, .size = 16, .align = 8});
    case Kind::cgroup_path: return intern({.kind = kind, .size = 16, .align = 8});
    default: return intern({.kind = kind, .size = 8, .align = 8});
  }
}

Type TypeTable::aggregation(Kind kind, bool is_signed, artifact::HistogramShape shape) {
  uint32_t size = 16;
  if (kind == Kind::count) size = 8;
  if (kind == Kind::hist || kind == Kind::lhist) size = 8 * shape.buckets;
  if (kind == Kind::tseries) size = 24 * shape.buckets;
  return intern({.kind = kind, .size = size, .align = 8, .is_signed = is_signed, .histogram = shape});
}

Type TypeTable::define_structure(std::string name, bool is_union, uint32_t size, uint32_t align, std::function<std::vector<Member>()> fill, bool flavour) {
  hidden_->definitions.push_back({std::move(fill), {}});
  auto number = static_cast<uint32_t>(hidden_->definitions.size());
  return intern({.kind = Kind::structure, .size = size, .align = align, .name = std::move(name), .is_union = is_union, .definition = number, .flavour = flavour});
}

Type TypeTable::enumeration(std::string name, uint32_t size, bool is_signed, std::vector<artifact::Enumerator> enumerators) {
  return intern({.kind = Kind::enumeration, .size = size, .align = std::max(size, 1u), .is_signed = is_signed, .name = std::move(name), .enumerators = std::move(enumerators)});
}

Type TypeTable::enumeration(TypeNode node) {
  node.kind = Kind::enumeration;
  return intern(std::move(node));
}

Type TypeTable::kernel_structure(TypeNode node) {
  node.kind = Kind::structure;
  return intern(std::move(node));
}

Type TypeTable::with_space(Type t, AddressSpace space, bool trusted) {
  if (!is_pointer(t)) return t;
  return pointer(t->element, t->space == AddressSpace::none ? space : t->space, trusted);
}

void TypeTable::adopt(std::unique_ptr<CDefinitions> definitions) { hidden_->c = std::move(definitions); }

Type TypeTable::find_structure(std::string_view name) {
  Type own = hidden_->c ? hidden_->c->find_structure(name) : nullptr;
  return own ? own : hidden_->kernel->find_structure(name);
}

Type TypeTable::find_enumeration(std::string_view name) {
  Type own = hidden_->c ? hidden_->c->find_enumeration(name) : nullptr;
  return own ? own : hidden_->kernel->find_enumeration(name);
}

Type TypeTable::find_kernel_structure(std::string_view name) { return hidden_->kernel->find_structure(name); }
Type TypeTable::find_kernel_enumeration(std::string_view name) { return hidden_->kernel->find_enumeration(name); }

Type TypeTable::find_named(std::string_view name) {
  Type own = hidden_->c ? hidden_->c->find_typedef(name) : nullptr;
  return own ? own : hidden_->kernel->find_named(name);
}

std::optional<std::pair<uint64_t, Type>> TypeTable::find_enumerator(std::string_view name) {
  auto own = hidden_->c ? hidden_->c->find_enumerator(name) : std::nullopt;
  return own ? own : hidden_->kernel->find_enumerator(name);
}

std::optional<Constant> TypeTable::find_constant(std::string_view name) { return hidden_->c ? hidden_->c->find_constant(name) : std::nullopt; }

Type TypeTable::from_btf(uint32_t id, const std::string& module, AddressSpace space, bool trusted) {
  return with_space(hidden_->kernel->type(id, module), space, trusted);
}
Type TypeTable::from_dwarf(const DwarfTypeRef& ref, AddressSpace space) {
  if (!hidden_->dwarf) hidden_->dwarf = std::make_unique<DwarfTypes>(*this);
  return hidden_->dwarf->type(ref, space);
}

std::vector<std::string_view> TypeTable::structure_names() {
  std::vector<std::string_view> names = hidden_->kernel->structure_names();
  if (hidden_->c) std::ranges::copy(hidden_->c->structure_names(), std::back_inserter(names));
  return names;
}

std::span<const Member> TypeTable::members(Type structure) const {
  if (structure->definition) {
    Hidden::Definition& definition = hidden_->definitions.at(structure->definition - 1);
    if (auto fill = std::exchange(definition.fill, {})) definition.members = fill();
    return definition.members;
  }
  if (structure->btf_id == 0) return structure->members;
  return hidden_->kernel->members(structure);
}

const Member* TypeTable::member(Type structure, std::string_view name) const {
  std::span<const Member> all = members(structure);
  auto found = std::ranges::find(all, name, &Member::name);
  return found == all.end() ? nullptr : &*found;
}

std::string TypeTable::text(Type t) {
  if (!t) return "none";
  switch (t->kind) {
    case Kind::none: return "none";
    case Kind::boolean: return "bool";
    case Kind::integer: return fmt::format("{}int{}", t->is_signed ? "" : "u", t->size * 8);
    case Kind::pointer: return (t->element ? text(t->element) : "void") + " *";
    case Kind::enumeration: return t->name.empty() ? "enum" : "enum " + t->name;
    case Kind::string: return fmt::format("string[{}]", shown_size(t));
    case Kind::buffer: return fmt::format("buffer[{}]", t->size);
    case Kind::array: return fmt::format("{}[{}]", text(t->element), t->count);
    case Kind::tuple: return fmt::format("({})", list(*t, false));
    case Kind::record: return fmt::format("record {{ {} }}", list(*t, true));
    case Kind::structure: return fmt::format("{} {}", t->is_union ? "union" : "struct", t->name.empty() ? "<anonymous>" : t->name);
    case Kind::kstack: return fmt::format("kstack_{}_{}", stack_mode_text(t->stack_mode), t->count);
    case Kind::ustack: return fmt::format("ustack_{}_{}", stack_mode_text(t->stack_mode), t->count);
    case Kind::ksym: return "ksym_t";
    case Kind::usym: return "usym_t";
    case Kind::inet: return "inet";
    case Kind::cidr: return "cidr";
    case Kind::macaddr: return "mac_address";
    case Kind::timestamp: return "timestamp";
    case Kind::username: return "username_t";
    case Kind::cgroup_path: return "cgroup_path_t";
    case Kind::probe: return "string";
    case Kind::count: return "count_t";
    case Kind::sum: return aggregation_text(*t, "sum");
    case Kind::min: return aggregation_text(*t, "min");
    case Kind::max: return aggregation_text(*t, "max");
    case Kind::avg: return aggregation_text(*t, "avg");
    case Kind::stats: return aggregation_text(*t, "stats");
    case Kind::hist: return "hist_t";
    case Kind::lhist: return "lhist_t";
    case Kind::tseries: return "tseries_t";
  }
  return "";
}

artifact::Type TypeTable::describe(Type t) {
  artifact::Type out{.kind = t->kind, .size = t->size, .is_signed = t->is_signed, .count = t->count, .stack_mode = t->stack_mode};
  out.truncatable = t->truncatable;
  out.enumerators = t->enumerators;
  if (t->kind == Kind::array) out.elements.push_back({"", 0, {describe(t->element)}});
  if (t->kind == Kind::tuple || t->kind == Kind::record || t->kind == Kind::structure) {
    // Broken BTF may have a structure that contains itself.
    if (std::ranges::find(hidden_->describing, t) != hidden_->describing.end()) return out;
    hidden_->describing.push_back(t);
    for (const Member& m : members(t)) out.elements.push_back({m.name, m.offset, {describe(m.type)}, m.bit_offset, m.bit_size});
    hidden_->describing.pop_back();
  }
  return out;
}

}  // namespace awl
