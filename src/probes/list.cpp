#include "probes/list.h"

#include <algorithm>
#include <map>

#include "base/glob.h"
#include "base/near_names.h"
#include "probes/btf_lookup.h"
#include "probes/parts.h"

namespace awl {
namespace {

// BTF has the compiler's names of the basic types; sources, and tracefs, use shorter ones.
std::string basic_name(std::string_view name) {
  constexpr std::pair<std::string_view, std::string_view> names[] = {
      {"long unsigned int", "unsigned long"},
      {"long int", "long"},
      {"short unsigned int", "unsigned short"},
      {"short int", "short"},
      {"long long unsigned int", "unsigned long long"},
      {"long long int", "long long"},
      {"_Bool", "bool"},
  };
  for (const auto& [compiler, source] : names)
    if (name == compiler) return std::string(source);
  return std::string(name);
}

// A C declaration in two halves around the name: "char " and "[16]".
struct Declaration {
  std::string before, after;
};

Declaration declare(const btf* types, uint32_t id, int depth = 0) {
  const btf_type* type = btf__type_by_id(types, id);
  if (id == 0 || !type || depth > 16) return {"void", ""};
  const char* text = btf__name_by_offset(types, type->name_off);
  const std::string name = text ? text : "";
  switch (btf_kind(type)) {
    case BTF_KIND_INT:
    case BTF_KIND_FLOAT:
      return {basic_name(name), ""};
    case BTF_KIND_TYPEDEF:
      return {name, ""};
    case BTF_KIND_STRUCT:
      return {"struct " + name, ""};
    case BTF_KIND_UNION:
      return {"union " + name, ""};
    case BTF_KIND_FWD:
      return {(btf_kflag(type) ? "union " : "struct ") + name, ""};
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64:
      return {"enum " + name, ""};
    case BTF_KIND_FUNC_PROTO:
      return {"void (*)()", ""};
    case BTF_KIND_VOLATILE:
    case BTF_KIND_RESTRICT:
    case BTF_KIND_TYPE_TAG:
      return declare(types, type->type, depth + 1);
    case BTF_KIND_CONST: {
      Declaration inner = declare(types, type->type, depth + 1);
      inner.before = inner.before.ends_with('*') ? inner.before + " const" : "const " + inner.before;
      return inner;
    }
    case BTF_KIND_PTR: {
      Declaration inner = declare(types, type->type, depth + 1);
      if (inner.before == "void (*)()") return inner;
      if (!inner.after.empty()) return {inner.before + " (*", ")" + inner.after};
      inner.before += inner.before.ends_with('*') ? "*" : " *";
      return inner;
    }
    case BTF_KIND_ARRAY: {
      const struct btf_array* array = ::btf_array(type);
      Declaration inner = declare(types, array->type, depth + 1);
      return {inner.before, fmt::format("[{}]{}", array->nelems, inner.after)};
    }
    default:
      return {"?", ""};
  }
}

std::string dwarf_text(DwarfFile& file, DwarfTypeId id, int depth = 0) {
  const DwarfType type = file.type(id);
  switch (type.kind) {
    case DwarfType::Kind::pointer: {
      std::string inner = depth < 8 && type.element ? dwarf_text(file, type.element, depth + 1) : "void";
      return inner + (inner.ends_with('*') ? "*" : " *");
    }
    case DwarfType::Kind::array: return fmt::format("{}[{}]", depth < 8 ? dwarf_text(file, type.element, depth + 1) : "?", fmt::join(type.counts, "]["));
    case DwarfType::Kind::structure: return fmt::format("{} {}", type.is_union ? "union" : "struct", type.name);
    case DwarfType::Kind::enumeration: return "enum " + type.name;
    case DwarfType::Kind::none: return "void";
    default: return basic_name(type.name);
  }
}

std::string field_text(const ContextField& field, Host& host) {
  if (const auto* spelled = std::get_if<CSpelling>(&field.type)) {
    if (std::holds_alternative<DataLocAccess>(field.access)) return fmt::format("__data_loc {} {}", spelled->text, field.name);
    const size_t bracket = std::min(spelled->text.find('['), spelled->text.size());
    return fmt::format("{} {}{}", spelled->text.substr(0, bracket), field.name, spelled->text.substr(bracket));
  }
  if (const auto* value = std::get_if<DwarfValue>(&field.type)) return fmt::format("{}{} {}", dwarf_text(*value->type.file, value->type.type), value->pointer ? " *" : "", field.name);
  const auto& id = std::get<BtfTypeId>(field.type);
  const auto types = id.module.empty() ? host.kernel_btf() : host.module_btf(id.module);
  if (!types) return "? " + field.name;
  const Declaration declaration = declare(*types, id.id);
  return fmt::format("{} {}{}", declaration.before, field.name, declaration.after);
}

bool is_return(const Provider& provider) {
  return provider.name == "kretprobe" || provider.name == "fexit" || provider.name == "uretprobe";
}

// One of the patterns that make a search.
struct Pattern {
  bool word = false;                // about the last part of probes of any kind
  std::string kind;                 // a word has "*"
  const Provider* named = nullptr;  // the one that `kind` names, if it is no pattern
  std::vector<std::string> parts;
};

Pattern split_pattern(std::string_view item) {
  Pattern pattern;
  for (size_t at = 0; at <= item.size();) {
    const size_t end = std::min(item.find(':', at), item.size());
    pattern.parts.emplace_back(item.substr(at, end - at));
    at = end + 1;
  }
  pattern.word = pattern.parts.size() == 1;
  pattern.kind = pattern.word ? "*" : pattern.parts[0];
  pattern.named = find_provider(pattern.kind);
  if (!pattern.word) pattern.parts.erase(pattern.parts.begin());
  return pattern;
}

bool is_meant(const Provider& provider, const Pattern& pattern) {
  if (!provider.list) return false;
  return pattern.named ? &provider == pattern.named : glob_match(pattern.kind, provider.name) && !is_return(provider);
}

// What a pattern finds of a kind.
Result<> list_kind(const Provider& provider, const Pattern& pattern, Host& host, const TargetSink& sink) {
  const Target target{&provider, pattern.parts};
  if (!pattern.word || pattern.parts[0] == "*") return provider.list(target, host, sink);
  // A word is about names; kinds that have none list what they have whatever is asked.
  return provider.list(target, host, [&](const Target& found) {
    if (!found.parts.empty() && !found.parts.back().empty() && glob_match(pattern.parts[0], found.parts.back())) sink(found);
  });
}

// What several patterns find of a kind, in one order, each once. A kind that cannot be listed is an error only if it is named.
Result<> list_kind(const Provider& provider, std::span<const Pattern* const> patterns, Host& host, const TargetSink& sink) {
  std::vector<Target> found;
  for (const Pattern* pattern : patterns) {
    Result<> listed = list_kind(provider, *pattern, host, patterns.size() == 1 ? sink : [&](const Target& target) { found.push_back(target); });
    if (!listed && pattern->named) return listed;
  }
  return list_sorted(std::move(found), sink);
}

}  // namespace

std::vector<std::string> describe_arguments(const Target& target, Host& host) {
  std::vector<std::string> lines;
  if (!target.provider->context) return lines;
  auto context = target.provider->context(target, host);
  if (!context) return lines;
  if (target.provider->arguments && !target.provider->arguments(target, host, *context)) return lines;
  for (const ContextField& field : context->args) lines.push_back(field_text(field, host));
  if (context->retval && context->has_args) lines.push_back(field_text(*context->retval, host));
  if (!lines.empty() || !context->registers || context->user_pointers || context->retval) return lines;
  // A kernel function whose arguments the program reads from registers: what BTF says they are.
  const auto types = host.kernel_btf();
  const auto prototype = types ? find_function(*types, target.parts.back(), host) : std::nullopt;
  if (!prototype) return lines;
  for (size_t i = 0; i < std::min(prototype->parameters.size(), context->positional.size()); ++i) {
    const Declaration declaration = declare(*types, prototype->parameters[i].type);
    lines.push_back(fmt::format("{} arg{}{}", declaration.before, i, declaration.after));
  }
  return lines;
}

Result<> each_probe(const std::string& search, Host& host, const TargetSink& sink) {
  std::vector<Pattern> patterns;
  std::string_view rest = search.empty() ? "*" : std::string_view(search);
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    patterns.push_back(split_pattern(rest.substr(0, comma)));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  std::map<std::string_view, std::pair<const Provider*, std::vector<const Pattern*>>> kinds;
  for (const Provider* provider : providers())
    for (const Pattern& pattern : patterns) {
      if (!is_meant(*provider, pattern)) continue;
      auto& [kind, meant] = kinds[provider->name];
      kind = provider;
      meant.push_back(&pattern);
    }
  // What is not about functions of the kernel is found while the list of those is read.
  std::map<std::string_view, std::vector<Target>> others;
  if (kinds.size() > 1 && std::ranges::any_of(kinds, [](const auto& kind) { return kind.second.first->kernel_functions; })) {
    host.expect_traceable_functions();
    for (const auto& [name, kind] : kinds)
      if (std::vector<Target>& found = others[name]; !kind.first->kernel_functions)
        AWL_CHECK(list_kind(*kind.first, kind.second, host, [&](const Target& target) { found.push_back(target); }));
  }
  for (const auto& [name, kind] : kinds) {
    if (others.empty() || kind.first->kernel_functions) AWL_CHECK(list_kind(*kind.first, kind.second, host, sink));
    else std::ranges::for_each(others[name], sink);
  }
  return {};
}

Result<std::vector<std::string>> list_probes(const std::string& search, bool verbose, Host& host) {
  std::vector<std::string> lines;
  AWL_CHECK(each_probe(search, host, [&](const Target& target) {
    lines.push_back(target.text());
    if (!verbose) return;
    for (const std::string& line : describe_arguments(target, host)) lines.push_back("    " + line);
  }));
  return lines;
}

std::optional<std::string> nearest_target(const Target& target, Host& host) {
  if (!target.provider || !target.provider->match) return std::nullopt;
  for (size_t i = target.parts.size(); i-- > 0;) {
    Target pattern = target;
    pattern.parts[i] = "*";
    const auto all = target.provider->match(pattern, host);
    if (!all) continue;
    // A match may have a part more in front than what was written: its module.
    const size_t from_end = target.parts.size() - i;
    std::vector<std::string_view> names;
    for (const Target& candidate : *all)
      if (from_end <= candidate.parts.size()) names.push_back(candidate.parts[candidate.parts.size() - from_end]);
    if (const auto near = nearest_name(target.parts[i], names)) {
      pattern.parts[i] = *near;
      return pattern.text();
    }
  }
  return std::nullopt;
}

}  // namespace awl
