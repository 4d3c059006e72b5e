// awl -l: probes by pattern, or those of a program.
#include <algorithm>
#include <set>

#include "artifact/artifact.h"
#include "base/glob.h"
#include "driver/program.h"
#include "probes/provider.h"
#include "types/type.h"

namespace awl {
namespace {

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (;;) {
    size_t end = text.find(at);
    parts.emplace_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// A pattern as asked for: for one provider, or (a word alone, or `*` as provider) for all.
struct Search {
  const Provider* provider = nullptr;
  std::vector<std::string> parts;  // behind the provider
};

Search parse_search(std::string_view pattern) {
  Search search{.parts = split(pattern, ':')};
  search.provider = find_provider(search.parts[0]);
  if (search.provider || (search.parts.size() > 1 && is_glob(search.parts[0]))) search.parts.erase(search.parts.begin());
  if (search.parts.empty()) search.parts.push_back("*");
  return search;
}

// The last parts of a target match the parts of the search: tracepoint:sched_switch finds tracepoint:sched:sched_switch.
bool matches(const Search& search, const Target& target) {
  if (search.parts.size() == 1 && search.parts[0] == "*") return true;
  size_t have = target.parts.size(), want = search.parts.size();
  if (want > have) return false;
  bool from_front = true, from_back = true;
  for (size_t i = 0; i < want; ++i) {
    from_front &= glob_match(search.parts[i], target.parts[i]);
    from_back &= glob_match(search.parts[i], target.parts[have - want + i]);
  }
  return from_back || (want == have && from_front);
}

std::string c_spelling(const CSpelling& type, const std::string& name) {
  size_t bracket = type.text.find('[');
  if (bracket == type.text.npos) return fmt::format("{} {}", type.text, name);
  return fmt::format("{} {}{}", type.text.substr(0, bracket), name, type.text.substr(bracket));
}

void print_fields(const Target& target, Host& host) {
  if (!target.provider->context) return;
  Result<Context> context = target.provider->context(target, host);
  if (!context) return;
  std::vector<ContextField> fields = context->args;
  if (context->retval) fields.push_back(*context->retval);
  TypeTable types(host);
  for (const ContextField& field : fields) {
    if (const auto* spelling = std::get_if<CSpelling>(&field.type)) {
      fmt::print("    {}\n", c_spelling(*spelling, field.name));
    } else if (const auto* id = std::get_if<BtfTypeId>(&field.type)) {
      fmt::print("    {} {}\n", TypeTable::text(types.from_btf(id->id, id->module, AddressSpace::kernel)), field.name);
    }
  }
}

// Prints what one provider lists; false: it cannot say.
void list_provider(const Provider& provider, const Search& search, bool fields, Host& host) {
  if (!provider.list) return;
  Result<std::vector<Target>> found = provider.list(Target{&provider, search.parts}, host);
  if (!found) return;
  std::vector<std::pair<std::string, const Target*>> lines;
  for (const Target& target : *found)
    if (matches(search, target)) lines.emplace_back(target.text(), &target);
  std::sort(lines.begin(), lines.end());
  lines.erase(std::unique(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return a.first == b.first; }), lines.end());
  for (const auto& [text, target] : lines) {
    fmt::print("{}\n", text);
    if (fields) print_fields(*target, host);
  }
}

// Each attach point of a program once, matches looked up; begin and end are left out.
int list_program(Options& options, Host& host) {
  OrEnded<Program> program = read_program(options, host);
  if (!program) return program.error().status;
  artifact::Bytes bytes(program->text.begin(), program->text.end());
  if (!program->is_object()) {
    OrEnded<artifact::Bytes> compiled = compile_program(std::move(*program), options, host);
    if (!compiled) return compiled.error().status;
    bytes = std::move(*compiled);
  }
  Result<artifact::Artifact> artifact = artifact::open(std::move(bytes));
  if (!artifact) return ended(artifact.error()).error().status;
  std::set<std::string> seen;
  for (const artifact::Program& row : artifact->meta.programs) {
    const Provider* provider = find_provider(row.provider);
    if (!provider || provider->runs_on_start || provider->runs_at_end) continue;
    Target target{provider, row.target};
    Result<std::vector<Target>> found = provider->match ? provider->match(target, host) : Result<std::vector<Target>>({target});
    if (!found) continue;
    for (const Target& one : *found) {
      if (!seen.insert(one.text()).second) continue;
      fmt::print("{}\n", one.text());
      if (options.run.session.verbose) print_fields(one, host);
    }
  }
  return 0;
}

}  // namespace

int list(Options& options, Host& host) {
  bool file = !options.operands.empty() && options.operands[0].ends_with(".bt");
  if (options.has_program || file) return list_program(options, host);
  std::string patterns = options.operands.empty() ? "*" : options.operands[0];
  for (const std::string& pattern : split(patterns, ',')) {
    Search search = parse_search(pattern);
    for (const Provider* provider : providers())
      if (!search.provider || search.provider == provider) list_provider(*provider, search, options.run.session.verbose, host);
  }
  return 0;
}

}  // namespace awl
