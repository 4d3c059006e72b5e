// awl -l: probes by pattern, or those of a program.
#include <set>

#include "artifact/artifact.h"
#include "driver/program.h"
#include "probes/list.h"
#include "probes/list_types.h"
#include "runtime/format/json.h"

namespace awl {
namespace {

// A probe, with its arguments for -v.
void append_probe(std::string& out, const Target& target, const SessionOptions& options, Host& host) {
  std::vector<std::string> arguments;
  if (options.verbose) arguments = describe_arguments(target, host);
  if (options.format == Format::json) {
    out += "{\"type\": \"probe\", \"data\": {\"probe\": ";
    append_json_string(out, target.text());
    if (options.verbose) out += ", \"arguments\": [";
    for (const std::string& argument : arguments) {
      if (&argument != &arguments[0]) out += ',';
      append_json_string(out, argument);
    }
    out += options.verbose ? "]}}\n" : "}}\n";
    return;
  }
  target.append_text(out);
  out += '\n';
  for (const std::string& argument : arguments) out += "    " + argument + "\n";
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
  std::string out;
  for (const artifact::Program& row : artifact->meta.programs) {
    const Provider* provider = find_provider(row.provider);
    if (!provider || run_by_session(provider->runs)) continue;
    Target target{provider, row.target};
    Result<std::vector<Target>> found = provider->match ? provider->match(target, host) : Result<std::vector<Target>>({target});
    if (!found) continue;
    for (const std::vector<std::string>& parts : row.also) found->push_back({provider, parts});
    for (const Target& one : *found) {
      if (!seen.insert(one.text()).second) continue;
      append_probe(out, one, options.run.session, host);
    }
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
  return 0;
}

}  // namespace

int list(Options& options, Host& host) {
  bool file = !options.operands.empty() && options.operands[0].ends_with(".bt");
  if (options.has_program || file) return list_program(options, host);
  const std::string search = options.operands.empty() ? "" : options.operands[0];
  if (is_type_search(search)) {
    Result<std::vector<std::string>> lines = list_types(search, options.run.session.verbose, host);
    if (!lines) return ended(lines.error()).error().status;
    for (const std::string& line : *lines) fmt::print("{}\n", line);
    return 0;
  }
  std::string out;
  Result<> listed = each_probe(search, host, [&](const Target& target) { append_probe(out, target, options.run.session, host); });
  if (!listed) return ended(listed.error()).error().status;
  std::fwrite(out.data(), 1, out.size(), stdout);
  return 0;
}

}  // namespace awl
