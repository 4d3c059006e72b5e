#include "semantic/type_names.h"

#include <algorithm>

namespace awl {
namespace {

constexpr std::string_view blanks = " \t";

std::string_view trim(std::string_view s) {
  size_t from = s.find_first_not_of(blanks);
  if (from == s.npos) return {};
  return s.substr(from, s.find_last_not_of(blanks) - from + 1);
}

bool take_prefix(std::string_view& s, std::string_view prefix) {
  if (!s.starts_with(prefix)) return false;
  s = trim(s.substr(prefix.size()));
  return true;
}

bool take_suffix(std::string_view& s, std::string_view suffix) {
  if (!s.ends_with(suffix)) return false;
  s = trim(s.substr(0, s.size() - suffix.size()));
  return true;
}

Type integer_by_name(TypeTable& types, std::string_view name) {
  bool is_signed = !name.starts_with('u');
  if (!is_signed) name.remove_prefix(1);
  for (uint32_t size : {1u, 2u, 4u, 8u})
    if (name == fmt::format("int{}", size * 8)) return types.integer(size, is_signed);
  return nullptr;
}

Type base_type(TypeTable& types, std::string_view name) {
  if (name == "bool") return types.boolean();
  if (name == "void") return types.none();
  if (Type integer = integer_by_name(types, name)) return integer;
  if (take_prefix(name, "struct ") || take_prefix(name, "union ")) return types.find_structure(name);
  if (take_prefix(name, "enum ")) return types.find_enumeration(name);
  return types.find_named(name);
}

// "unsigned long[4]", "const char *", as tracefs prints them.
Type parse_c(Unit& unit, std::string_view text, uint32_t size, bool is_signed, AddressSpace space) {
  TypeTable& types = unit.types;
  text = trim(text);
  while (take_prefix(text, "const ") || take_prefix(text, "volatile ")) {
  }
  if (take_suffix(text, "[]")) {
    if (trim(text) == "char") return types.string(static_cast<uint32_t>(unit.config.max_strlen));
    Type element = parse_c(unit, text, 0, is_signed, space);
    return types.array(element ? element : types.integer(1, false), 0);
  }
  if (size_t open = text.rfind('['); text.ends_with(']') && open != text.npos) {
    auto written = parse_unsigned(text.substr(open + 1, text.size() - open - 2));
    bool ok = written.has_value();
    uint64_t count = written.value_or(0);
    std::string_view element_text = trim(text.substr(0, open));
    Type element = parse_c(unit, element_text, ok && count ? static_cast<uint32_t>(size / count) : 0, is_signed, space);
    if (!ok) count = element && element->size ? size / element->size : 0;
    if (!element) element = types.integer(1, false), count = size;
    if (element_text == "char") return types.string(static_cast<uint32_t>(count));
    return types.array(element, static_cast<uint32_t>(count));
  }
  if (take_suffix(text, "*")) {
    Type pointee = parse_c(unit, text, 0, false, space);
    return types.pointer(pointee, space);
  }
  if (take_suffix(text, " const") || take_suffix(text, " __user")) return parse_c(unit, text, size, is_signed, space);
  Type known = base_type(types, text);
  if (known && (size == 0 || known->size == size)) return known;
  if (size == 1 || size == 2 || size == 4 || size == 8) return types.integer(size, is_signed);
  return size ? types.array(types.integer(1, false), size) : nullptr;
}

}  // namespace

std::string unknown_part(const ast::TypeName& name) { return name.name; }

Type resolve_type_name(Unit& unit, ast::TypeName& name, AddressSpace space, const std::function<Type(ast::ExprPtr&)>& type_of) {
  TypeTable& types = unit.types;
  auto suffix = name.suffixes.begin();
  Type type = nullptr;
  if (name.of) {
    type = type_of(name.of);
  } else if (name.name == "string" || name.name == "buffer") {
    uint64_t capacity = unit.config.max_strlen;
    if (suffix != name.suffixes.end() && suffix->kind == ast::TypeSuffix::array && suffix->count) capacity = (suffix++)->count.value();
    const auto size = static_cast<uint32_t>(capacity);
    type = name.name == "buffer" ? types.buffer(size) : capacity == unit.config.max_strlen ? types.whole_string(size) : types.string(size);
  } else {
    type = base_type(types, name.name);
  }
  for (; type && suffix != name.suffixes.end(); ++suffix)
    type = suffix->kind == ast::TypeSuffix::pointer ? types.pointer(type, space) : types.array(type, static_cast<uint32_t>(suffix->count.value_or(0)));
  return type;
}

Type type_of_context(Unit& unit, const ContextType& type, const Context& context) {
  AddressSpace space = context.user_pointers ? AddressSpace::user : AddressSpace::kernel;
  if (auto* id = std::get_if<BtfTypeId>(&type)) return unit.types.from_btf(id->id, id->module, space, context.direct_loads);
  if (auto* value = std::get_if<DwarfValue>(&type)) {
    Type known = unit.types.from_dwarf(value->type, space);
    return value->pointer ? unit.types.pointer(known, space) : known;
  }
  const auto& c = std::get<CSpelling>(type);
  return parse_c(unit, c.text, c.size, c.is_signed, space);
}

Type type_of_arguments(Unit& unit, const ProbeInstance& probe) {
  std::vector<Member> fields;
  for (const ContextField& field : probe.context.args) fields.push_back({field.name, type_of_context(unit, field.type, probe.context), 0});
  return unit.types.structure(probe.target.text() + "_args", std::move(fields), 0);
}

}  // namespace awl
