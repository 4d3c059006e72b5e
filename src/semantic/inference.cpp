#include "semantic/inference.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/diag/calls.h"
#include "base/diag/operators.h"
#include "semantic/calls.h"
#include "semantic/passes.h"
#include "semantic/scopes.h"
#include "semantic/type_names.h"

namespace awl {
namespace {

// Types only grow, and each can do so a few times: more rounds than this mean a mistake in here.
constexpr unsigned round_limit = 200;

bool is_comparison(ast::BinaryOp op) { return op >= ast::BinaryOp::less && op <= ast::BinaryOp::not_equal; }
bool is_logical(ast::BinaryOp op) { return op == ast::BinaryOp::logical_and || op == ast::BinaryOp::logical_or; }

// A verdict of the probe's kind by name.
std::optional<int64_t> find_verdict(const Verdicts* verdicts, std::string_view name) {
  if (!verdicts) return std::nullopt;
  for (const Verdicts::Name& known : verdicts->names)
    if (known.name == name) return known.value;
  return std::nullopt;
}

}  // namespace

Place place_of(const ast::Expr& object) {
  if (is_pointer(object.type)) return {object.type->space, object.type->trusted};
  if (auto* field = std::get_if<ast::Field>(&object.node)) return place_of(*field->object);
  if (auto* index = std::get_if<ast::Index>(&object.node)) return place_of(*index->object);
  if (auto* unary = std::get_if<ast::Unary>(&object.node); unary && unary->op == ast::UnaryOp::dereference) return place_of(*unary->operand);
  return {};
}

void Inference::run() {
  for (ProbeInstance& probe : unit_.probes) resolve_variables(probe, *unit_.diagnostics);
  for (FunctionInstance& function : unit_.functions) resolve_variables(function.body, *unit_.diagnostics, function.parameters);
  rounds();
  answer_questions();
  settle_maps();
  rounds();
  answer_questions();
  for (const ast::Load& load : unit_.script.loads) {
    MapInfo& map = map_info(load.name, load.name_span);
    if (map.value_span) continue;
    map.value_span = load.span;
    map.only_loaded = true;
  }
}

void Inference::rounds() {
  for (unsigned i = 0; i < round_limit; ++i) {
    changed_ = asked_ = false;
    round();
    if (!changed_) break;
  }
}

// An answer may bring in a branch that nobody has looked at yet, with variables and questions of its own.
void Inference::answer_questions() {
  for (unsigned i = 0; asked_ && i < round_limit; ++i) {
    settled_ = true;
    answered_ = false;
    round();
    settled_ = false;
    if (!answered_) return;
    rounds();
  }
}

void Inference::round() {
  for (ProbeInstance& probe : unit_.probes) {
    probe_ = &probe;
    if (probe.predicate) expr(probe.predicate);
    statements(probe.body.statements);
  }
  for (FunctionInstance& function : unit_.functions) {
    probe_ = &function.body;
    statements(function.body.body.statements);
  }
}

// A map that is only read holds an integer.
void Inference::settle_maps() {
  // What others put in, a file or another script, may be larger than the literals here.
  auto widen = [&](Type& type) {
    GrowingType& growing = growing_[&type];
    if (!is_integer(type) || growing.solid) return;
    growing.wide = true;
    set(type, growing.result(types_));
  };
  for (const ast::Load& load : unit_.script.loads) map_info(load.name, load.name_span);
  for (auto& [name, map] : unit_.maps) {
    if (map.pin.empty() && std::ranges::find(unit_.script.loads, name, &ast::Load::name) == unit_.script.loads.end()) continue;
    if (!map.kind || map.kind->key != MapKind::Key::index) widen(map.key);
    // Wider values of a devmap may hold programs, which kernels before 5.15 do not let xdp:IFACE:generic see.
    if (!map.kind || !map.kind->targets()) widen(map.value);
  }
  for (auto& [name, map] : unit_.maps)
    if (!map.value) map.value = types_.integer(8, true);
  // The type of a variable that is declared and nothing else does not matter, nor of one in a branch that was left out.
  auto settle = [&](ProbeInstance& probe) {
    for (auto& [name, variable] : probe.variables)
      if (!variable.type && (left_out_.contains(&probe) || (variable.is_let && !variable.used && !variable.fixed && !variable.type_span))) variable.type = types_.integer(8, true);
  };
  for (ProbeInstance& probe : unit_.probes) settle(probe);
  for (FunctionInstance& function : unit_.functions) settle(function.body);
}

void Inference::set(Type& where, Type what) {
  if (!what || where == what) return;
  where = what;
  changed_ = true;
}

MapInfo& Inference::map_info(const std::string& name, Span place) {
  MapInfo& map = unit_.maps[name];
  if (map.name.empty()) {
    map.name = name;
    auto declared = std::ranges::find(unit_.script.maps, name, &ast::MapDeclaration::name);
    if (declared != unit_.script.maps.end()) {
      map.kind = find_map_kind(declared->map_type);
      map.pin = declared->pin;
    }
    // The script's first use tells whether a map has keys, where its kind does not.
    map.kind_known = map.kind && map.kind->key != MapKind::Key::any && map.kind->key != MapKind::Key::prefix;
    map.keyed = map.kind_known && map.kind->key != MapKind::Key::none;
    if (map.kind && map.kind->key == MapKind::Key::index) {
      map.key = types_.integer(4, false);
      map.key_span = declared->type_span;
    }
    if (map.kind && map.kind->targets()) map.value = types_.integer(4, false);
    if (map.kind && map.kind->objects) {
      Type structure = types_.find_structure(map.kind->objects->structure);
      map.key = types_.pointer(structure ? structure : types_.none(), AddressSpace::kernel);
      map.key_span = declared->type_span;
    }
  }
  if (!map.first_use) map.first_use = place;
  return map;
}

void Inference::grow(VariableInfo& variable, const ast::Expr* value, Type type, Span place) {
  if (variable.fixed || !type || type->kind == Kind::none) return;
  // What a variable holds went through memory that the verifier does not follow as a kernel object.
  if (is_pointer(type) && type->trusted) type = types_.pointer(type->element, type->space);
  GrowingType& growing = growing_[&variable.type];
  if (growing.add(types_, value, type) && !variable.type_span) variable.type_span = place;
  set(variable.type, growing.result(types_));
}

void Inference::grow_map(MapInfo& map, const ast::Expr* value, Type type, Span place) {
  if (!type || type->kind == Kind::none) return;
  if (map.kind && map.kind->targets()) {
    if (!map.value_span) map.value_span = place;
    return;
  }
  if (is_pointer(type) && type->trusted) type = types_.pointer(type->element, type->space);
  GrowingType& growing = growing_[&map.value];
  if (growing.add(types_, value, type) && !map.value_span) map.value_span = place;
  set(map.value, growing.result(types_));
}

void Inference::grow_key(MapInfo& map, const ast::Expr& key, Span place) {
  Type type = key.type;
  if (type && is_aggregation(type)) type = number_type(types_, type);
  if (!type || type->kind == Kind::none) return;
  if (map.kind && map.kind->key == MapKind::Key::prefix) {  // whatever it is looked up with
    if (!map.key_span) map.key_span = place;
    return set(map.key, types_.simple(Kind::cidr));
  }
  if (map.kind && (map.kind->key == MapKind::Key::index || map.kind->objects)) return;  // as declared
  if (is_pointer(type) && type->trusted) type = types_.pointer(type->element, type->space);
  GrowingType& growing = growing_[&map.key];
  if (growing.add(types_, &key, type) && !map.key_span) map.key_span = place;
  set(map.key, growing.result(types_));
}

void Inference::fold_error(const ast::Expr& e) { unit_.diagnostics->report<Diag::fold_overflow>(e.span); }

AddressSpace Inference::cast_space(Type from) const {
  if (is_pointer(from) && from->space != AddressSpace::none) return from->space;
  return probe_->context.user_pointers ? AddressSpace::user : AddressSpace::kernel;
}

// ---- statements ----

void Inference::statements(std::vector<ast::StmtPtr>& list) {
  for (ast::StmtPtr& s : list) statement(*s);
}

void Inference::statement(ast::Stmt& s) {
  std::visit(Overloaded{
                 [&](ast::ExprStmt& n) { expr(n.value); },
                 [&](ast::Discard& n) { expr(n.value); },
                 [&](ast::Assign& n) { assign(s, n); },
                 [&](ast::Let& n) { let(s, n); },
                 [&](ast::If& n) {
                   if (n.comptime) constant(n.condition);
                   else expr(n.condition);
                   if (n.comptime && !decide(n)) return;
                   statements(n.yes.statements);
                   if (n.no) statements(n.no->statements);
                 },
                 [&](ast::ForMap& n) { for_map(n); },
                 [&](ast::ForRange& n) { for_range(n); },
                 [&](ast::While& n) {
                   expr(n.condition);
                   statements(n.body.statements);
                 },
                 [&](ast::Unroll& n) {
                   constant(n.count);
                   statements(n.body.statements);
                 },
                 [&](ast::Return& n) {
                   if (n.value) expr(n.value);
                 },
                 [&](ast::Block& n) { statements(n.statements); },
                 [](ast::Break&) {},
                 [](ast::Continue&) {},
             },
             s.node);
}

// Leaves out the branch of an `if comptime` that is not taken. False as long as the condition is not known: then neither is looked at.
bool Inference::decide(ast::If& n) {
  auto truth = literal_truth(*n.condition);
  if (!truth) {
    asked_ = true;
    return false;
  }
  if (*truth) n.no.reset();
  else n.yes.statements.clear();
  left_out_.insert(probe_);
  return true;
}

void Inference::assign(ast::Stmt& s, ast::Assign& a) {
  Type value = expr(a.value);
  Type target = expr(a.target);
  const ast::Expr* literal = a.value.get();
  if (a.op) {
    literal = nullptr;
    if (is_pointer(target)) value = target;
    else if (is_string(target)) value = nullptr;
    else if (value) {
      bool unknown = !target;
      Type number = unknown ? number_type(types_, value) : operand_type(types_, *a.target, *a.value);
      if (number && a.op == ast::BinaryOp::subtract) number = types_.integer(8, true);
      value = number ? types_.integer(8, number->is_signed) : nullptr;
    }
  }
  if (auto* variable = std::get_if<ast::Variable>(&a.target->node)) {
    auto found = probe_->variables.find(variable->name);
    if (found == probe_->variables.end() || !value) return;
    if (is_aggregation(value)) value = number_type(types_, value);
    grow(found->second, literal, value, s.span);
    set(a.target->type, found->second.type);
  } else if (auto* map = std::get_if<ast::MapRef>(&a.target->node)) {
    // An aggregation comes from its function alone; read out of another map it is a number.
    if (value && is_aggregation(value) && !std::holds_alternative<ast::Call>(a.value->node)) {
      Type number = number_type(types_, value);
      MapInfo& info = map_info(map->name, a.target->span);
      value = number && info.value_span && is_integer(info.value) ? number : nullptr;
    }
    grow_map(map_info(map->name, a.target->span), literal, value, s.span);
  }
}

void Inference::let(ast::Stmt& s, ast::Let& l) {
  auto found = probe_->variables.find(l.name);
  if (l.value) expr(l.value);
  if (found == probe_->variables.end()) return;
  VariableInfo& variable = found->second;
  if (l.type) {
    set(variable.type, type_name(*l.type));
    if (!variable.type_span) variable.type_span = l.type->span;
  } else if (l.value) {
    Type value = l.value->type;
    if (value && is_aggregation(value)) value = number_type(types_, value);
    grow(variable, l.value.get(), value, s.span);
  }
}

void Inference::for_map(ast::ForMap& f) {
  auto* map = std::get_if<ast::MapRef>(&f.map->node);
  auto found = probe_->variables.find(f.variable);
  if (map && found != probe_->variables.end()) {
    MapInfo& info = map_info(map->name, f.map->span);
    set(f.map->type, info.value);
    Type value = info.value && is_aggregation(info.value) ? number_type(types_, info.value) : info.value;
    if (info.key && value) {
      Type pair[] = {info.key, value};
      set(found->second.type, types_.tuple(pair));
    }
  }
  statements(f.body.statements);
}

void Inference::for_range(ast::ForRange& f) {
  expr(f.from);
  expr(f.to);
  auto found = probe_->variables.find(f.variable);
  if (found != probe_->variables.end()) set(found->second.type, operand_type(types_, *f.from, *f.to));
  statements(f.body.statements);
}

// ---- expressions ----

// An expression whose value must be known when compiling: sizes and types count there as far as they have settled.
Type Inference::constant(Slot& slot) {
  ++comptime_;
  Type type = expr(slot);
  --comptime_;
  return type;
}

Type Inference::expr(Slot& slot) {
  if (!slot) return nullptr;
  Type type = compute(slot);
  set(slot->type, type);
  return slot->type;
}

Type Inference::compute(Slot& slot) {
  ast::Expr& e = *slot;
  return std::visit(
      Overloaded{
          [&](ast::Integer& n) -> Type { return e.type ? e.type : literal_type(types_, n); },
          [&](ast::String& n) -> Type { return types_.string(static_cast<uint32_t>(n.value.size() + 1)); },
          [&](ast::Boolean&) -> Type { return types_.boolean(); },
          [&](ast::Identifier& n) -> Type { return identifier(slot, ast::Identifier(n)); },
          [&](ast::Variable& n) -> Type {
            auto found = probe_->variables.find(n.name);
            return found == probe_->variables.end() ? nullptr : found->second.type;
          },
          [&](ast::MapRef& n) -> Type { return map_ref(e, n); },
          [&](ast::Parameter& n) -> Type { return parameter(slot, n); },
          [&](ast::Call&) -> Type { return call(slot); },
          [&](ast::Unary& n) -> Type { return unary(slot, n); },
          [&](ast::IncDec& n) -> Type { return inc_dec(n); },
          [&](ast::Binary& n) -> Type { return binary(slot, n); },
          [&](ast::Ternary& n) -> Type { return ternary(slot, n); },
          [&](ast::Cast& n) -> Type { return cast(n); },
          [&](ast::Field& n) -> Type { return field(slot, n); },
          [&](ast::TupleField& n) -> Type { return tuple_field(n); },
          [&](ast::Index& n) -> Type { return index(n); },
          [&](ast::Tuple& n) -> Type { return tuple(n); },
          [&](ast::Record& n) -> Type { return record(n); },
          [&](ast::SizeOf& n) -> Type { return size_of(slot, n); },
          [&](ast::OffsetOf& n) -> Type {
            n.resolved = n.type ? type_name(*n.type) : expr(n.operand);
            if (is_pointer(n.resolved)) n.resolved = n.resolved->element;
            return n.resolved ? types_.integer(8, false) : nullptr;
          },
          [&](ast::TypeOf& n) -> Type { return type_name(n.type); },
          [&](ast::TypeInfo& n) -> Type { return type_info(slot, n); },
          [&](ast::BlockExpr& n) -> Type {
            statements(n.statements);
            return n.value ? expr(n.value) : types_.none();
          },
      },
      e.node);
}

// A test compares what the probes that got its packets decided.
std::optional<int64_t> Inference::find_verdict_of_receivers(std::string_view name) const {
  for (const ProbeInstance::Send& send : probe_->sends)
    if (auto verdict = find_verdict(unit_.probes.at(send.program).context.verdicts, name)) return verdict;
  return std::nullopt;
}

Type Inference::identifier(Slot& slot, const ast::Identifier& i) {
  auto verdict = find_verdict(probe_->context.verdicts, i.name);
  if (!verdict && !probe_->sends.empty()) verdict = find_verdict_of_receivers(i.name);
  if (verdict) {
    slot->node = ast::Integer{static_cast<uint64_t>(*verdict), *verdict < 0};
    return types_.integer(8, true);
  }
  if (const Builtin* row = find_builtin(i.name); row && callable_without_arguments(*row)) {
    slot->node = ast::Call{.name = i.name, .name_span = slot->span, .builtin = row};
    return call(slot);
  }
  if (auto enumerator = types_.find_enumerator(i.name)) {
    slot->node = ast::Integer{enumerator->first, enumerator->second->is_signed && static_cast<int64_t>(enumerator->first) < 0};
    return enumerator->second;
  }
  return nullptr;
}

Type Inference::parameter(Slot& slot, ast::Parameter p) {
  const CompileOptions& options = unit_.options;
  if (!options.parameters_known) return types_.integer(8, p.index != 0);
  if (p.index == 0) {
    slot->node = ast::Integer{options.parameters.size()};
  } else if (p.index > options.parameters.size()) {
    unit_.diagnostics->report<Diag::parameter_missing>(slot->span, p.index);
    slot->node = ast::Integer{0};
  } else {
    const std::string& text = options.parameters[p.index - 1];
    auto number = parameter_number(text);
    if (number) slot->node = *number;
    else slot->node = ast::String{text};
  }
  return compute(slot);
}

Type Inference::map_ref(ast::Expr& e, ast::MapRef& m) {
  MapInfo& map = map_info(m.name, e.span);
  if (m.keys.size() > 1) {
    Span span = join(m.keys.front()->span, m.keys.back()->span);
    ast::ExprPtr all = ast::make(span, ast::Tuple{std::move(m.keys)});
    m.keys.clear();
    m.keys.push_back(std::move(all));
  }
  if (!map.kind_known) {
    map.kind_known = true;
    map.keyed = m.keyed;
  }
  for (ast::ExprPtr& key : m.keys) {
    expr(key);
    if (map.keyed) grow_key(map, *key, e.span);
  }
  return map.value;
}

Type Inference::unary(Slot& slot, ast::Unary& u) {
  Type operand = expr(u.operand);
  bool overflow = false;
  if (fold_unary(*slot, overflow)) {
    slot->type = nullptr;
    return compute(slot);
  }
  if (overflow) fold_error(*slot);
  switch (u.op) {
    case ast::UnaryOp::logical_not: return types_.boolean();
    case ast::UnaryOp::dereference: return is_pointer(operand) && operand->element ? member_type(operand->element, *u.operand) : nullptr;
    case ast::UnaryOp::address_of: return operand ? types_.pointer(operand, AddressSpace::bpf) : nullptr;
    default: break;
  }
  Type number = is_integer(operand) || (operand && operand->kind == Kind::enumeration) ? number_type(types_, operand) : nullptr;
  return number ? types_.integer(8, number->is_signed) : nullptr;
}

Type Inference::binary(Slot& slot, ast::Binary& b) {
  Type left = expr(b.left), right = expr(b.right);
  bool overflow = false;
  if (fold_binary(*slot, overflow)) {
    slot->type = nullptr;
    return compute(slot);
  }
  if (overflow) fold_error(*slot);
  if (is_comparison(b.op) || is_logical(b.op)) return types_.boolean();
  if (!left || !right) return nullptr;
  bool adds = b.op == ast::BinaryOp::add || b.op == ast::BinaryOp::subtract;
  if (adds && is_pointer(left) && number_type(types_, right) && !is_pointer(right)) return left;
  if (b.op == ast::BinaryOp::add && is_pointer(right) && number_type(types_, left) && !is_pointer(left)) return right;
  if (is_pointer(left) || is_pointer(right)) return nullptr;
  Type common = operand_type(types_, *b.left, *b.right);
  return common && b.op == ast::BinaryOp::subtract ? types_.integer(8, true) : common;
}

// ++ and -- make what they change 64 bits wide.
void Inference::widen(const ast::Expr& target) {
  Type* where = nullptr;
  if (auto* variable = std::get_if<ast::Variable>(&target.node)) {
    auto found = probe_->variables.find(variable->name);
    if (found != probe_->variables.end() && !found->second.fixed) where = &found->second.type;
  } else if (auto* map = std::get_if<ast::MapRef>(&target.node)) {
    MapInfo& info = map_info(map->name, target.span);
    where = &info.value;
    if (!info.value_span) info.value_span = target.span;
  }
  if (!where) return;
  GrowingType& growing = growing_[where];
  growing.wide = true;
  set(*where, growing.result(types_));
}

Type Inference::inc_dec(ast::IncDec& n) {
  Type target = expr(n.target);
  if (is_pointer(target)) return target;
  if (target && !is_integer(target)) return nullptr;
  widen(*n.target);
  if (!target) return nullptr;
  return types_.integer(8, target->is_signed || !n.increment);
}

Type Inference::ternary(Slot& slot, ast::Ternary& t) {
  if (t.comptime) constant(t.condition);
  else expr(t.condition);
  if (auto truth = literal_truth(*t.condition)) {
    ast::ExprPtr chosen = !*truth ? std::move(t.no) : t.yes ? std::move(t.yes) : std::move(t.condition);
    Span span = slot->span;
    slot = std::move(chosen);
    slot->span = span;
    return expr(slot);
  }
  if (t.comptime) return nullptr;
  const ast::Expr& first = t.yes ? *t.yes : *t.condition;
  Type yes = t.yes ? expr(t.yes) : t.condition->type, no = expr(t.no);
  if (!yes || !no) return nullptr;
  if (is_aggregation(yes)) yes = number_type(types_, yes);
  if (is_aggregation(no)) no = number_type(types_, no);
  GrowingType both;
  if (!yes || !no || !both.add(types_, &first, yes) || !both.add(types_, t.no.get(), no)) return nullptr;
  return both.result(types_);
}

Type Inference::type_name(ast::TypeName& name, AddressSpace space) {
  return resolve_type_name(unit_, name, space, [&](ast::ExprPtr& e) { return expr(e); });
}

Type Inference::cast(ast::Cast& c) {
  Type from = expr(c.operand);
  Type to = type_name(c.to, cast_space(from));
  if (to && to->kind == Kind::array && to->count == 0 && from && to->element->size) return types_.array(to->element, from->size / to->element->size);
  return to;
}

// A bare name is read as a type; that of an enumerator is a value.
void Inference::enumerator_operand(std::optional<ast::TypeName>& type, ast::ExprPtr& operand) {
  if (!type || type->of || !type->suffixes.empty() || type_name(*type) || !types_.find_enumerator(type->name)) return;
  operand = ast::make(type->span, ast::Identifier{type->name});
  type.reset();
}

Type Inference::size_of(Slot& slot, ast::SizeOf& s) {
  enumerator_operand(s.type, s.operand);
  s.resolved = s.type ? type_name(*s.type) : expr(s.operand);
  if (!s.resolved) return nullptr;
  Type type = types_.integer(8, false);
  if (!comptime_) return type;
  asked_ = true;
  if (!settled_) return type;
  slot->node = ast::Integer{shown_size(s.resolved)};
  slot->type = type;
  changed_ = answered_ = true;
  return type;
}

namespace {

std::string_view base_type_name(Type t) {
  switch (t->kind) {
    case Kind::integer:
    case Kind::enumeration: return "int";
    case Kind::boolean: return "bool";
    case Kind::string: return "string";
    case Kind::pointer: return "pointer";
    case Kind::array: return "array";
    case Kind::buffer: return "buffer";
    case Kind::tuple: return "tuple";
    case Kind::record: return "record";
    case Kind::structure: return "c_type";
    default: return {};
  }
}

}  // namespace

// typeinfo(x) is a record of literals.
Type Inference::type_info(Slot& slot, ast::TypeInfo& n) {
  enumerator_operand(n.type, n.operand);
  Type type = n.type ? type_name(*n.type) : expr(n.operand);
  asked_ = true;
  if (!type || !settled_ || unit_.config.unstable_typeinfo == "error") return nullptr;
  Span span = slot->span;
  std::string full = TypeTable::text(type);
  std::string base(base_type_name(type));
  ast::Record record;
  record.fields.push_back({"btf_id", span, ast::make(span, ast::Integer{0})});
  record.fields.push_back({"base_type", span, ast::make(span, ast::String{base.empty() ? full : base})});
  record.fields.push_back({"full_type", span, ast::make(span, ast::String{full})});
  slot->node = std::move(record);
  changed_ = answered_ = true;
  return expr(slot);
}

Type Inference::tuple(ast::Tuple& t) {
  std::vector<Type> elements;
  for (ast::ExprPtr& e : t.elements) {
    Type type = expr(e);
    if (is_aggregation(type)) type = number_type(types_, type);
    if (!type || type->kind == Kind::none) return nullptr;
    elements.push_back(type);
  }
  return types_.tuple(elements);
}

Type Inference::record(ast::Record& r) {
  std::vector<std::pair<std::string, Type>> fields;
  for (ast::NamedExpr& field : r.fields) {
    Type type = expr(field.value);
    if (is_aggregation(type)) type = number_type(types_, type);
    if (!type || type->kind == Kind::none) return nullptr;
    fields.emplace_back(field.name, type);
  }
  return types_.record(fields);
}

Type Inference::member_type(Type member, const ast::Expr& object) {
  if (!is_pointer(member)) return member;
  Place place = place_of(object);
  // User memory is never loaded directly.
  bool trusted = place.trusted && member->space != AddressSpace::user;
  AddressSpace space = place.space == AddressSpace::bpf || place.space == AddressSpace::none ? cast_space(nullptr) : place.space;
  return types_.with_space(member, space, trusted);
}

Type Inference::field(Slot& slot, ast::Field& f) {
  field_object_ = f.object.get();
  Type object = expr(f.object);
  if (const PacketField* known = packet_field_of(f)) return packet_field_type(types_, *known);
  if (const ContextField* known = context_field_of(f, probe_->context)) return type_of_context(unit_, known->type, probe_->context);
  // Of a record of literals: that literal.
  if (auto* record = std::get_if<ast::Record>(&f.object->node); record && std::ranges::all_of(record->fields, [](const ast::NamedExpr& x) { return is_literal(*x.value); })) {
    auto found = std::ranges::find(record->fields, f.name, &ast::NamedExpr::name);
    if (found == record->fields.end()) return nullptr;
    ast::ExprPtr value = std::move(found->value);
    value->span = slot->span;
    slot = std::move(value);
    changed_ = true;
    return expr(slot);
  }
  if (is_pointer(object)) object = object->element;
  if (!object) return nullptr;
  if (object->kind == Kind::record) {
    const Member* member = types_.member(object, f.name);
    return member ? member->type : nullptr;
  }
  if (!is_structure(object)) return nullptr;
  const Member* member = types_.member(object, f.name);
  if (!member || !member->type || member->type->kind == Kind::none) return nullptr;
  if (object->btf_id == 0 && object->definition == 0) return member->type;  // of a program's arguments: complete as they are
  return member_type(member->type, *f.object);
}

Type Inference::tuple_field(ast::TupleField& f) {
  Type object = expr(f.object);
  if (!object || object->kind != Kind::tuple || f.index >= object->members.size()) return nullptr;
  return object->members[f.index].type;
}

Type Inference::index(ast::Index& i) {
  Type object = expr(i.object);
  expr(i.index);
  if (i.length) {
    expr(i.length);
    const ast::Integer* length = integer_literal(*i.length);
    bool possible = packet_view_of(*i.object) && length && length->value >= 1 && length->value <= unit_.config.max_strlen;
    return possible ? types_.buffer(static_cast<uint32_t>(length->value)) : nullptr;
  }
  if (!object) return nullptr;
  switch (object->kind) {
    case Kind::array: return member_type(object->element, *i.object);
    case Kind::pointer: return object->element ? member_type(object->element, *i.object) : nullptr;
    case Kind::string: return types_.integer(1, true);
    case Kind::tuple: {
      const ast::Integer* literal = integer_literal(*i.index);
      return literal && literal->value < object->members.size() ? object->members[literal->value].type : nullptr;
    }
    default: return nullptr;
  }
}

// ---- calls ----

}  // namespace awl
