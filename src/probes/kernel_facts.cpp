#include "probes/kernel_facts.h"

#include <optional>

#include "probes/btf_lookup.h"
#include "probes/provider.h"

namespace awl {
namespace {

constexpr std::string_view type_word = "type ", field_word = "field ", probe_word = "probe ", function_word = "function ", call_word = "call ";
constexpr unsigned nesting_limit = 16;  // anonymous structures within each other; BTF may hold a cycle

struct Found {
  const btf* types = nullptr;
  uint32_t id = 0;
};

// "struct NAME" in the kernel's BTF, or else in a module's. A declaration without a definition does not count.
Result<std::optional<Found>> find_type(std::string_view written, Host& host) {
  const size_t blank = written.find(' ');
  const std::string_view kind = written.substr(0, blank);
  const std::string name(blank == written.npos ? "" : written.substr(blank + 1));
  const bool is_enum = kind == "enum";
  if (name.empty() || !(is_enum || kind == "struct" || kind == "union")) return fail(0, "'{}' is no type that can be asked for", written);
  const auto fits = [&](unsigned found) {
    return is_enum ? found == BTF_KIND_ENUM || found == BTF_KIND_ENUM64 : found == unsigned{kind == "union" ? BTF_KIND_UNION : BTF_KIND_STRUCT};
  };
  // The modules are only looked through for what the kernel itself does not have.
  for (const std::string_view where : {"vmlinux", "*"}) {
    AWL_TRY(all, find_btf(host, where));
    for (const NamedBtf& named : all)
      for (const unsigned wanted : {unsigned{BTF_KIND_STRUCT}, unsigned{BTF_KIND_UNION}, unsigned{BTF_KIND_ENUM}, unsigned{BTF_KIND_ENUM64}}) {
        const int id = fits(wanted) ? btf__find_by_name_kind(named.types, name.c_str(), wanted) : 0;
        if (id > 0) return Found{named.types, static_cast<uint32_t>(id)};
      }
  }
  return std::nullopt;
}

bool is_composite(const btf_type* type) { return type && (btf_is_struct(type) || btf_is_union(type)); }

// The type of a member, looked for in anonymous members too; 0: there is none.
uint32_t find_member(const btf* types, uint32_t id, std::string_view name, unsigned depth = 0) {
  const btf_type* type = btf__type_by_id(types, skip_modifiers(types, id));
  if (!is_composite(type) || depth > nesting_limit) return 0;
  const btf_member* members = btf_members(type);
  for (uint32_t i = 0; i < btf_vlen(type); ++i) {
    const char* text = btf__name_by_offset(types, members[i].name_off);
    if (text && *text) {
      if (name == text) return members[i].type;
    } else if (const uint32_t inner = find_member(types, members[i].type, name, depth + 1)) {
      return inner;
    }
  }
  return 0;
}

Result<bool> has_member(std::string_view question, Host& host) {
  const size_t blank = question.rfind(' ');
  if (blank == question.npos) return fail(0, "'{}' is no question for a member", question);
  AWL_TRY(found, find_type(question.substr(0, blank), host));
  if (!found) return false;
  uint32_t id = found->id;
  for (std::string_view path = question.substr(blank + 1); !path.empty();) {
    const size_t dot = std::min(path.find('.'), path.size());
    id = find_member(found->types, id, path.substr(0, dot));
    if (id == 0) return false;
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return true;
}

Result<bool> has_function(std::string_view name, Host& host) {
  for (const std::string_view where : {"vmlinux", "*"}) {
    AWL_TRY(all, find_btf(host, where));
    for (const NamedBtf& named : all)
      if (btf__find_by_name_kind(named.types, std::string(name).c_str(), BTF_KIND_FUNC) > 0) return true;
  }
  return false;
}

Result<bool> has_probe(std::string_view attach_point, Host& host) {
  const size_t colon = std::min(attach_point.find(':'), attach_point.size());
  const Provider* provider = find_provider(attach_point.substr(0, colon));
  if (!provider || !provider->parse) return false;
  std::vector<std::string> parts;
  for (size_t at = colon + 1; at <= attach_point.size();) {
    const size_t end = std::min(attach_point.find(':', at), attach_point.size());
    parts.emplace_back(attach_point.substr(at, end - at));
    at = end + 1;
  }
  Sources sources;
  Diagnostics ignored(sources);
  const std::optional<Target> target = provider->parse(parts, {}, ignored);
  if (!target) return false;
  if (!provider->match) return true;
  const auto matches = provider->match(*target, host);
  return matches && !matches->empty();
}

}  // namespace

std::string type_question(std::string_view type) { return fmt::format("{}{}", type_word, type); }
std::string field_question(std::string_view type, std::string_view member) { return fmt::format("{}{} {}", field_word, type, member); }
std::string function_question(std::string_view function) { return fmt::format("{}{}", function_word, function); }
std::string call_question(std::string_view section, std::string_view function) { return fmt::format("{}{} {}", call_word, section, function); }
std::string probe_question(std::string_view attach_point) { return fmt::format("{}{}", probe_word, attach_point); }

Result<bool> kernel_fact(std::string_view question, Host& host) {
  if (question.starts_with(type_word)) {
    AWL_TRY(found, find_type(question.substr(type_word.size()), host));
    return found.has_value();
  }
  if (question.starts_with(field_word)) return has_member(question.substr(field_word.size()), host);
  if (question.starts_with(probe_word)) return has_probe(question.substr(probe_word.size()), host);
  if (question.starts_with(function_word)) return has_function(question.substr(function_word.size()), host);
  if (question.starts_with(call_word)) {
    question.remove_prefix(call_word.size());
    const size_t blank = std::min(question.rfind(' '), question.size() - 1);
    return host.may_call(std::string(question.substr(blank + 1)), std::string(question.substr(0, blank)));
  }
  return fail(0, "the program asks '{}' of the kernel, which this awl does not understand", question);
}

}  // namespace awl
