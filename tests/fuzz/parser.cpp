// Any bytes as a script: the parser must end with a tree or errors, and what works on trees must cope with every tree it makes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "parser/format.h"
#include "parser/parse.h"
#include "parser/walk.h"

namespace {

bool is_builtin(std::string_view name) { return name == "pid"; }

void check_same(const awl::ast::Script& script) {
  using namespace awl::ast;
  for (const Probe& probe : script.probes) {
    Block copy = clone(probe.body);
    if (copy.statements.size() != probe.body.statements.size()) std::abort();
    if (probe.predicate && awl::print_ast(*clone(*probe.predicate)) != awl::print_ast(*probe.predicate)) std::abort();
  }
}

// Formatting keeps the meaning, and doing it again changes nothing.
void check_format(awl::Sources& sources, const awl::ast::Script& script) {
  std::string once = awl::format(sources, script);
  awl::Diagnostics diagnostics(sources);
  awl::ast::Script again = awl::parse(sources, sources.add("formatted", once), diagnostics, is_builtin);
  if (diagnostics.has_errors() || awl::print_ast(again) != awl::print_ast(script) || awl::format(sources, again) != once) {
    fmt::print(stderr, "--- formatted\n{}--- again\n{}{}", once, awl::format(sources, again), awl::render(diagnostics, {}));
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  awl::Sources sources;
  awl::Diagnostics diagnostics(sources);
  uint32_t file = sources.add("fuzz", std::string(reinterpret_cast<const char*>(data), size));
  awl::ast::Script script = awl::parse(sources, file, diagnostics, is_builtin);
  awl::print_ast(script);
  awl::render(diagnostics, {});
  check_same(script);
  if (!diagnostics.has_errors()) check_format(sources, script);
  return 0;
}
