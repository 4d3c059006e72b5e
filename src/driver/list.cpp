// awl -l: probes by pattern, or those of a program.
#include <set>

#include "artifact/artifact.h"
#include "driver/program.h"
#include "probes/list.h"
#include "probes/list_types.h"

namespace awl {
namespace {

// A probe, with its arguments for -v.
void print_probe(const Target& target, bool verbose, Host& host) {
  fmt::print("{}\n", target.text());
  if (!verbose) return;
  for (const std::string& line : describe_arguments(target, host)) fmt::print("    {}\n", line);
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
      print_probe(one, options.run.session.verbose, host);
    }
  }
  return 0;
}

}  // namespace

int list(Options& options, Host& host) {
  bool file = !options.operands.empty() && options.operands[0].ends_with(".bt");
  if (options.has_program || file) return list_program(options, host);
  const std::string search = options.operands.empty() ? "" : options.operands[0];
  const bool verbose = options.run.session.verbose;
  Result<std::vector<std::string>> lines = is_type_search(search) ? list_types(search, verbose, host) : list_probes(search, verbose, host);
  if (!lines) return ended(lines.error()).error().status;
  for (const std::string& line : *lines) fmt::print("{}\n", line);
  return 0;
}

}  // namespace awl
