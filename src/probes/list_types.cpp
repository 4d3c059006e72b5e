#include "probes/list_types.h"

#include <cstdarg>
#include <cstdio>
#include <map>
#include <memory>
#include <set>

#include "base/glob.h"
#include "probes/btf_lookup.h"

namespace awl {
namespace {

constexpr std::string_view keywords[] = {"struct", "union", "enum"};

// The keyword of a type with members or enumerators; empty for others.
std::string_view keyword(const btf_type* type) {
  switch (btf_kind(type)) {
    case BTF_KIND_STRUCT: return keywords[0];
    case BTF_KIND_UNION: return keywords[1];
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64: return keywords[2];
    default: return {};
  }
}

void append(void* text, const char* format, va_list arguments) {
  char* line = nullptr;
  const int length = vasprintf(&line, format, arguments);
  if (length < 0) return;
  static_cast<std::string*>(text)->append(line, static_cast<size_t>(length));
  free(line);
}

// Definitions in text that libbpf wrote, by what stands before the brace: "struct list_head". Each begins and ends at the start of a line.
std::map<std::string, std::string, std::less<>> split_definitions(std::string_view text) {
  std::map<std::string, std::string, std::less<>> found;
  std::string name, body;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end);
    const bool starts = name.empty() && line.ends_with(" {\n") && line[0] != '\t';
    // A structure without members is one line.
    const size_t brace = line.find(" {");
    const bool whole = name.empty() && brace != line.npos && line.find('}') != line.npos && line[0] != '\t';
    if (starts || whole) name = line.substr(0, brace);
    if (name.empty()) continue;
    body += line;
    if (!whole && line[0] != '}') continue;
    found.emplace(std::move(name), std::move(body));
    name.clear();
    body.clear();
  }
  return found;
}

struct DumpFree {
  void operator()(btf_dump* dump) const { btf_dump__free(dump); }
};

// What of one BTF matches; of a split one only its own types. With `definitions` they are filled in.
std::map<std::string, std::string> matching(const btf* types, std::string_view kind, std::string_view pattern, bool definitions) {
  std::map<std::string, std::string> found;
  std::string text;
  std::unique_ptr<btf_dump, DumpFree> dump;
  if (definitions) dump.reset(btf_dump__new(types, append, &text, nullptr));
  const btf* base = btf__base_btf(types);
  for (uint32_t id = base ? btf__type_cnt(base) : 1; id < btf__type_cnt(types); ++id) {
    const btf_type* type = btf__type_by_id(types, id);
    if (!type || keyword(type) != kind) continue;
    const char* name = btf__name_by_offset(types, type->name_off);
    if (!name || !*name || !glob_match(pattern, name)) continue;
    found.emplace(std::string(kind) + " " + name, "");
    if (dump) btf_dump__dump_type(dump.get(), id);
  }
  if (!dump) return found;
  auto written = split_definitions(text);
  for (auto& [name, definition] : found)
    if (const auto one = written.find(name); one != written.end()) definition = std::move(one->second);
  return found;
}

}  // namespace

bool is_type_search(std::string_view search) {
  for (const std::string_view word : keywords)
    if (search.starts_with(word) && search.substr(word.size()).starts_with(' ')) return true;
  return false;
}

Result<std::vector<std::string>> list_types(std::string_view search, bool verbose, Host& host) {
  const size_t blank = search.find(' ');
  const std::string_view kind = search.substr(0, blank), pattern = search.substr(std::min(search.find_first_not_of(' ', blank), search.size()));
  AWL_TRY(all, find_btf(host, "*"));
  std::set<std::string> names;
  std::vector<std::string> lines;
  for (const NamedBtf& named : all) {
    for (auto& [name, definition] : matching(named.types, kind, pattern, verbose)) {
      if (!verbose) names.insert(name);
      else if (!definition.empty()) lines.push_back(named.module + ": " + definition);
    }
  }
  if (!verbose) lines.assign(names.begin(), names.end());
  return lines;
}

}  // namespace awl
