// Functions of the script.
#include "semantic/functions.h"

#include <algorithm>

#include "base/diag/operators.h"
#include "base/diag/statements.h"
#include "builtins/builtin.h"
#include "parser/walk.h"
#include "semantic/c_functions.h"
#include "semantic/type_names.h"

namespace awl {
namespace {

// BPF passes 5 arguments; one says where temporary memory is, and one where a result goes that is no number.
constexpr size_t most_arguments = 4;

Type written_type(Unit& unit, Diagnostics& diagnostics, ast::TypeName& written, std::string_view function, std::string_view what) {
  auto no_expressions = [](ast::ExprPtr&) -> Type { return nullptr; };
  Type type = resolve_type_name(unit, written, AddressSpace::kernel, no_expressions);
  if (!type) {
    diagnostics.report<Diag::unknown_type>(written.span, unknown_part(written));
    return nullptr;
  }
  bool possible = type->size != 0 && !is_aggregation(type) && !is_structure(type);
  if (possible) return type;
  diagnostics.report<Diag::function_type>(written.span, function, what, TypeTable::text(type)).hint("pass a structure by its address");
  return nullptr;
}

FunctionInstance make(Unit& unit, Diagnostics& diagnostics, ast::Function& function) {
  FunctionInstance made{.name = function.name, .name_span = function.name_span};
  for (ast::FunctionParameter& p : function.parameters)
    made.parameters.push_back({p.name, p.span, written_type(unit, diagnostics, p.type, function.name, "a parameter")});
  made.has_result = function.result.has_value();
  if (made.has_result) made.result = written_type(unit, diagnostics, *function.result, function.name, "a result");
  size_t most = most_arguments - (made.result && !is_scalar(made.result));
  if (made.parameters.size() > most) diagnostics.report<Diag::function_parameters>(function.name_span, function.name, made.parameters.size(), most);
  made.body.span = function.span;
  made.body.body = ast::clone(function.body);
  return made;
}

// Functions that a function calls, by their indices.
std::vector<int32_t> called_by(const FunctionInstance& function) {
  std::vector<int32_t> called;
  auto visit = [&](auto&& self, const auto& node) -> void {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(node)>, ast::Expr>)
      if (auto* call = std::get_if<ast::Call>(&node.node); call && call->function >= 0) called.push_back(call->function);
    ast::for_each_child(node, Overloaded{[&](const ast::ExprPtr& c) { self(self, *c); }, [&](const ast::StmtPtr& c) { self(self, *c); }});
  };
  visit(visit, function.body.body);
  return called;
}

// The way from a function back to itself over functions not yet seen; false if there is none.
bool find_way(const std::vector<std::vector<int32_t>>& calls, int32_t from, int32_t to, std::vector<bool>& seen, std::vector<int32_t>& way) {
  way.push_back(from);
  for (int32_t next : calls[static_cast<size_t>(from)]) {
    if (next == to) return true;
    if (seen[static_cast<size_t>(next)]) continue;
    seen[static_cast<size_t>(next)] = true;
    if (find_way(calls, next, to, seen, way)) return true;
  }
  way.pop_back();
  return false;
}

bool ends(const std::vector<ast::StmtPtr>& statements);

// Whether a statement never lets the next one run.
bool ends(const ast::Stmt& s) {
  if (std::holds_alternative<ast::Return>(s.node)) return true;
  if (auto* block = std::get_if<ast::Block>(&s.node)) return ends(block->statements);
  auto* branch = std::get_if<ast::If>(&s.node);
  return branch && branch->no && ends(branch->yes.statements) && ends(branch->no->statements);
}

bool ends(const std::vector<ast::StmtPtr>& statements) {
  return std::ranges::any_of(statements, [](const ast::StmtPtr& s) { return ends(*s); });
}

}  // namespace

void define_functions(Unit& unit, Diagnostics& diagnostics) {
  for (ast::Function& function : unit.script.functions) {
    auto before = std::ranges::find(unit.functions, function.name, &FunctionInstance::name);
    if (find_builtin(function.name)) diagnostics.report<Diag::function_builtin>(function.name_span, function.name).hint("choose another name");
    else if (before != unit.functions.end()) diagnostics.report<Diag::function_twice>(function.name_span, function.name).note(before->name_span, "first defined here");
    else unit.functions.push_back(make(unit, diagnostics, function));
  }
  declare_c_functions(unit, diagnostics);
}

void check_functions(Unit& unit, Diagnostics& diagnostics) {
  std::vector<std::vector<int32_t>> calls;
  for (const FunctionInstance& function : unit.functions) calls.push_back(called_by(function));
  std::vector<bool> reported(calls.size());
  for (size_t i = 0; i < unit.functions.size(); ++i) {
    const FunctionInstance& function = unit.functions[i];
    if (!function.external && function.has_result && function.result && !ends(function.body.body.statements))
      diagnostics.report<Diag::function_end>(function.name_span, function.name).hint("end it with `return value;`");
    std::vector<bool> seen(calls.size());
    std::vector<int32_t> way;
    if (reported[i] || !find_way(calls, static_cast<int32_t>(i), static_cast<int32_t>(i), seen, way)) continue;
    std::string text;
    for (int32_t step : way) {
      reported[static_cast<size_t>(step)] = true;
      text += unit.functions[static_cast<size_t>(step)].name + " -> ";
    }
    diagnostics.report<Diag::function_recursion>(function.name_span, function.name, text + function.name).hint("BPF programs cannot call themselves: use a loop");
  }
}

}  // namespace awl
