#include "kinds.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

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

// What stands in the folder `imported` beside a golden file can be imported by it; anyone may write files whose name starts with writable_.
void add_imported_files(awl::FakeHost& host, const std::filesystem::path& folder) {
  std::error_code absent;
  for (const auto& entry : std::filesystem::directory_iterator(folder, absent)) {
    std::ifstream in(entry.path(), std::ios::binary);
    std::string name = "imported/" + entry.path().filename().string();
    host.files[name] = std::string(std::istreambuf_iterator<char>(in), {});
    if (entry.path().filename().string().starts_with("writable_")) host.writable.insert(name);
  }
}

// The passes up to `last`, in the fake world of tests/unit/semantic/compiled.h.
struct World {
  std::unique_ptr<awl::FakeHost> host = awl::sample_world();
  awl::Unit unit;
  World(const Request& request, Sources& sources, uint32_t number, Diagnostics& diagnostics, std::string_view last)
      : unit(sources, diagnostics, *host, compile_options(request)) {
    add_imported_files(*host, request.path.parent_path() / "imported");
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
