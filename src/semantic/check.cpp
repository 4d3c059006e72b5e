#include <algorithm>
#include <set>

#include "base/diag/builtins.h"
#include "base/diag/calls.h"
#include "base/diag/hooks.h"
#include "base/diag/maps.h"
#include "base/diag/statements.h"
#include "base/diag/variables.h"
#include "builtins/builtin.h"
#include "semantic/calls.h"
#include "semantic/checker.h"
#include "semantic/functions.h"
#include "semantic/operators.h"
#include "semantic/passes.h"
#include "semantic/scopes.h"

namespace awl {
namespace {

constexpr uint64_t unroll_limit = 100;

// Whether nothing after a statement runs.
bool leaves(const ast::Stmt& s) {
  if (std::holds_alternative<ast::Return>(s.node) || std::holds_alternative<ast::Break>(s.node) || std::holds_alternative<ast::Continue>(s.node)) return true;
  auto* statement = std::get_if<ast::ExprStmt>(&s.node);
  auto* call = statement ? std::get_if<ast::Call>(&statement->value->node) : nullptr;
  return call && call->builtin && call->builtin->flags & BuiltinFlag::ends_program;
}

}  // namespace

void Checker::run() {
  if (probe_->predicate) {
    expr(*probe_->predicate);
    condition(*probe_->predicate);
  }
  statements(probe_->body.statements);
  for (const auto& [name, variable] : probe_->variables)
    if (!variable.type && variable.is_let && !variable.assigned && !variable.fixed) diagnostics_->report<Diag::unresolved_variable>(variable.declared).hint(fmt::format("give it a type: let {}: uint64", written_name(name)));
}

void Checker::statements(const std::vector<ast::StmtPtr>& list) {
  for (size_t i = 0; i < list.size(); ++i) {
    statement(*list[i]);
    if (i + 1 < list.size() && leaves(*list[i])) {
      diagnostics_->report<Diag::unreachable>(list[i + 1]->span);
      for (++i; i < list.size(); ++i) statement(*list[i]);
    }
  }
}

void Checker::statement(ast::Stmt& s) {
  std::visit(Overloaded{
                 [&](ast::ExprStmt& n) { expression_statement(n); },
                 [&](ast::Discard& n) { expr(*n.value); },
                 [&](ast::Assign& n) { assign(s, n); },
                 [&](ast::Let& n) { let(s, n); },
                 [&](ast::If& n) { if_statement(n); },
                 [&](ast::ForMap& n) { for_map(n); },
                 [&](ast::ForRange& n) { for_range(n); },
                 [&](ast::While& n) {
                   diagnostics_->report<Diag::while_deprecated>(s.span).hint("For loops support ranges (e.g. `for ($x : $start..$end) { ... }`), and can be used in place of while.");
                   expr(*n.condition);
                   condition(*n.condition);
                   loop_body(n.body);
                 },
                 [&](ast::Unroll& n) { unroll(s, n); },
                 [&](ast::Return& n) { return_statement(s, n); },
                 [&](ast::Block& n) { statements(n.statements); },
                 [&](ast::Break&) {
                   if (!loops_) diagnostics_->report<Diag::not_in_loop>(s.span, "break");
                 },
                 [&](ast::Continue&) {
                   if (!loops_) diagnostics_->report<Diag::not_in_loop>(s.span, "continue");
                 },
             },
             s.node);
}

void Checker::expression_statement(const ast::ExprStmt& s) {
  size_t before = diagnostics_->error_count();
  expr(*s.value);
  Type t = s.value->type;
  if (diagnostics_->error_count() == before && t && t->kind != Kind::none && !std::holds_alternative<ast::IncDec>(s.value->node)) diagnostics_->report<Diag::discarded>(s.value->span);
}

void Checker::condition(ast::Expr& e) {
  if (e.type && !is_condition(unit_->types, e.type)) diagnostics_->report<Diag::no_condition>(e.span, TypeTable::text(e.type)).hint("compare it with something: a condition is a number, a pointer or a comparison");
}

void Checker::loop_body(const ast::Block& body) {
  ++loops_;
  statements(body.statements);
  --loops_;
}

void Checker::if_statement(ast::If& i) {
  expr(*i.condition);
  if (i.comptime && !literal_truth(*i.condition)) {
    diagnostics_->report<Diag::comptime>(i.condition->span);
    return;
  }
  condition(*i.condition);
  statements(i.yes.statements);
  if (i.no) statements(i.no->statements);
}

void Checker::return_statement(const ast::Stmt& s, const ast::Return& r) {
  if (!r.value) {
    if (function_ && function_->has_result) diagnostics_->report<Diag::function_return>(s.span, function_->name, function_->result ? TypeTable::text(function_->result) : "a value", "nothing");
    return;
  }
  expr(*r.value);
  Type t = r.value->type;
  if (function_) {
    bool wrong = t && (!function_->has_result || (function_->result && !goes_into(*r.value, function_->result)));
    if (wrong) diagnostics_->report<Diag::function_return>(r.value->span, function_->name, function_->has_result ? TypeTable::text(function_->result) : "nothing", TypeTable::text(t));
    return;
  }
  if (t && !number_type(unit_->types, t)) diagnostics_->report<Diag::return_type>(s.span, TypeTable::text(t));
  else if (t && probe_->context.verdicts) verdict(*r.value, *probe_->context.verdicts);
}

// What a program decides is checked where it is known; what is not may be anything.
void Checker::verdict(const ast::Expr& e, const Verdicts& verdicts) {
  std::string_view kind = probe_->target.provider->name;
  auto name = [&](int64_t value) {
    auto known = std::ranges::find(verdicts.names, value, &Verdicts::Name::value);
    return known == verdicts.names.end() ? std::to_string(value) : std::string(known->name);
  };
  if (const ast::Integer* literal = integer_literal(e)) {
    auto value = static_cast<int64_t>(literal->value);
    if (value < verdicts.least || value > verdicts.most) {
      diagnostics_->report<Diag::verdict_range>(e.span, kind, verdicts.least, verdicts.most, value);
      return;
    }
    if (std::ranges::find(verdicts.passing, value) != verdicts.passing.end()) return;
  }
  if (unit_->options.unsafe) unit_->meta.needs_unsafe = true;
  else diagnostics_->report<Diag::verdict_unsafe>(e.span, name(verdicts.usual), kind).hint("give --unsafe if you are sure");
}

// `skb.mark = 1`
void Checker::assign_context(const ast::Stmt& s, const ast::Assign& a, const ast::Field& field) {
  expr(*a.target);
  if (!a.target->type) return;
  const ContextField* known = context_field_of(field, probe_->context);
  std::string written(unit_->sources->text(a.target->span));
  if (!known || !known->writable) {
    diagnostics_->report<Diag::not_assignable>(a.target->span, written).hint("only scratch variables ($x), maps (@x), their elements (@x[key]) and some fields of the context of hooks (skb.mark) can be assigned to");
    return;
  }
  if (unit_->options.unsafe) unit_->meta.needs_unsafe = true;
  else diagnostics_->report<Diag::context_unsafe>(s.span, written).hint("give --unsafe if you are sure");
  if (a.op) return operands(s.span, *a.op, *a.target, *a.value);
  if (a.value->type && !goes_into(*a.value, a.target->type))
    diagnostics_->report<Diag::variable_type>(s.span, written, TypeTable::text(a.value->type), TypeTable::text(a.target->type));
}

void Checker::unroll(const ast::Stmt& s, const ast::Unroll& u) {
  expr(*u.count);
  const ast::Integer* count = integer_literal(*u.count);
  if (!count) diagnostics_->report<Diag::unroll_value>(s.span).hint("the number of turns must be known when compiling");
  else if (count->negative || count->value < 1) diagnostics_->report<Diag::unroll_low>(s.span);
  else if (count->value > unroll_limit) diagnostics_->report<Diag::unroll_high>(s.span);
  statements(u.body.statements);
}

void Checker::for_range(const ast::ForRange& f) {
  for (ast::Expr* bound : {f.from.get(), f.to.get()}) {
    expr(*bound);
    if (bound->type && !number_type(unit_->types, bound->type)) diagnostics_->report<Diag::range_bound>(bound->span, TypeTable::text(bound->type));
  }
  ++for_loops_;
  loop_body(f.body);
  --for_loops_;
}

void Checker::for_map(const ast::ForMap& f) {
  if (auto found = unit_->maps.find(std::get<ast::MapRef>(f.map->node).name); found != unit_->maps.end()) {
    const MapInfo& info = found->second;
    if (info.kind && !info.kind->allows("for")) diagnostics_->report<Diag::kind_loop>(f.map->span, found->first, info.kind->name);
    else if (!info.value_span) diagnostics_->report<Diag::undefined_map>(f.map->span, found->first);
    else if (!info.keyed) diagnostics_->report<Diag::loop_scalar>(f.map->span, found->first);
    else if (is_aggregation(info.value) && !number_type(unit_->types, info.value)) diagnostics_->report<Diag::loop_type>(f.map->span, TypeTable::text(info.value));
  }
  ++for_loops_;
  loop_body(f.body);
  --for_loops_;
}

void Checker::let(const ast::Stmt& s, const ast::Let& l) {
  auto found = probe_->variables.find(l.name);
  if (l.type) type_name(*l.type, found == probe_->variables.end() ? nullptr : found->second.type);
  if (!l.value) return;
  expr(*l.value);
  if (found == probe_->variables.end()) return;
  Type value = l.value->type, type = found->second.type;
  if (value && value->kind == Kind::none) diagnostics_->report<Diag::no_value>(l.value->span);
  else if (value && is_aggregation(value) && !number_type(unit_->types, value)) diagnostics_->report<Diag::aggregation_variable>(s.span, TypeTable::text(value));
  else if (value && type && !goes_into(*l.value, type)) diagnostics_->report<Diag::variable_type>(s.span, written_name(l.name), TypeTable::text(value), TypeTable::text(type));
}

// Reports an aggregation read out of another map where only its function may stand. False if there was a mistake.
bool Checker::aggregation_source(const ast::Stmt& s, const ast::Assign& a, std::string_view target) {
  Type value = a.value->type;
  if (!value || !is_aggregation(value) || std::holds_alternative<ast::Call>(a.value->node)) return true;
  MapInfo& map = unit_->maps[std::string(target)];
  if (number_type(unit_->types, value) && map.value_span && is_integer(map.value)) return true;
  std::string function = TypeTable::text(value);
  function.resize(function.size() - 2);
  if (number_type(unit_->types, value)) {
    std::string source(unit_->sources->text(a.value->span));
    diagnostics_->report<Diag::aggregation_copy>(s.span, TypeTable::text(value), target, function).hint(fmt::format("Add a cast to integer if you want the value of the aggregate, e.g. `{} = (int64){};`.", target, source));
  } else {
    diagnostics_->report<Diag::aggregation_copy>(s.span, TypeTable::text(value), target, function);
  }
  return false;
}

void Checker::assign(const ast::Stmt& s, const ast::Assign& a) {
  auto* map = std::get_if<ast::MapRef>(&a.target->node);
  auto* variable = std::get_if<ast::Variable>(&a.target->node);
  expr(*a.value, map && !a.op);
  if (a.value->type && a.value->type->kind == Kind::none) {
    diagnostics_->report<Diag::no_value>(a.value->span);
    return;
  }
  if (map) assign_map(s, a, *map);
  else if (variable) assign_variable(s, a, variable->name);
  else if (auto* field = std::get_if<ast::Field>(&a.target->node)) assign_context(s, a, *field);
}

void Checker::assign_variable(const ast::Stmt& s, const ast::Assign& a, const std::string& name) {
  Type value = a.value->type;
  auto found = probe_->variables.find(name);
  if (!value || found == probe_->variables.end()) return;
  if (is_aggregation(value) && !number_type(unit_->types, value)) {
    diagnostics_->report<Diag::aggregation_variable>(s.span, TypeTable::text(value));
    return;
  }
  Type type = found->second.type;
  if (!type) return;
  if (a.op) return operands(s.span, *a.op, *a.target, *a.value);
  if (goes_into(*a.value, type)) return;
  Diagnostic& d = diagnostics_->report<Diag::variable_type>(s.span, written_name(name), TypeTable::text(value), TypeTable::text(type));
  if (found->second.type_span && found->second.type_span != s.span) d.note(found->second.type_span, fmt::format("'{}' comes from here", TypeTable::text(type)));
}

void Checker::assign_map(const ast::Stmt& s, const ast::Assign& a, const ast::MapRef& target) {
  map_ref(*a.target, target, !a.op);
  for (const ast::ExprPtr& key : target.keys) expr(*key);
  const MapInfo& map = unit_->maps[target.name];
  Type value = a.value->type;
  if (!value || !map.value || !aggregation_source(s, a, target.name)) return;
  if (value->kind == Kind::tseries && map.keyed && value->size > artifact::slot_piece)
    diagnostics_->report<Diag::tseries_many_keyed>(a.value->span, value->histogram.buckets, artifact::slot_piece / (value->size / value->histogram.buckets))
        .hint("the intervals of a key stand together in memory of each CPU, for which the kernel gives 32 KiB: make the intervals longer, or leave the key out");
  if (a.op) {
    if (is_aggregation(map.value)) {
      Type number = operand_type(unit_->types, *a.target, *a.value);
      diagnostics_->report<Diag::map_value>(s.span, target.name, TypeTable::text(number ? number : value), TypeTable::text(map.value)).note(map.value_span, fmt::format("'{}' comes from here", TypeTable::text(map.value)));
      return;
    }
    return operands(s.span, *a.op, *a.target, *a.value);
  }
  if (goes_into(*a.value, map.value)) return;
  Diagnostic& d = diagnostics_->report<Diag::map_value>(s.span, target.name, TypeTable::text(value), TypeTable::text(map.value));
  if (map.value_span && map.value_span != s.span) d.note(map.value_span, fmt::format("'{}' comes from here", TypeTable::text(map.value)));
}

void check(Unit& unit, Diagnostics& diagnostics) {
  check_maps(unit, diagnostics);
  std::set<uint32_t> wrong;  // a probe that is wrong for one of its targets is not reported for the others
  for (ProbeInstance& probe : unit.probes) {
    if (wrong.contains(probe.source)) continue;
    size_t before = diagnostics.error_count();
    Checker(unit, probe, diagnostics).run();
    if (diagnostics.error_count() != before) wrong.insert(probe.source);
  }
  for (FunctionInstance& function : unit.functions) Checker(unit, function.body, diagnostics, &function).run();
  check_functions(unit, diagnostics);
}

}  // namespace awl
