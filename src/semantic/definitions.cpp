// The C of a script: its types become known, its constants replace their names.
#include "base/diag/settings.h"
#include "builtins/builtin.h"
#include "parser/parse.h"
#include "parser/walk.h"
#include "semantic/passes.h"
#include "types/c_definitions.h"

namespace awl {
namespace {

constexpr unsigned nesting_limit = 16;  // macros whose text names further macros

class Constants {
 public:
  Constants(Unit& unit, Diagnostics& diagnostics) : unit_(&unit), diagnostics_(&diagnostics) {}

  void visit(ast::ExprPtr& e, unsigned depth) {
    if (auto* identifier = std::get_if<ast::Identifier>(&e->node); identifier && !find_builtin(identifier->name)) {
      std::string name = identifier->name;
      if (auto constant = unit_->types.find_constant(name)) replace(e, name, *constant, depth);
      return;
    }
    children(*e, depth);
  }
  void children(auto& node, unsigned depth) {
    ast::for_each_child(node, Overloaded{[&](ast::ExprPtr& c) { visit(c, depth); }, [&](ast::StmtPtr& c) { children(*c, depth); }});
  }

 private:
  void replace(ast::ExprPtr& e, const std::string& name, const Constant& constant, unsigned depth) {
    if (auto* number = std::get_if<Constant::Number>(&constant.value)) {
      e->node = ast::Integer{number->value, number->negative};
    } else if (auto* text = std::get_if<std::string>(&constant.value)) {
      e->node = ast::String{*text};
    } else {
      const std::string& expression = std::get<Constant::Text>(constant.value).text;
      ast::ExprPtr parsed = depth < nesting_limit ? parse_expression(expression) : nullptr;
      if (!parsed) {
        diagnostics_->report<Diag::c_constant>(e->span, expression).hint(fmt::format("'{}' is a #define that is neither a number, a string nor an expression", name));
        return;
      }
      place(*parsed, e->span);
      e = std::move(parsed);
      visit(e, depth + 1);
    }
  }

  // The text of a macro as an expression of the language; null when it is none.
  ast::ExprPtr parse_expression(const std::string& text) {
    Sources sources;
    Diagnostics mistakes(sources);
    uint32_t file = sources.add("macro", fmt::format("begin {{ _ = ({}); }}", text));
    ast::Script script = parse(sources, file, mistakes, [](std::string_view name) {
      const Builtin* row = find_builtin(name);
      return row && row->flags & BuiltinFlag::variable;
    });
    if (mistakes.has_errors() || script.probes.size() != 1 || script.probes[0].body.statements.size() != 1) return nullptr;
    auto* discard = std::get_if<ast::Discard>(&script.probes[0].body.statements[0]->node);
    return discard ? std::move(discard->value) : nullptr;
  }

  // What a macro stands for is shown where its name is used.
  static void place(auto& node, Span span) {
    node.span = span;
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(node)>, ast::Expr>) {
      if (auto* call = std::get_if<ast::Call>(&node.node)) call->name_span = span;
      if (auto* field = std::get_if<ast::Field>(&node.node)) field->name_span = span;
    }
    ast::for_each_child(node, Overloaded{[&](ast::ExprPtr& c) { place(*c, span); }, [&](ast::StmtPtr& c) { place(*c, span); }});
  }

  Unit* unit_;
  Diagnostics* diagnostics_;
};

}  // namespace

void define_types(Unit& unit, Diagnostics& diagnostics) {
  std::vector<CText> texts;
  for (const ast::CDefinition& definition : unit.script.c_definitions) texts.push_back({definition.span, definition.text});
  CSettings settings{.include_dirs = unit.options.include_dirs, .include_files = unit.options.include_files};
  if (texts.empty() && settings.include_files.empty()) return;
  if (!define_c(unit.types, texts, settings, *unit.host, diagnostics)) return;
  Constants constants(unit, diagnostics);
  for (ast::Probe& probe : unit.script.probes) {
    if (probe.predicate) constants.visit(probe.predicate, 0);
    constants.children(probe.body, 0);
  }
  for (ast::Function& function : unit.script.functions) constants.children(function.body, 0);
}

}  // namespace awl
