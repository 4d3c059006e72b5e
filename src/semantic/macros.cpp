// Macros: a call is replaced by a copy of the macro's body, with the arguments in the place of the parameters.
//
// Hygiene. Variables that a body assigns or declares get a name of their own for each call ("$x#m1"; scopes.cpp shows what stands before '#'); maps
// come in through parameters alone. The text of a copy gets a file number of its own (Sources::expand), by which messages know the calls it came from.
#include <algorithm>
#include <memory>
#include <set>

#include "base/diag/imports.h"
#include "base/diag/syntax.h"
#include "base/near_names.h"
#include "builtins/builtin.h"
#include "parser/parse.h"
#include "parser/walk.h"
#include "semantic/library.h"
#include "semantic/passes.h"

namespace awl {
namespace {

using ast::Macro;
using ast::MacroParameter;

// Macros that call macros multiply, and pass their arguments deeper and deeper; every pass recurses over what comes out.
constexpr size_t largest_size = 1000000, largest_depth = 1000;

// A macro while its body is being put in the place of a call.
struct Frame {
  const Macro* macro = nullptr;
  const Frame* caller = nullptr;
  uint32_t file = 0;                                      // number for the copy's spans
  std::string suffix;                                     // of its own variables
  std::map<std::string, const ast::Expr*> arguments = {};  // by parameter
  std::set<std::string> own = {};                          // variables that the body assigns or declares
};

MacroParameter::Kind kind_of(const ast::Expr& argument) {
  if (std::holds_alternative<ast::Variable>(argument.node)) return MacroParameter::variable;
  auto* map = std::get_if<ast::MapRef>(&argument.node);
  return map && !map->keyed ? MacroParameter::map : MacroParameter::expression;
}

std::string_view kind_name(MacroParameter::Kind kind) {
  return kind == MacroParameter::variable ? "a variable" : kind == MacroParameter::map ? "a map" : "an expression";
}

bool takes(const MacroParameter& parameter, const ast::Expr& argument) {
  return parameter.kind == MacroParameter::expression || parameter.kind == kind_of(argument);
}

bool takes(const Macro& macro, const std::vector<ast::ExprPtr>& arguments) {
  if (macro.parameters.size() != arguments.size()) return false;
  for (size_t i = 0; i < arguments.size(); ++i)
    if (!takes(macro.parameters[i], *arguments[i])) return false;
  return true;
}

// Whether no call could tell two macros apart.
bool same_signature(const Macro& a, const Macro& b) {
  return std::ranges::equal(a.parameters, b.parameters, [](const MacroParameter& p, const MacroParameter& q) { return (p.kind == MacroParameter::map) == (q.kind == MacroParameter::map); });
}

Span head(const Macro& macro) { return {macro.span.file, macro.span.begin, macro.name_span.end}; }

template <typename Node, typename F>
void visit_tree(Node& node, const F& f) {
  f(node);
  ast::for_each_child(node, Overloaded{[&](auto& child) { visit_tree(*child, f); }});
}

// The variables that a body gives values to, or declares.
std::set<std::string> own_variables(const Macro& macro) {
  std::set<std::string> out;
  auto look = Overloaded{[](const ast::Expr&) {},
                         [&](const ast::Stmt& s) {
                           std::visit(Overloaded{[&](const ast::Assign& a) {
                                                   if (auto* v = std::get_if<ast::Variable>(&a.target->node)) out.insert(v->name);
                                                 },
                                                 [&](const ast::Let& l) { out.insert(l.name); }, [&](const ast::ForMap& f) { out.insert(f.variable); },
                                                 [&](const ast::ForRange& f) { out.insert(f.variable); }, [](const auto&) {}},
                                      s.node);
                         }};
  for (const ast::StmtPtr& s : macro.body.statements) visit_tree(std::as_const(*s), look);
  if (macro.body.value) visit_tree(std::as_const(*macro.body.value), look);
  for (const MacroParameter& p : macro.parameters) out.erase(p.name);
  return out;
}

struct Extent {
  size_t size = 1, depth = 1;
};
Extent extent(const auto& node) {
  Extent out;
  ast::for_each_child(node, Overloaded{[&](const auto& child) {
                        Extent inner = extent(*child);
                        out.size += inner.size;
                        out.depth = std::max(out.depth, inner.depth + 1);
                      }});
  return out;
}

using Overloads = std::vector<const Macro*>;

// The library's files that were needed so far.
class Library {
 public:
  explicit Library(Unit& unit) : unit_(&unit), scripts_(library_files().size()) {}

  static bool knows(std::string_view name) {
    return std::ranges::binary_search(library_names(), name, {}, &LibraryName::name);
  }

  Overloads find(std::string_view name) {
    Overloads out;
    for (const LibraryName& entry : std::ranges::equal_range(library_names(), name, {}, &LibraryName::name))
      for (const Macro& macro : script(entry.file).macros)
        if (macro.name == name) out.push_back(&macro);
    return out;
  }

  bool holds(const Macro& macro) const { return std::ranges::find(numbers_, macro.span.file) != numbers_.end(); }

 private:
  const ast::Script& script(uint32_t index) {
    std::unique_ptr<ast::Script>& slot = scripts_[index];
    if (!slot) {
      const LibraryFile& file = library_files()[index];
      numbers_.push_back(unit_->sources->add(std::string(file.name), std::string(file.text)));
      slot = std::make_unique<ast::Script>(parse(*unit_->sources, numbers_.back(), *unit_->diagnostics, is_value_builtin));
    }
    return *slot;
  }

  Unit* unit_;
  std::vector<std::unique_ptr<ast::Script>> scripts_;
  std::vector<uint32_t> numbers_;
};

class Expander {
 public:
  Expander(Unit& unit, Diagnostics& diagnostics) : unit_(&unit), diagnostics_(&diagnostics), library_(unit) {}

  void run() {
    for (const Macro& macro : unit_->script.macros) declare(macro);
    for (ast::Function& function : unit_->script.functions) block(function.body, nullptr);
    for (ast::Probe& probe : unit_->script.probes) {
      if (probe.predicate) expr(probe.predicate, nullptr);
      block(probe.body, nullptr);
    }
  }

 private:
  void declare(const Macro& macro) {
    for (const MacroParameter& p : macro.parameters)
      if (is_value_builtin(p.name)) diagnostics_->report<Diag::syntax>(p.span, fmt::format("builtin '{}' can't be used as a macro argument", p.name)).hint("give the parameter another name");
    Overloads& overloads = scripts_[macro.name];
    for (const Macro* other : overloads)
      if (same_signature(*other, macro)) {
        diagnostics_->report<Diag::macro_redefinition>(head(macro), macro.name).note(head(*other), "This is the original definition.");
        return;
      }
    overloads.push_back(&macro);
    no_jumps(macro);
  }

  // A body may not leave what it is put into.
  void no_jumps(const Macro& macro) {
    auto walk = [&](auto&& self, const std::vector<ast::StmtPtr>& list, bool loop) -> void {
      for (const ast::StmtPtr& s : list) {
        if (std::holds_alternative<ast::Return>(s->node)) diagnostics_->report<Diag::macro_return>(s->span, "return");
        else if (!loop && std::holds_alternative<ast::Break>(s->node)) diagnostics_->report<Diag::macro_return>(s->span, "break");
        else if (!loop && std::holds_alternative<ast::Continue>(s->node)) diagnostics_->report<Diag::macro_return>(s->span, "continue");
        std::visit(Overloaded{[&](const ast::If& n) {
                                self(self, n.yes.statements, loop);
                                if (n.no) self(self, n.no->statements, loop);
                              },
                              [&](const ast::Block& n) { self(self, n.statements, loop); }, [&](const ast::ForMap& n) { self(self, n.body.statements, true); },
                              [&](const ast::ForRange& n) { self(self, n.body.statements, true); }, [&](const ast::While& n) { self(self, n.body.statements, true); },
                              [&](const ast::Unroll& n) { self(self, n.body.statements, true); }, [](const auto&) {}},
                   s->node);
      }
    };
    walk(walk, macro.body.statements, false);
  }

  // ---- the walk: `frame` is the macro whose body this is, null in the script itself ----

  static void move(Span& span, const Frame* frame) {
    if (frame && span) span.file = frame->file;
  }

  static const ast::Expr* argument(const Frame* frame, const std::string& parameter) {
    if (!frame) return nullptr;
    auto found = frame->arguments.find(parameter);
    return found == frame->arguments.end() ? nullptr : found->second;
  }

  void rename(std::string& variable, const Frame* frame) {
    if (!frame) return;
    if (const ast::Expr* given = argument(frame, variable)) variable = std::get<ast::Variable>(given->node).name;
    else if (frame->own.contains(variable)) variable += frame->suffix;
  }

  void block(ast::Block& b, const Frame* frame) {
    move(b.span, frame);
    for (ast::StmtPtr& s : b.statements) stmt(s, frame);
  }

  template <typename Node>
  void children(Node& n, const Frame* frame) {
    ast::for_each_child(n, Overloaded{[&](ast::ExprPtr& c) { expr(c, frame); }, [&](ast::StmtPtr& c) { stmt(c, frame); }});
  }

  void declaration(std::string& variable, Span span, const Frame* frame) {
    if (argument(frame, variable)) diagnostics_->report<Diag::macro_shadowing>(span, variable);
    else rename(variable, frame);
  }

  void stmt(ast::StmtPtr& slot, const Frame* frame) {
    ast::Stmt& s = *slot;
    Deeper deeper(*this);
    move(s.span, frame);
    std::visit(Overloaded{[&](ast::Let& n) {
                            move(n.name_span, frame);
                            if (n.type) type(*n.type, frame);
                            declaration(n.name, Span{s.span.file, s.span.begin, n.name_span.end}, frame);
                          },
                          [&](ast::ForMap& n) {
                            move(n.variable_span, frame);
                            declaration(n.variable, n.variable_span, frame);
                            move(n.body.span, frame);
                          },
                          [&](ast::ForRange& n) {
                            move(n.variable_span, frame);
                            declaration(n.variable, n.variable_span, frame);
                            move(n.body.span, frame);
                          },
                          [](auto&) {}},
               s.node);
    if (auto* statement = std::get_if<ast::ExprStmt>(&s.node)) return expr(statement->value, frame, true);
    children(s, frame);
    if (auto* assign = std::get_if<ast::Assign>(&s.node)) lift_aggregation(slot, *assign);
  }

  // `@x = { ...; count() }`: an aggregation stands directly beside the map that it changes.
  static void lift_aggregation(ast::StmtPtr& slot, ast::Assign& assign) {
    auto* body = std::get_if<ast::BlockExpr>(&assign.value->node);
    auto* call = body && body->value ? std::get_if<ast::Call>(&body->value->node) : nullptr;
    const Builtin* row = call ? find_builtin(call->name) : nullptr;
    if (!row || !(row->flags & BuiltinFlag::aggregation)) return;
    Span span = slot->span;
    ast::Block block{span, std::move(body->statements)};
    ast::ExprPtr value = std::move(body->value);
    assign.value = std::move(value);
    block.statements.push_back(std::move(slot));
    slot = ast::make_stmt(span, std::move(block));
  }

  // A block that ends in another block has its value; one that ends in `if` and `else` that of the branch taken.
  static void give_value(ast::BlockExpr& block) {
    if (block.value || !block.open || block.statements.empty()) return;
    ast::Stmt& last = *block.statements.back();
    if (!last_gives_value(last)) return;
    ast::ExprPtr value = value_of(last);
    block.statements.pop_back();
    block.value = std::move(value);
  }

  static bool gives_value(const ast::Block& b) { return b.open && !b.statements.empty() && last_gives_value(*b.statements.back()); }

  static bool last_gives_value(const ast::Stmt& s) {
    if (auto* statement = std::get_if<ast::ExprStmt>(&s.node)) {
      auto* call = std::get_if<ast::Call>(&statement->value->node);
      const Builtin* row = call ? find_builtin(call->name) : nullptr;
      auto* block = std::get_if<ast::BlockExpr>(&statement->value->node);
      return !(row && row->flags & BuiltinFlag::no_value) && !(block && !block->value);
    }
    if (auto* block = std::get_if<ast::Block>(&s.node)) return gives_value(*block);
    auto* branch = std::get_if<ast::If>(&s.node);
    return branch && branch->no && gives_value(branch->yes) && gives_value(*branch->no);
  }

  static ast::ExprPtr value_of(ast::Stmt& s) {
    if (auto* statement = std::get_if<ast::ExprStmt>(&s.node)) return std::move(statement->value);
    if (auto* block = std::get_if<ast::Block>(&s.node)) return value_of(*block);
    auto& branch = std::get<ast::If>(s.node);
    ast::ExprPtr yes = value_of(branch.yes), no = value_of(*branch.no);
    return ast::make(s.span, ast::Ternary{std::move(branch.condition), std::move(yes), std::move(no), branch.comptime});
  }

  static ast::ExprPtr value_of(ast::Block& b) {
    ast::ExprPtr value = value_of(*b.statements.back());
    b.statements.pop_back();
    if (b.statements.empty()) return value;
    return ast::make(b.span, ast::BlockExpr{std::move(b.statements), std::move(value)});
  }

  // `type` names a parameter: the type given, or the type of the expression given.
  void type(ast::TypeName& t, const Frame* frame) {
    move(t.span, frame);
    if (t.of) return;  // a child of the node that has the type
    const ast::Expr* given = argument(frame, t.name);
    if (!given) return;
    if (auto* type_of = std::get_if<ast::TypeOf>(&given->node)) {
      ast::TypeName base = ast::clone(type_of->type);
      t.name = base.name;
      t.of = std::move(base.of);
      t.suffixes.insert(t.suffixes.begin(), base.suffixes.begin(), base.suffixes.end());
    } else if (auto* name = std::get_if<ast::Identifier>(&given->node); name && !find_builtin(name->name)) {
      t.name = name->name;
    } else {
      t.name.clear();
      ast::ExprPtr copy = ast::make(t.span, ast::Integer{0});
      put(copy, *given);
      t.of = std::move(copy);
    }
    substituted_ = t.of.get();
  }

  void member_path(std::vector<std::string>& path, const Frame* frame) {
    if (path.empty()) return;
    const ast::Expr* given = argument(frame, path.front());
    if (!given) return;
    std::vector<std::string> names;
    while (auto* field = std::get_if<ast::Field>(&given->node)) {
      names.insert(names.begin(), field->name);
      given = field->object.get();
    }
    auto* first = std::get_if<ast::Identifier>(&given->node);
    if (!first) return;
    names.insert(names.begin(), first->name);
    path.erase(path.begin());
    path.insert(path.begin(), names.begin(), names.end());
  }

  // `statement`: the value is not used, and so stays inside the call's block.
  void expr(ast::ExprPtr& slot, const Frame* frame, bool statement = false) {
    if (slot.get() == substituted_) {  // an argument in a type: done where the call stands
      substituted_ = nullptr;
      return;
    }
    ast::Expr& e = *slot;
    move(e.span, frame);
    Deeper deeper(*this);
    if (!room(e.span, {1, 1})) return settle(slot);
    if (auto* name = std::get_if<ast::Identifier>(&e.node)) {
      if (const ast::Expr* given = argument(frame, name->name)) put(slot, *given);
      else if (!is_value_builtin(name->name) || Library::knows(name->name)) {
        std::vector<ast::ExprPtr> none;
        call(slot, std::string(name->name), none, frame, statement);
      }
      return;
    }
    if (auto* variable = std::get_if<ast::Variable>(&e.node)) return rename(variable->name, frame);
    if (auto* map = std::get_if<ast::MapRef>(&e.node)) map_name(e, map->name, frame);
    std::visit(Overloaded{[&](ast::Call& n) { move(n.name_span, frame); }, [&](ast::Field& n) { move(n.name_span, frame); }, [&](ast::Cast& n) { type(n.to, frame); },
                          [&](ast::Record& n) {
                            for (ast::NamedExpr& field : n.fields) move(field.span, frame);
                          },
                          [&](ast::SizeOf& n) {
                            if (n.type) type(*n.type, frame);
                          },
                          [&](ast::OffsetOf& n) {
                            if (n.type) type(*n.type, frame);
                            member_path(n.path, frame);
                          },
                          [&](ast::TypeInfo& n) {
                            if (n.type) type(*n.type, frame);
                          },
                          [&](ast::TypeOf& n) { type(n.type, frame); }, [](auto&) {}},
               e.node);
    children(e, frame);
    if (auto* block = std::get_if<ast::BlockExpr>(&e.node)) give_value(*block);
    if (auto* called = std::get_if<ast::Call>(&e.node)) {
      std::string name = called->name;
      std::vector<ast::ExprPtr> arguments = std::move(called->args);
      if (!call(slot, name, arguments, frame, statement)) called->args = std::move(arguments);
    }
  }

  struct Deeper {
    explicit Deeper(Expander& e) : depth(e.depth_) { ++depth; }
    ~Deeper() { --depth; }
    size_t& depth;
  };

  // Whether this much more may be added here; says once that it may not.
  bool room(Span place, Extent more) {
    size_ += more.size;
    bool too_large = size_ > largest_size, too_deep = depth_ + more.depth > largest_depth;
    if (!too_large && !too_deep) return true;
    std::string limit = too_large ? fmt::format("{} expressions", largest_size) : fmt::format("{} levels", largest_depth);
    if (!full_) diagnostics_->report<Diag::macro_size>(place, limit).hint("macros that pass their arguments on several times double what they are given at each step: bind the argument with `let` first");
    full_ = true;
    return false;
  }

  // An argument in the place of its parameter.
  void put(ast::ExprPtr& slot, const ast::Expr& given) {
    if (room(slot->span, extent(given))) slot = ast::clone(given);
    else settle(slot);
  }

  void map_name(const ast::Expr& e, std::string& name, const Frame* frame) {
    if (!frame) return;
    if (const ast::Expr* given = argument(frame, name)) name = std::get<ast::MapRef>(given->node).name;
    else diagnostics_->report<Diag::macro_map>(e.span, name);
  }

  // ---- calls ----

  // The macros that a name means, the nearest first: inside the library its own only.
  Overloads candidates(const std::string& name, const Frame* frame, bool& in_script) {
    in_script = false;
    if (frame && library_.holds(*frame->macro)) return library_.find(name);
    Overloads out;
    if (auto found = scripts_.find(name); found != scripts_.end()) {
      out = found->second;
      in_script = !out.empty();
    }
    Overloads library = library_.find(name);
    out.insert(out.end(), library.begin(), library.end());
    return out;
  }

  // Of the macros that take the arguments, the one with the most parameters that are maps.
  static const Macro* choose(const Overloads& overloads, const std::vector<ast::ExprPtr>& arguments) {
    const Macro* best = nullptr;
    auto maps = [](const Macro& m) { return std::ranges::count(m.parameters, MacroParameter::map, &MacroParameter::kind); };
    for (const Macro* m : overloads)
      if (takes(*m, arguments) && (!best || maps(*m) > maps(*best))) best = m;
    return best;
  }

  // Replaces a call of a macro. False, and all as it was, if it is not one.
  bool call(ast::ExprPtr& slot, const std::string& name, const std::vector<ast::ExprPtr>& arguments, const Frame* frame, bool statement) {
    bool in_script = false;
    Overloads overloads = candidates(name, frame, in_script);
    if (overloads.empty()) return false;
    const Macro* macro = choose(overloads, arguments);
    if (!macro) {
      if (!in_script && find_builtin(name)) return false;
      no_match(slot, name, overloads, arguments, statement);
      return true;
    }
    bool recursive = false;
    for (const Frame* f = frame; f; f = f->caller) recursive |= f->macro == macro;
    if (recursive) recursion(slot, *macro, frame, statement);
    else expand(slot, *macro, arguments, frame, statement);
    return true;
  }

  void expand(ast::ExprPtr& slot, const Macro& macro, const std::vector<ast::ExprPtr>& arguments, const Frame* caller, bool statement) {
    Span place = slot->span;
    Frame frame{&macro, caller, unit_->sources->expand(macro.span.file, place), fmt::format("#m{}", ++calls_)};
    for (size_t i = 0; i < arguments.size(); ++i) frame.arguments[macro.parameters[i].name] = arguments[i].get();
    frame.own = own_variables(macro);
    ast::Expr original{.span = macro.name_span, .node = ast::BlockExpr{}};
    auto& body = std::get<ast::BlockExpr>(original.node);
    for (const ast::StmtPtr& s : macro.body.statements) body.statements.push_back(ast::clone(*s));
    if (macro.body.value) body.value = ast::clone(*macro.body.value);
    body.open = macro.body.open;
    children(original, &frame);
    if (!statement) give_value(body);
    if (body.statements.empty() && body.value && !statement) {
      slot = std::move(body.value);
      return;
    }
    slot = ast::make(place, std::move(body));
  }

  void recursion(ast::ExprPtr& slot, const Macro& macro, const Frame* frame, bool statement) {
    std::string chain = macro.name;
    for (const Frame* f = frame; f; f = f->caller) {
      chain = f->macro->name + " > " + chain;
      if (f->macro == &macro) break;
    }
    diagnostics_->report<Diag::macro_recursion>(slot->span, chain);
    settle(slot, statement);
  }

  // What is left of a call that was reported: nothing that gives rise to further messages.
  static void settle(ast::ExprPtr& slot, bool statement = false) {
    slot = statement ? ast::make(slot->span, ast::BlockExpr{}) : ast::make(slot->span, ast::Integer{0});
  }

  void no_match(ast::ExprPtr& slot, const std::string& name, const Overloads& overloads, const std::vector<ast::ExprPtr>& arguments, bool statement) {
    Diagnostic& d = diagnostics_->report<Diag::macro_arguments>(slot->span, name);
    const Macro* closest = overloads.front();
    auto distance = [&](const Macro& m) { return m.parameters.size() > arguments.size() ? m.parameters.size() - arguments.size() : arguments.size() - m.parameters.size(); };
    for (const Macro* m : overloads)
      if (distance(*m) < distance(*closest)) closest = m;
    if (distance(*closest) != 0) {
      d.note(head(*closest), fmt::format("The closest definition of {}() has a different number of arguments. Expected: {} but got {}", name, closest->parameters.size(), arguments.size()));
    } else {
      for (size_t i = 0; i < arguments.size(); ++i) {
        const MacroParameter& p = closest->parameters[i];
        if (takes(p, *arguments[i])) continue;
        d.note(arguments[i]->span, fmt::format("Mismatched arg. {}() expects {} for arg {} but got {}.", name, kind_name(p.kind), p.name, kind_name(kind_of(*arguments[i]))))
            .note(p.span, "This is the argument in the closest definition.");
        break;
      }
    }
    settle(slot, statement);
  }

  Unit* unit_;
  Diagnostics* diagnostics_;
  Library library_;
  std::map<std::string, Overloads> scripts_;
  const ast::Expr* substituted_ = nullptr;
  size_t size_ = 0, depth_ = 0;
  bool full_ = false;
  unsigned calls_ = 0;
};

}  // namespace

void expand_macros(Unit& unit, Diagnostics& diagnostics) {
  Expander(unit, diagnostics).run();
}

}  // namespace awl
