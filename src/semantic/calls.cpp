#include "semantic/calls.h"

#include <algorithm>

#include "base/diag/calls.h"
#include "base/diag/maps.h"
#include "base/diag/statements.h"
#include "semantic/operators.h"
#include "semantic/type_names.h"

namespace awl {
namespace {

bool takes(const Signature& s, size_t count) {
  size_t least = static_cast<size_t>(std::ranges::count_if(s.parameters, [](const Parameter& p) { return !p.optional && !p.rest; }));
  bool open = !s.parameters.empty() && s.parameters.back().rest;
  return count >= least && (open || count <= s.parameters.size());
}

const Parameter* parameter(const Signature& s, size_t i) {
  if (i < s.parameters.size()) return &s.parameters[i];
  if (!s.parameters.empty() && s.parameters.back().rest) return &s.parameters.back();
  return nullptr;
}

// Calls `f` with each alternative of a parameter's type ("pointer|int").
template <typename F>
bool any_alternative(std::string_view alternatives, F&& f) {
  while (!alternatives.empty()) {
    size_t bar = alternatives.find('|');
    if (f(alternatives.substr(0, bar))) return true;
    alternatives = bar == alternatives.npos ? std::string_view{} : alternatives.substr(bar + 1);
  }
  return false;
}

bool is_bare_map(const ast::Expr& e) {
  auto* map = std::get_if<ast::MapRef>(&e.node);
  return map && !map->keyed;
}

// Whether an argument is what one alternative of a parameter asks for.
bool fits(Unit& unit, const ast::Expr& argument, std::string_view word) {
  Type t = argument.type;
  if (word == "map") return is_bare_map(argument);
  if (word == "mode") return std::holds_alternative<ast::Identifier>(argument.node);
  if (word == "variable") return std::holds_alternative<ast::Variable>(argument.node);
  if (word == "type name" || word == "type") return std::holds_alternative<ast::TypeOf>(argument.node);
  if (word == "literal string") return std::holds_alternative<ast::String>(argument.node);
  if (word == "literal int") return integer_literal(argument) != nullptr;
  if (word == "literal") return is_literal(argument);
  if (word == "any" || word == "key" || word == "value" || word == "constant") return t && t->kind != Kind::none;
  if (!t) return false;
  if (word == "string") return is_string(t) || t->kind == Kind::probe;
  if (word == "pointer") return is_pointer(t);
  if (word == "bool") return is_boolean(t) || is_integer(t);
  if (word == "array") return t->kind == Kind::array || is_string(t) || t->kind == Kind::buffer;
  if (word == "stack") return t->kind == Kind::kstack || t->kind == Kind::ustack;
  // int, uint64 ...: anything that gives a number.
  return !is_pointer(t) && number_type(unit.types, t) != nullptr;
}

bool fits_parameter(Unit& unit, const ast::Expr& argument, const Parameter& p) {
  return any_alternative(p.type, [&](std::string_view word) { return fits(unit, argument, word); });
}

// The family of a type, as messages about arguments name it.
std::string family(Type t) {
  if (!t) return "none";
  switch (t->kind) {
    case Kind::integer: return "int";
    case Kind::string: return "string";
    case Kind::boolean: return "bool";
    case Kind::pointer: return "pointer";
    case Kind::tuple: return "tuple";
    case Kind::record: return "record";
    case Kind::array: return "array";
    case Kind::structure: return "struct";
    case Kind::enumeration: return "enum";
    case Kind::buffer: return "buffer";
    default: return TypeTable::text(t);
  }
}

std::string in_words(size_t n) { return n == 1 ? "one argument" : fmt::format("{} arguments", n); }

std::string numbered(size_t n) { return n == 1 ? "one argument" : n == 0 ? "no arguments" : fmt::format("{} arguments", n); }

void report_arity(Diagnostics& diagnostics, const ast::Expr& expr, const ast::Call& call, const std::vector<Signature>& all) {
  size_t least = SIZE_MAX, most = 0;
  bool open = false;
  for (const Signature& s : all) {
    size_t required = static_cast<size_t>(std::ranges::count_if(s.parameters, [](const Parameter& p) { return !p.optional && !p.rest; }));
    least = std::min(least, required);
    most = std::max(most, s.parameters.size());
    open |= !s.parameters.empty() && s.parameters.back().rest;
  }
  size_t have = call.args.size();
  if (have < least && (open || least != most)) diagnostics.report<Diag::too_few_arguments>(expr.span, call.name, in_words(least), have);
  else if (least == most && !open) diagnostics.report<Diag::argument_count>(expr.span, call.name, numbered(least), have);
  else diagnostics.report<Diag::too_many_arguments>(expr.span, call.name, in_words(most), have);
}

// What a parameter's alternatives are called in messages: "int", "string literal".
std::string expectation(std::string_view type) {
  std::string out;
  any_alternative(type, [&](std::string_view word) {
    if (!out.empty()) out += " or ";
    out += word == "literal string" ? "string literal" : word == "literal int" ? "int literal" : word == "type name" ? "type" : word;
    return false;
  });
  return out;
}

void report_argument(Diagnostics& diagnostics, const ast::Expr& expr, const ast::Call& call, const ast::Expr& argument, const Parameter& p,
                     std::span<const Signature* const> possible, size_t index) {
  std::string_view type = p.type;
  if (type == "map") {
    std::string types;
    for (const Signature* s : possible) types += (types.empty() ? "" : " or ") + expectation(parameter(*s, index)->type);
    diagnostics.report<Diag::expects_map>(argument.span, call.name, types);
  }
  else if (type.starts_with("literal ")) diagnostics.report<Diag::expects_literal>(argument.span, call.name, type == "literal int" ? "int" : type.substr(8), family(argument.type)).hint(type == "literal string" ? fmt::format("quote it: {}(\"...\")", call.name) : std::string("a value that is only known when the program runs cannot be used here"));
  else if (type == "variable") diagnostics.report<Diag::find_variable>(argument.span, call.name, p.name).hint("declare one before: let $value");
  else if (type == "mode") diagnostics.report<Diag::expects_mode>(argument.span, call.name, p.name);
  else diagnostics.report<Diag::argument_type>(expr.span, call.name, expectation(type), family(argument.type)).note(argument.span, fmt::format("argument '{}'", p.name));
}

Type named_result(Unit& unit, std::string_view result) {
  TypeTable& types = unit.types;
  if (result.empty() || result == "void") return types.none();
  if (result == "bool") return types.boolean();
  if (result == "string") return types.string(static_cast<uint32_t>(unit.config.max_strlen));
  if (result == "pointer") return types.pointer(nullptr, AddressSpace::kernel);
  if (result == "int") return types.integer(8, true);
  for (uint32_t size : {1u, 2u, 4u, 8u}) {
    if (result == fmt::format("int{}", size * 8)) return types.integer(size, true);
    if (result == fmt::format("uint{}", size * 8)) return types.integer(size, false);
  }
  if (result.starts_with("string[")) return types.string(static_cast<uint32_t>(std::atoi(result.data() + 7)));
  return nullptr;
}

}  // namespace

Type CallView::context_type(const ContextType& type) { return type_of_context(*unit_, type, probe_->context); }

bool CallView::check_map(size_t i) { return check_map_function(*unit_, call(), i); }

std::optional<std::string> CallView::probe_name() { return probe_->per_target ? std::nullopt : std::optional(probe_->probe_text); }

const artifact::Param& CallView::program_option(const artifact::Param& option) {
  auto found = std::ranges::find(unit_->program_options, option.name, &artifact::Param::name);
  if (found == unit_->program_options.end()) found = unit_->program_options.insert(found, option);
  return *found;
}

bool CallView::has_placement(std::string_view name) {
  return std::ranges::any_of(unit_->probes, [&](const ProbeInstance& probe) {
    const Provider& provider = *probe.target.provider;
    const std::optional<Placement> placement = provider.placement ? provider.placement(probe.target) : std::nullopt;
    return placement && placement->name == name;
  });
}

bool CallView::keyed_map(size_t i) {
  auto* map = std::get_if<ast::MapRef>(&arg(i).node);
  auto found = map ? unit_->maps.find(map->name) : unit_->maps.end();
  return found != unit_->maps.end() && found->second.keyed;
}

bool takes_arguments(const Builtin& row, size_t count) {
  return std::ranges::any_of(signatures(row), [&](const Signature& s) { return takes(s, count); });
}

bool callable_without_arguments(const Builtin& row) { return takes_arguments(row, 0); }

bool argument_may_be(const Builtin& row, size_t count, size_t i, std::string_view word) {
  for (const Signature& s : signatures(row)) {
    if (!takes(s, count)) continue;
    const Parameter* p = parameter(s, i);
    if (p && any_alternative(p->type, [&](std::string_view have) { return have == word; })) return true;
  }
  return false;
}

bool is_whole_map(const ast::Call& call, size_t i) {
  return call.builtin && i < call.args.size() && is_bare_map(*call.args[i]) && argument_may_be(*call.builtin, call.args.size(), i, "map");
}

bool names_element(const ast::Call& call, size_t i) {
  if (!call.builtin || i >= call.args.size()) return false;
  const ast::Expr& argument = *call.args[i];
  return std::holds_alternative<ast::MapRef>(argument.node) && is_aggregation(argument.type) && argument_may_be(*call.builtin, call.args.size(), i, "map");
}

static const ast::MapRef* map_before(const ast::Call& call, size_t i, std::string_view word) {
  if (!call.builtin || i == 0 || !argument_may_be(*call.builtin, call.args.size(), i, word)) return nullptr;
  return is_bare_map(*call.args[i - 1]) ? &std::get<ast::MapRef>(call.args[i - 1]->node) : nullptr;
}

const ast::MapRef* map_of_key(const ast::Call& call, size_t i) { return map_before(call, i, "key"); }
const ast::MapRef* map_of_value(const ast::Call& call, size_t i) { return map_before(call, i, "value"); }

bool check_map_function(Unit& unit, const ast::Call& call, size_t i) {
  const ast::Expr& argument = *call.args.at(i);
  auto* map = std::get_if<ast::MapRef>(&argument.node);
  auto found = map ? unit.maps.find(map->name) : unit.maps.end();
  if (found == unit.maps.end()) return true;
  const MapKind* declared = found->second.kind;
  if (kind_of(found->second).allows(call.name)) return true;
  if (!declared && map_kind_names(call.name).empty()) return true;
  Diagnostic& d = unit.diagnostics->report<Diag::kind_function>(argument.span, call.name, map->name, declared ? fmt::format("is of kind {}", declared->name) : "is not declared as one of the kinds that it is for");
  std::string kinds = map_kind_names(call.name);
  if (!kinds.empty()) d.hint(fmt::format("{}() takes maps of kind {}", call.name, kinds));
  return false;
}

Type result_type(Unit& unit, ProbeInstance& probe, ast::Expr& expr) {
  auto& call = std::get<ast::Call>(expr.node);
  const Builtin& row = *call.builtin;
  if (row.flags & BuiltinFlag::arguments) return probe.context.has_args ? type_of_arguments(unit, probe) : nullptr;
  const std::vector<Signature>& all = signatures(row);
  auto matching = std::ranges::find_if(all, [&](const Signature& s) { return takes(s, call.args.size()); });
  if (matching == all.end()) return nullptr;
  if (row.infer) {
    CallView view(unit, probe, expr);
    return row.infer(view);
  }
  if (row.flags & BuiltinFlag::no_value) return unit.types.none();
  return named_result(unit, matching->result);
}

bool check_signature(Unit& unit, const ast::Expr& expr, const ast::Call& call) {
  Diagnostics& diagnostics = *unit.diagnostics;
  const Builtin& row = *call.builtin;
  if (row.flags & BuiltinFlag::unsafe && !unit.options.unsafe) {
    diagnostics.report<Diag::unsafe_function>(expr.span, call.name);
    return false;
  }
  const std::vector<Signature>& all = signatures(row);
  std::vector<const Signature*> possible;
  for (const Signature& s : all)
    if (takes(s, call.args.size())) possible.push_back(&s);
  if (possible.empty()) {
    report_arity(diagnostics, expr, call, all);
    return false;
  }
  // The signature that goes furthest tells what is wrong.
  size_t furthest = 0;
  const Signature* best = possible.front();
  for (const Signature* s : possible) {
    size_t i = 0;
    while (i < call.args.size() && fits_parameter(unit, *call.args[i], *parameter(*s, i))) ++i;
    if (i == call.args.size()) return true;
    if (i > furthest) furthest = i, best = s;
  }
  const ast::Expr& argument = *call.args[furthest];
  const Parameter& p = *parameter(*best, furthest);
  if (argument.type && argument.type->kind == Kind::none && any_alternative(p.type, [](std::string_view w) { return w == "any"; }))
    diagnostics.report<Diag::none_argument>(expr.span, call.name);
  else report_argument(diagnostics, expr, call, argument, p, possible, furthest);
  return false;
}

}  // namespace awl
