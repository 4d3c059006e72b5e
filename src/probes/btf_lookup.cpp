#include "probes/btf_lookup.h"

#include <algorithm>

#include "base/glob.h"
#include "base/sort_texts.h"

namespace awl {
namespace {

std::string_view text_at(const btf* types, uint32_t offset) {
  const char* text = btf__name_by_offset(types, offset);
  return text ? text : "";
}

std::optional<BtfPrototype> prototype(const btf* types, uint32_t id) {
  const btf_type* type = btf__type_by_id(types, id);
  if (!type || !btf_is_func_proto(type)) return std::nullopt;
  BtfPrototype made;
  made.result = type->type;
  const btf_param* parameter = btf_params(type);
  for (unsigned i = 0; i < btf_vlen(type); ++i, ++parameter) {
    if (parameter->type == 0) return std::nullopt;  // `...`
    made.parameters.push_back({std::string(text_at(types, parameter->name_off)), parameter->type});
  }
  return made;
}

// From this many questions on a table is quicker.
constexpr unsigned few_questions = 8;

uint32_t first_own(const btf* types) {
  const btf* base = btf__base_btf(types);
  return base ? btf__type_cnt(base) : 1;
}

void fill(BtfNames& names, const btf* types, uint32_t kind) {
  const uint32_t end = btf__type_cnt(types);
  for (uint32_t id = first_own(types); id < end; ++id) {
    const btf_type* type = btf__type_by_id(types, id);
    if (btf_kind(type) == kind) names.ids.try_emplace(text_at(types, type->name_off), id);
  }
  names.filled = true;
}

}  // namespace

uint32_t skip_modifiers(const btf* types, uint32_t id) {
  for (int steps = 0; steps < 64; ++steps) {
    const btf_type* type = btf__type_by_id(types, id);
    if (!type || (!btf_is_mod(type) && !btf_is_typedef(type) && !btf_is_type_tag(type))) break;
    id = type->type;
  }
  return id;
}

uint32_t type_size(const btf* types, uint32_t id) {
  const int64_t size = btf__resolve_size(types, id);
  return size > 0 && size <= UINT32_MAX ? static_cast<uint32_t>(size) : 0;
}

uint32_t find_named(const btf* types, const std::string& name, uint32_t kind, Host& host) {
  BtfNames& names = host.btf_names[{types, kind}];
  if (!names.filled && ++names.questions > few_questions) fill(names, types, kind);
  if (names.filled) {
    const auto found = names.ids.find(name);
    return found == names.ids.end() ? 0 : found->second;
  }
  const uint32_t end = btf__type_cnt(types);
  for (uint32_t id = first_own(types); id < end; ++id) {
    const btf_type* type = btf__type_by_id(types, id);
    if (btf_kind(type) == kind && text_at(types, type->name_off) == name) return id;
  }
  return 0;
}

std::optional<BtfPrototype> find_function(const btf* types, const std::string& name, Host& host) {
  const uint32_t id = find_named(types, name, BTF_KIND_FUNC, host);
  if (id == 0) return std::nullopt;
  return prototype(types, btf__type_by_id(types, id)->type);
}

std::optional<BtfPrototype> find_function_pointer(const btf* types, const std::string& typedef_name, Host& host) {
  const uint32_t id = find_named(types, typedef_name, BTF_KIND_TYPEDEF, host);
  if (id == 0) return std::nullopt;
  const btf_type* pointer = btf__type_by_id(types, skip_modifiers(types, id));
  if (!pointer || !btf_is_ptr(pointer)) return std::nullopt;
  return prototype(types, skip_modifiers(types, pointer->type));
}

std::vector<std::string_view> names_of_kind(const btf* types, uint32_t kind, std::string_view prefix, std::string_view pattern, Host& host) {
  std::vector<std::string_view> names;
  const auto take = [&](std::string_view name) {
    if (name.starts_with(prefix) && glob_match(pattern, name.substr(prefix.size()))) names.push_back(name.substr(prefix.size()));
  };
  std::vector<std::string_view>& all = host.btf_names[{types, kind}].sorted;
  if (!all.empty()) {
    for (const std::string_view name : all) take(name);
    return names;
  }
  const uint32_t end = btf__type_cnt(types);
  for (uint32_t id = first_own(types); id < end; ++id) {
    const btf_type* type = btf__type_by_id(types, id);
    if (btf_kind(type) == kind) take(text_at(types, type->name_off));
  }
  sort_texts(names, [](std::string_view name) { return name; });
  if (prefix.empty() && pattern == "*") all = names;
  return names;
}

Result<std::vector<NamedBtf>> find_btf(Host& host, std::string_view pattern) {
  std::vector<NamedBtf> found;
  if (glob_match(pattern, "vmlinux")) {
    AWL_TRY(kernel, host.kernel_btf());
    found.push_back({"vmlinux", kernel});
  }
  if (pattern == "vmlinux") return found;
  for (const std::string& module : host.btf_modules()) {
    if (!glob_match(pattern, module)) continue;
    if (const auto types = host.module_btf(module)) found.push_back({module, *types});
  }
  return found;
}

}  // namespace awl
