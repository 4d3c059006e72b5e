#include <algorithm>

#include "base/diag/maps.h"
#include "base/diag/builtins.h"
#include "base/diag/calls.h"
#include "base/diag/hooks.h"
#include "base/diag/operators.h"
#include "base/diag/statements.h"
#include "base/diag/variables.h"
#include "base/near_names.h"
#include "semantic/calls.h"
#include "semantic/checker.h"
#include "semantic/operators.h"
#include "semantic/scopes.h"

namespace awl {
namespace {

std::vector<std::string_view> builtin_names() {
  std::vector<std::string_view> names;
  for (const Builtin* row : builtins()) names.push_back(row->name);
  return names;
}

void suggest(Diagnostic& d, std::string_view name, std::span<const std::string_view> candidates, std::string_view prefix = "") {
  // Of very short names each is near to each.
  if (name.size() < 3) return;
  if (auto near = nearest_name(name, candidates)) d.hint(fmt::format("did you mean '{}{}'?", prefix, *near));
}

bool is_byte_array(Type t) { return t->kind == Kind::array && is_integer(t->element) && t->element->size == 1; }

// Casts: what C allows between numbers and pointers, and between things of the same size.
bool castable(TypeTable& types, Type from, Type to) {
  Type number = number_type(types, from);
  bool bytes = from->kind == Kind::array && (is_integer(from->element) || is_boolean(from->element));
  switch (to->kind) {
    case Kind::boolean: return number != nullptr;
    case Kind::integer: return number || (bytes && from->size == to->size);
    case Kind::enumeration: return number && !is_pointer(from);
    case Kind::pointer: return is_pointer(from) || is_integer(from) || (is_string(from) && to->element && to->element->size == 1);
    case Kind::string: return is_string(from);
    case Kind::array:
      if (is_string(from)) return is_byte_array(to);
      if (is_integer(from) || bytes) return (is_integer(to->element) || is_boolean(to->element)) && from->size == to->size;
      return false;
    default: return from == to;
  }
}

// "string" for a string without a capacity of its own, else the type.
std::string cast_target(const ast::TypeName& written, Type to) {
  return is_string(to) && written.suffixes.empty() && written.name == "string" ? "string" : TypeTable::text(to);
}

}  // namespace

void Checker::expr(ast::Expr& e, bool assigned) {
  std::visit(Overloaded{
                 [](ast::Integer&) {},
                 [&](ast::String& n) {
                   if (n.value.size() + 1 > unit_->config.max_strlen) diagnostics_->report<Diag::string_long>(e.span, unit_->config.max_strlen, n.value);
                 },
                 [](ast::Boolean&) {},
                 [](ast::Parameter&) {},
                 [&](ast::Identifier& n) { identifier(e, n); },
                 [](ast::Variable&) {},  // undeclared ones were reported when names were resolved
                 [&](ast::MapRef& n) {
                   map_ref(e, n);
                   for (ast::ExprPtr& key : n.keys) expr(*key);
                 },
                 [&](ast::Call& n) { call(e, n, assigned); },
                 [&](ast::Unary& n) { unary(e, n); },
                 [&](ast::IncDec& n) { inc_dec(e, n); },
                 [&](ast::Binary& n) { binary(e, n); },
                 [&](ast::Ternary& n) { ternary(e, n); },
                 [&](ast::Cast& n) { cast(e, n); },
                 [&](ast::Field& n) { field(e, n); },
                 [&](ast::TupleField& n) { tuple_field(e, n); },
                 [&](ast::Index& n) { index(e, n); },
                 [&](ast::Tuple& n) {
                   for (ast::ExprPtr& element : n.elements) expr(*element);
                 },
                 [&](ast::Record& n) {
                   for (ast::NamedExpr& f : n.fields) expr(*f.value);
                 },
                 [&](ast::SizeOf& n) { size_of(n); },
                 [&](ast::OffsetOf& n) { offset_of(e, n); },
                 [&](ast::TypeOf&) { diagnostics_->report<Diag::typeof_argument>(e.span); },
                 [&](ast::TypeInfo& n) {
                   if (unit_->config.unstable_typeinfo == "error") diagnostics_->report<Diag::typeinfo_disabled>(e.span);
                   else if (n.type) type_name(*n.type, nullptr);
                   else expr(*n.operand);
                 },
                 [&](ast::BlockExpr& n) {
                   statements(n.statements);
                   if (n.value) expr(*n.value, assigned);
                 },
             },
             e.node);
}

void Checker::identifier(const ast::Expr& e, const ast::Identifier& i) {
  if (const Builtin* row = find_builtin(i.name)) {
    diagnostics_->report<Diag::needs_arguments>(e.span, i.name).hint(fmt::format("call it: {}", row->signature));
    return;
  }
  Diagnostic& d = diagnostics_->report<Diag::unknown_identifier>(e.span, i.name);
  suggest(d, i.name, builtin_names());
}

// The key of a storage goes to the kernel as it is, which must know what it points to. What is wrong is reported.
bool Checker::object_key(const MapInfo& map, const ast::Expr& key) {
  const MapKind::Objects& objects = *map.kind->objects;
  auto* call = std::get_if<ast::Call>(&key.node);
  const bool current = call && call->builtin && call->builtin->flags & BuiltinFlag::current_task;
  const bool named = is_pointer(key.type) && is_structure(key.type->element) && key.type->element->name == objects.structure;
  const bool known = current || (key.type->trusted && !std::holds_alternative<ast::MapRef>(key.node) && !std::holds_alternative<ast::Variable>(key.node));
  if (!named || !known) {
    const std::string_view others = "an argument of fentry, fexit, lsm or typed rawtracepoint probes (args.NAME)";
    diagnostics_->report<Diag::kind_object>(key.span, map.name, map.kind->name, objects.structure).hint(objects.structure == "task_struct" ? fmt::format("use curtask, or {}", others) : fmt::format("use {}", others));
  } else if (const Provider* provider = probe_->target.provider; provider && !objects.only.empty() && provider->name != objects.only) {
    diagnostics_->report<Diag::kind_probe>(key.span, map.name, map.kind->name, objects.only, provider->name);
  }
  return true;
}

// An index may be any number: those above the size find nothing.
bool Checker::fits_key(const MapInfo& map, const ast::Expr& key) {
  if (map.kind && map.kind->objects) return object_key(map, key);
  const bool index = map.kind && map.kind->key == MapKind::Key::index;
  return index ? !is_pointer(key.type) && number_type(unit_->types, key.type) : goes_into(key, map.key);
}

void Checker::map_ref(const ast::Expr& e, const ast::MapRef& m, bool stored) {
  const MapInfo& map = unit_->maps[m.name];
  if (map.kind) {
    const MapKind::Key key = map.kind->key;
    const bool has_places = key != MapKind::Key::none && key != MapKind::Key::member && (!map.kind->targets() || (stored && map.kind->storage == artifact::Storage::redirect));
    if (!has_places || (key == MapKind::Key::index && !m.keyed)) {
      diagnostics_->report<Diag::kind_place>(e.span, m.name, map.kind->name, has_places ? "it needs an index" : stored ? "its elements cannot be assigned to" : "its elements cannot be read").hint(fmt::format("use {}", map.kind->use));
      return;
    }
  }
  if (m.keyed != map.keyed) {
    if (m.keyed) diagnostics_->report<Diag::map_keyed>(e.span, m.name).note(map.first_use, "first used here");
    else diagnostics_->report<Diag::map_scalar>(e.span, m.name).note(map.first_use, "first used here").hint(fmt::format("say which element: {}[...]", m.name));
    return;
  }
  if (m.keys.empty() || !m.keys[0]->type || !map.key) return;
  if (fits_key(map, *m.keys[0])) return;
  diagnostics_->report<Diag::map_key>(e.span, m.name, TypeTable::text(m.keys[0]->type), TypeTable::text(map.key)).note(map.key_span, fmt::format("'{}' comes from here", TypeTable::text(map.key)));
}

void Checker::whole_map(const ast::Expr& e, const ast::MapRef& m) {
  auto found = unit_->maps.find(m.name);
  if (found != unit_->maps.end() && (found->second.value_span || found->second.kind)) return;
  std::vector<std::string_view> names;
  for (const auto& [name, map] : unit_->maps)
    if (map.value_span) names.push_back(name);
  Diagnostic& d = diagnostics_->report<Diag::undefined_map>(e.span, m.name);
  suggest(d, m.name, names);
}

// Calls of functions of the script.
void Checker::function_call(ast::Expr& e, ast::Call& c) {
  const FunctionInstance& function = unit_->functions[static_cast<size_t>(c.function)];
  for (ast::ExprPtr& argument : c.args) expr(*argument);
  size_t wanted = function.parameters.size();
  if (c.args.size() != wanted) {
    std::string count = wanted == 0 ? "no arguments" : wanted == 1 ? "one argument" : fmt::format("{} arguments", wanted);
    diagnostics_->report<Diag::argument_count>(e.span, c.name, count, c.args.size()).note(function.name_span, "defined here");
    return;
  }
  for (size_t i = 0; i < wanted; ++i) {
    Type type = function.parameters[i].type;
    const ast::Expr& argument = *c.args[i];
    if (!type || !argument.type || goes_into(argument, type)) continue;
    diagnostics_->report<Diag::function_argument>(argument.span, c.name, TypeTable::text(type), function.parameters[i].name, TypeTable::text(argument.type)).note(function.parameters[i].span, "declared here");
  }
}

// Whether a builtin may stand where it does, whatever its arguments.
bool Checker::allowed_here(const ast::Expr& e, const ast::Call& c) {
  BuiltinFlag flags = c.builtin->flags;
  bool ends = flags & BuiltinFlag::ends_program;
  if (function_ && (ends || flags & BuiltinFlag::needs_probe)) {
    diagnostics_->report<Diag::function_builtin_use>(e.span, c.name).hint(ends ? "return a value that says so, and call it in the probe" : "pass its value as an argument");
    return false;
  }
  if (flags & BuiltinFlag::task && c.args.empty() && probe_->target.provider && !probe_->target.provider->in_task) {
    diagnostics_->report<Diag::task_not_here>(e.span, c.name, probe_->target.provider->name);
    return false;
  }
  if (!ends || for_loops_ == 0) return true;
  diagnostics_->report<Diag::exit_in_loop>(e.span).hint(fmt::format("{}() ends the probe: set a variable in the loop, break, and call it behind the loop", c.name));
  return false;
}

void Checker::call(ast::Expr& e, ast::Call& c, bool assigned) {
  if (c.function >= 0) return function_call(e, c);
  if (!c.builtin) {
    Diagnostic& d = diagnostics_->report<Diag::unknown_function>(e.span, c.name);
    std::vector<std::string_view> names = builtin_names();
    for (const FunctionInstance& function : unit_->functions) names.push_back(function.name);
    suggest(d, c.name, names);
    return;
  }
  if (!allowed_here(e, c)) return;
  if (c.builtin->flags & BuiltinFlag::aggregation && !assigned) {
    diagnostics_->report<Diag::aggregation_place>(e.span, c.name).hint(fmt::format("assign it: @name = {}", unit_->sources->text(e.span)));
    return;
  }
  size_t before = diagnostics_->error_count();
  bool known = true;
  for (size_t i = 0; i < c.args.size(); ++i) {
    ast::Expr& argument = *c.args[i];
    if (is_whole_map(c, i)) {
      whole_map(argument, std::get<ast::MapRef>(argument.node));
      check_map_function(*unit_, c, i);
      continue;
    }
    bool mode = std::holds_alternative<ast::Identifier>(argument.node) && argument.type;
    bool type = std::holds_alternative<ast::TypeOf>(argument.node) && (argument_may_be(*c.builtin, c.args.size(), i, "type") || argument_may_be(*c.builtin, c.args.size(), i, "type name"));
    if (!mode && !type) expr(argument);
    known &= argument.type != nullptr;
    if (const ast::MapRef* map = map_of_key(c, i)) {
      const MapInfo& info = unit_->maps[map->name];
      if (info.key && argument.type && !fits_key(info, argument))
        diagnostics_->report<Diag::map_key>(argument.span, map->name, TypeTable::text(argument.type), TypeTable::text(info.key)).note(info.key_span, fmt::format("'{}' comes from here", TypeTable::text(info.key)));
    }
  }
  for (size_t i = 0; i < c.args.size(); ++i) {
    const ast::MapRef* map = map_of_value(c, i);
    const MapInfo* info = map ? &unit_->maps[map->name] : nullptr;
    const bool member = info && info->kind && info->kind->key == MapKind::Key::member;
    Type type = info ? member ? info->key : info->value : nullptr;
    if (type && c.args[i]->type && !goes_into(*c.args[i], type))
      diagnostics_->report<Diag::map_value>(c.args[i]->span, map->name, TypeTable::text(c.args[i]->type), TypeTable::text(type)).note(member ? info->key_span : info->value_span, fmt::format("'{}' comes from here", TypeTable::text(type)));
  }
  if (diagnostics_->error_count() != before || !known || !check_signature(*unit_, e, c)) return;
  if (c.builtin->check) {
    CallView view(*unit_, *probe_, e);
    c.builtin->check(view);
  }
}

void Checker::field(const ast::Expr& e, const ast::Field& f) {
  expr(*f.object);
  Type object = f.object->type;
  if (!object || e.type) return;
  if (special_field(e, f) || unreadable_argument(e, f)) return;
  Type structure = is_pointer(object) && object->element ? object->element : object;
  if (structure->kind == Kind::record) {
    Diagnostic& d = diagnostics_->report<Diag::record_field>(e.span, f.name);
    std::vector<std::string_view> names;
    for (const Member& m : structure->members) names.push_back(m.name);
    suggest(d, f.name, names);
    return;
  }
  if (!is_structure(structure)) {
    diagnostics_->report<Diag::no_fields>(e.span, f.name, TypeTable::text(object));
    return;
  }
  if (unit_->types.member(structure, f.name)) {
    diagnostics_->report<Diag::field_type>(e.span, f.name, TypeTable::text(structure));
    return;
  }
  Diagnostic& d = diagnostics_->report<Diag::unknown_field>(e.span, TypeTable::text(structure), f.name);
  std::vector<std::string_view> names;
  for (const Member& m : unit_->types.members(structure)) names.push_back(m.name);
  suggest(d, f.name, names);
  if (names.empty()) d.hint(fmt::format("{} is only declared: define it, or include the header that does", TypeTable::text(structure)));
  auto* call = std::get_if<ast::Call>(&f.object->node);
  if (!call || !call->builtin || !(call->builtin->flags & BuiltinFlag::arguments)) return;
  for (const auto& [name, reason] : probe_->context.unreadable)
    if (name.empty()) d.hint(reason);
}

// A field that a packet view or the context lacks. False for fields of other things.
bool Checker::special_field(const ast::Expr& e, const ast::Field& f) {
  std::vector<std::string_view> names;
  Diagnostic* d = nullptr;
  auto* call = std::get_if<ast::Call>(&f.object->node);
  if (const PacketView* view = packet_view_of(*f.object)) {
    d = &diagnostics_->report<Diag::packet_field>(e.span, view->name, f.name);
    for (const PacketField& field : view->fields) names.push_back(field.name);
  } else if (call && call->builtin && call->builtin->flags & BuiltinFlag::context_fields && !probe_->context.fields.empty()) {
    d = &diagnostics_->report<Diag::context_field>(e.span, probe_->target.provider->name, f.name);
    for (const ContextField& field : probe_->context.fields) names.push_back(field.name);
  }
  if (d) {
    if (nearest_name(f.name, names)) suggest(*d, f.name, names);
    else d->hint(fmt::format("it has {}", fmt::join(names, ", ")));
  }
  return d != nullptr;
}

// An argument of the traced function that no program can read.
bool Checker::unreadable_argument(const ast::Expr& e, const ast::Field& f) {
  auto* call = std::get_if<ast::Call>(&f.object->node);
  if (!call || !call->builtin || !(call->builtin->flags & BuiltinFlag::arguments)) return false;
  const auto& all = probe_->context.unreadable;
  const auto found = std::ranges::find(all, f.name, [](const auto& entry) -> const std::string& { return entry.first; });
  if (found != all.end()) diagnostics_->report<Diag::argument_unreadable>(e.span, "args." + f.name, found->second);
  return found != all.end();
}

void Checker::tuple_field(const ast::Expr& e, const ast::TupleField& f) {
  expr(*f.object);
  Type object = f.object->type;
  if (!object || e.type) return;
  if (object->kind == Kind::tuple) diagnostics_->report<Diag::tuple_index>(e.span, f.index, object->members.size());
  else diagnostics_->report<Diag::no_fields>(e.span, std::to_string(f.index), TypeTable::text(object));
}

// `pkt[offset:length]`
void Checker::part(const ast::Index& i) {
  expr(*i.length);
  const PacketView* view = packet_view_of(*i.object);
  const ast::Integer* length = integer_literal(*i.length);
  if (!view || view->kind != PacketView::Kind::whole) diagnostics_->report<Diag::part_object>(i.object->span).hint("write pkt[offset:length]");
  else if (!length || length->value < 1 || length->value > unit_->config.max_strlen) diagnostics_->report<Diag::part_length>(i.length->span, unit_->config.max_strlen);
  else if (i.index->type && (!number_type(unit_->types, i.index->type) || is_pointer(i.index->type))) diagnostics_->report<Diag::index_type>(i.index->span, TypeTable::text(i.index->type));
}

void Checker::index(const ast::Expr& e, const ast::Index& i) {
  expr(*i.object);
  expr(*i.index);
  if (i.length) return part(i);
  Type object = i.object->type, index = i.index->type;
  if (!object || !index) return;
  const ast::Integer* literal = integer_literal(*i.index);
  if (object->kind == Kind::tuple) {
    if (!literal) diagnostics_->report<Diag::tuple_index_literal>(e.span);
    else if (!e.type) diagnostics_->report<Diag::tuple_index>(e.span, literal->value, object->members.size());
    return;
  }
  if (object->kind != Kind::array && !is_pointer(object) && !is_string(object)) {
    diagnostics_->report<Diag::no_elements>(e.span, TypeTable::text(object));
    return;
  }
  if (!number_type(unit_->types, index) || is_pointer(index)) {
    diagnostics_->report<Diag::index_type>(e.span, TypeTable::text(index));
    return;
  }
  uint32_t count = object->kind == Kind::array ? object->count : is_string(object) ? object->size : 0;
  if (literal && count && (literal->negative || literal->value >= count)) diagnostics_->report<Diag::index_bounds>(e.span, static_cast<int64_t>(literal->value), count);
}

void Checker::type_name(const ast::TypeName& name, Type resolved) {
  if (name.of) {
    expr(*name.of);
    return;
  }
  if (resolved) return;
  Diagnostic& d = diagnostics_->report<Diag::unknown_type>(name.span, name.name);
  if (Result<const btf*> kernel = unit_->host->kernel_btf(); !kernel) d.hint(kernel.error().text());
  for (std::string_view prefix : {"struct ", "union "})
    if (name.name.starts_with(prefix)) suggest(d, std::string_view(name.name).substr(prefix.size()), unit_->types.structure_names(), prefix);
}

void Checker::size_of(const ast::SizeOf& s) {
  if (s.type) type_name(*s.type, s.resolved);
  if (s.operand) expr(*s.operand);
}

void Checker::cast(const ast::Expr& e, const ast::Cast& c) {
  type_name(c.to, e.type);
  expr(*c.operand);
  Type from = c.operand->type;
  if (!from || !e.type) return;
  if (from == e.type && !is_literal(*c.operand)) diagnostics_->report<Diag::unnecessary_cast>(Span{e.span.file, e.span.begin, e.span.end}, TypeTable::text(from));
  if (is_pointer(from) && is_pointer(e.type) && from->element == e.type->element) return;
  if (!castable(unit_->types, from, e.type)) {
    diagnostics_->report<Diag::cast>(e.span, TypeTable::text(from), cast_target(c.to, e.type));
    return;
  }
  const ast::Integer* literal = integer_literal(*c.operand);
  if (literal && e.type->kind == Kind::enumeration && is_integer(from) && std::ranges::find(e.type->enumerators, literal->value, &artifact::Enumerator::value) == e.type->enumerators.end())
    diagnostics_->report<Diag::enumerator>(e.span, e.type->name, static_cast<int64_t>(literal->value));
}

void Checker::offset_of(const ast::Expr& e, const ast::OffsetOf& o) {
  if (o.type) type_name(*o.type, o.resolved);
  if (o.operand) expr(*o.operand);
  Type type = o.resolved;
  for (const std::string& name : o.path) {
    if (!type) return;
    const Member* member = is_structure(type) ? unit_->types.member(type, name) : nullptr;
    if (!member) {
      Diagnostic& d = diagnostics_->report<Diag::offsetof_field>(e.span, TypeTable::text(type), name);
      std::vector<std::string_view> names;
      if (is_structure(type))
        for (const Member& m : unit_->types.members(type)) names.push_back(m.name);
      suggest(d, name, names);
      return;
    }
    type = member->type;
  }
}

}  // namespace awl
