#include "kinds.h"

#include <algorithm>
#include <array>

#include "builtins/builtin.h"
#include "codegen/codegen.h"
#include "lexer/token.h"
#include "parser/parse.h"
#include "unit/semantic/compiled.h"

namespace golden {
namespace {

using awl::Diagnostics;
using awl::Sources;

std::string run_lex(Sources& sources, uint32_t number, Diagnostics& diagnostics, const Request&) {
  return awl::print_tokens(awl::lex(sources, number, diagnostics));
}

std::string run_ast(Sources& sources, uint32_t number, Diagnostics& diagnostics, const Request&) {
  awl::ast::Script script = awl::parse(sources, number, diagnostics, awl::is_value_builtin);
  return diagnostics.has_errors() ? "" : awl::print_ast(script);
}

awl::CompileOptions compile_options(const Request& request) {
  awl::CompileOptions options{.parameters_known = true};
  for (const std::string& option : request.options) {
    if (option == "--unsafe") options.unsafe = true;
    else options.parameters.push_back(option);
  }
  return options;
}

// The passes up to `last`, in the fake world of tests/unit/semantic/compiled.h.
struct World {
  std::unique_ptr<awl::FakeHost> host = awl::sample_world();
  awl::Unit unit;
  World(const Request& request, Sources& sources, uint32_t number, Diagnostics& diagnostics, std::string_view last)
      : unit(sources, diagnostics, *host, compile_options(request)) {
    unit.script = awl::parse(sources, number, diagnostics, awl::is_value_builtin);
    if (!diagnostics.has_errors()) awl::run_until(unit, last);
  }
};

std::string run_check(Sources& sources, uint32_t number, Diagnostics& diagnostics, const Request& request) {
  World world(request, sources, number, diagnostics, "plan");
  return {};
}

std::string run_types(Sources& sources, uint32_t number, Diagnostics& diagnostics, const Request& request) {
  World world(request, sources, number, diagnostics, "fold");
  return diagnostics.has_errors() ? "" : awl::print_types(world.unit);
}

std::string run_plan(Sources& sources, uint32_t number, Diagnostics& diagnostics, const Request& request) {
  World world(request, sources, number, diagnostics, "plan");
  return diagnostics.has_errors() ? "" : awl::print_plan(world.unit);
}

std::string run_verbs(Sources& sources, uint32_t number, Diagnostics& diagnostics, const Request& request) {
  World world(request, sources, number, diagnostics, "plan");
  return diagnostics.has_errors() ? "" : awl::print_verbs(world.unit);
}

constexpr auto kinds = std::to_array<Kind>({
    {"lex", run_lex},
    {"ast", run_ast},
    {"check", run_check},
    {"types", run_types},
    {"plan", run_plan},
    {"verbs", run_verbs},
});

}  // namespace

const Kind* find_kind(std::string_view name) {
  auto it = std::ranges::find(kinds, name, &Kind::name);
  return it == kinds.end() ? nullptr : &*it;
}

std::string kind_names() {
  std::string out;
  for (const Kind& kind : kinds) out += (out.empty() ? "" : " ") + std::string(kind.name);
  return out;
}

}  // namespace golden
