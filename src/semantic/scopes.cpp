#include "semantic/scopes.h"

#include <set>

#include "base/diag/calls.h"
#include "base/diag/variables.h"
#include "builtins/builtin.h"
#include "parser/walk.h"
#include "semantic/calls.h"

namespace awl {
namespace {

struct Declaration {
  std::string unique;
  Span place;
  bool is_let = false;
};

class Resolver {
 public:
  Resolver(ProbeInstance& probe, Diagnostics& diagnostics) : probe_(&probe), diagnostics_(&diagnostics) {}

  void run(std::span<const FunctionInstance::Parameter> parameters) {
    scopes_.emplace_back();
    for (const FunctionInstance::Parameter& p : parameters) {
      if (Declaration* before = find(p.name)) {
        diagnostics_->report<Diag::shadowing>(p.span, p.name).note(before->place, "This is the initial declaration.");
        continue;
      }
      VariableInfo& info = probe_->variables[declare(p.name, p.span, false)];
      info.type = p.type;
      info.fixed = true;
      info.type_span = p.span;
    }
    if (probe_->predicate) expr(*probe_->predicate);
    block(probe_->body);
    for (const auto& [name, info] : probe_->variables)
      if (info.is_let && !assigned_.contains(name) && !info.fixed) diagnostics_->report<Diag::never_assigned>(info.declared, written_name(name));
    for (const std::string& name : assigned_)
      if (auto found = probe_->variables.find(name); found != probe_->variables.end()) found->second.assigned = true;
    for (const auto& [name, span] : used_early_)
      if (assigned_.contains(name)) diagnostics_->report<Diag::used_before_assigned>(span, written_name(name));
  }

 private:
  using Scope = std::map<std::string, Declaration>;

  Declaration* find(const std::string& name) {
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope)
      if (auto found = scope->find(name); found != scope->end()) return &found->second;
    return nullptr;
  }

  std::string declare(const std::string& name, Span place, bool is_let) {
    unsigned count = ++uses_[name];
    std::string unique = count == 1 ? name : fmt::format("{}#{}", name, count);
    scopes_.back()[name] = {unique, place, is_let};
    probe_->variables[unique] = {.declared = place, .is_let = is_let};
    return unique;
  }

  void scoped(std::vector<ast::StmtPtr>& statements, ast::Expr* value = nullptr) {
    scopes_.emplace_back();
    for (ast::StmtPtr& s : statements) stmt(*s);
    if (value) expr(*value);
    scopes_.pop_back();
  }

  void block(ast::Block& b) { scoped(b.statements); }

  void use(std::string& name, Span span) {
    if (Declaration* d = find(name)) {
      if (d->is_let && !assigned_.contains(d->unique) && !probe_->variables[d->unique].fixed) used_early_.try_emplace(d->unique, span);
      name = d->unique;
      probe_->variables[name].used = true;
      return;
    }
    if (reported_.insert(name).second) diagnostics_->report<Diag::undefined_variable>(span, written_name(name));
  }

  void expr(ast::Expr& e) {
    if (auto* variable = std::get_if<ast::Variable>(&e.node)) return use(variable->name, e.span);
    if (auto* c = std::get_if<ast::Call>(&e.node)) return call(*c);
    if (auto* b = std::get_if<ast::BlockExpr>(&e.node)) return scoped(b->statements, b->value.get());
    children(e);
  }

  // A variable that a call sets need not have a value before.
  void call(ast::Call& c) {
    const Builtin* row = find_builtin(c.name);
    for (size_t i = 0; i < c.args.size(); ++i) {
      auto* variable = std::get_if<ast::Variable>(&c.args[i]->node);
      Declaration* d = variable && row && argument_may_be(*row, c.args.size(), i, "variable") ? find(variable->name) : nullptr;
      if (d) assigned_.insert(d->unique);
      expr(*c.args[i]);
    }
  }

  template <typename Node>
  void children(Node& n) {
    ast::for_each_child(n, Overloaded{[&](ast::ExprPtr& c) { expr(*c); }, [&](ast::StmtPtr& c) { stmt(*c); }});
  }

  void stmt(ast::Stmt& s) {
    std::visit(Overloaded{
                   [&](ast::Assign& a) { assign(s, a); },
                   [&](ast::Let& l) { let(s, l); },
                   [&](ast::Block& b) { block(b); },
                   [&](ast::If& i) {
                     expr(*i.condition);
                     block(i.yes);
                     if (i.no) block(*i.no);
                   },
                   [&](ast::ForMap& f) {
                     expr(*f.map);
                     loop(f.variable, f.variable_span, f.body);
                   },
                   [&](ast::ForRange& f) {
                     expr(*f.from);
                     expr(*f.to);
                     loop(f.variable, f.variable_span, f.body);
                   },
                   [&](ast::While& w) {
                     expr(*w.condition);
                     block(w.body);
                   },
                   [&](ast::Unroll& u) {
                     expr(*u.count);
                     block(u.body);
                   },
                   [&](auto&) { children(s); },
               },
               s.node);
  }

  void assign(ast::Stmt& s, ast::Assign& a) {
    expr(*a.value);
    auto* variable = std::get_if<ast::Variable>(&a.target->node);
    if (!variable || a.op) {
      expr(*a.target);
      if (variable) assigned_.insert(variable->name);
      return;
    }
    Declaration* d = find(variable->name);
    variable->name = d ? d->unique : declare(variable->name, s.span, false);
    assigned_.insert(variable->name);
  }

  void let(const ast::Stmt& s, ast::Let& l) {
    Span head{s.span.file, s.span.begin, l.name_span.end};
    if (l.type && l.type->of) expr(*l.type->of);
    if (l.value) expr(*l.value);
    if (Declaration* before = find(l.name)) {
      diagnostics_->report<Diag::shadowing>(head, l.name).note(before->place, before->is_let ? "This is the initial declaration." : "This is the initial assignment.");
      return;
    }
    l.name = declare(l.name, head, true);
    probe_->variables[l.name].fixed = l.type.has_value();
    if (l.value) assigned_.insert(l.name);
  }

  void loop(std::string& variable, Span span, ast::Block& body) {
    if (Declaration* before = find(variable)) diagnostics_->report<Diag::loop_shadowing>(span, variable).note(before->place, "This is the initial declaration.");
    scopes_.emplace_back();
    variable = declare(variable, span, false);
    assigned_.insert(variable);
    block(body);
    scopes_.pop_back();
  }

  ProbeInstance* probe_;
  Diagnostics* diagnostics_;
  std::vector<Scope> scopes_;
  std::map<std::string, unsigned> uses_;
  std::set<std::string> assigned_, reported_;
  std::map<std::string, Span> used_early_;  // declared without a value and read
};

}  // namespace

std::string_view written_name(std::string_view variable) { return variable.substr(0, variable.find('#')); }

void resolve_variables(ProbeInstance& probe, Diagnostics& diagnostics, std::span<const FunctionInstance::Parameter> parameters) {
  Resolver(probe, diagnostics).run(parameters);
}

}  // namespace awl
