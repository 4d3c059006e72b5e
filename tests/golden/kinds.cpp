#include "kinds.h"

#include <algorithm>
#include <array>

#include "lexer/token.h"
#include "parser/parse.h"

namespace golden {
namespace {

using awl::Diagnostics;
using awl::Sources;
using std::filesystem::path;

// The names that stand for themselves, as far as the tests of the parser use them.
bool is_builtin(std::string_view name) { return name == "pid" || name == "tid" || name == "cpu" || name == "nsecs"; }

std::string run_lex(Sources& sources, uint32_t number, Diagnostics& diagnostics, const path&) {
  return awl::print_tokens(awl::lex(sources, number, diagnostics));
}

std::string run_ast(Sources& sources, uint32_t number, Diagnostics& diagnostics, const path&) {
  awl::ast::Script script = awl::parse(sources, number, diagnostics, is_builtin);
  return diagnostics.has_errors() ? "" : awl::print_ast(script);
}

constexpr auto kinds = std::to_array<Kind>({
    {"lex", run_lex},
    {"ast", run_ast},
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
