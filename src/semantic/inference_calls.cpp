// Types of calls, and of what is given to them.
#include <fmt/format.h>

#include <algorithm>

#include "semantic/inference.h"
#include "base/diag/calls.h"
#include "base/diag/operators.h"
#include "semantic/calls.h"
#include "semantic/passes.h"
#include "semantic/scopes.h"
#include "semantic/type_names.h"

namespace awl {

// `$1`, or `$1 + n`, where text is asked for.
bool Inference::text_argument(Slot& slot) {
  auto text_of = [&](const ast::Expr& e) -> std::optional<std::string> {
    auto* p = std::get_if<ast::Parameter>(&e.node);
    if (!p || p->index == 0) return std::nullopt;
    if (p->index <= unit_.options.parameters.size()) return unit_.options.parameters[p->index - 1];
    unit_.diagnostics->report<Diag::parameter_missing>(e.span, p->index);
    return "";
  };
  if (!unit_.options.parameters_known) {
    auto* p = std::get_if<ast::Parameter>(&slot->node);
    if (!p || p->index == 0) return false;
    set(slot->type, types_.string(static_cast<uint32_t>(std::min<uint64_t>(unit_.config.max_strlen, 256))));
    return true;
  }
  if (auto text = text_of(*slot)) {
    slot->node = ast::String{*text};
    return false;
  }
  auto* sum = std::get_if<ast::Binary>(&slot->node);
  if (!sum || sum->op != ast::BinaryOp::add) return false;
  auto text = text_of(*sum->left);
  if (!text) return false;
  expr(sum->right);
  const ast::Integer* skip = integer_literal(*sum->right);
  if (!skip) return false;
  slot->node = ast::String{skip->value < text->size() ? text->substr(skip->value) : ""};
  return false;
}

void Inference::argument(ast::Call& c, size_t i) {
  const Builtin& row = *c.builtin;
  size_t count = c.args.size();
  Slot& slot = c.args[i];
  if (std::holds_alternative<ast::Identifier>(slot->node) && argument_may_be(row, count, i, "mode")) {
    slot->type = types_.none();
    return;
  }
  if (std::holds_alternative<ast::TypeOf>(slot->node) && argument_may_be(row, count, i, "type name")) {
    slot->type = types_.none();
    return;
  }
  if (is_whole_map(c, i)) {
    MapInfo& map = map_info(std::get<ast::MapRef>(slot->node).name, slot->span);
    set(slot->type, map.value);
    return;
  }
  if (argument_may_be(row, count, i, "string") && text_argument(slot)) return;
  if (argument_may_be(row, count, i, "constant")) constant(slot);
  else expr(slot);
  // str(5) is "5": where an address or a text may be given, a plain number is no address.
  if (const ast::Integer* n = integer_literal(*slot); n && argument_may_be(row, count, i, "string") && argument_may_be(row, count, i, "pointer")) {
    slot->node = ast::String{n->negative ? fmt::to_string(static_cast<int64_t>(n->value)) : fmt::to_string(n->value)};
    slot->type = nullptr;
    expr(slot);
  }
  if (auto* variable = std::get_if<ast::Variable>(&slot->node); variable && argument_may_be(row, count, i, "variable")) {
    auto found = probe_->variables.find(variable->name);
    Type value = c.args[0]->type;
    if (value && is_aggregation(value)) value = number_type(types_, value);
    if (found != probe_->variables.end()) grow(found->second, nullptr, value, slot->span);
  }
  if (const ast::MapRef* map = map_of_key(c, i)) {
    MapInfo& info = map_info(map->name, slot->span);
    if (info.keyed || !info.kind_known) grow_key(info, *slot, slot->span);
  }
  if (const ast::MapRef* map = map_of_value(c, i)) {
    Type value = slot->type && is_aggregation(slot->type) ? number_type(types_, slot->type) : slot->type;
    MapInfo& info = map_info(map->name, slot->span);
    if (info.kind && info.kind->key == MapKind::Key::member) grow_key(info, *slot, slot->span);
    else grow_map(info, slot.get(), value, slot->span);
  }
}

Type Inference::call(Slot& slot) {
  ast::Expr& e = *slot;
  auto& c = std::get<ast::Call>(e.node);
  if (!c.builtin) c.builtin = find_builtin(c.name);
  if (!c.builtin) {
    for (ast::ExprPtr& a : c.args) expr(a);
    auto found = std::ranges::find(unit_.functions, c.name, &FunctionInstance::name);
    if (found == unit_.functions.end()) return nullptr;
    c.function = static_cast<int32_t>(found - unit_.functions.begin());
    return found->has_result ? found->result : types_.none();
  }
  for (size_t i = 0; i < c.args.size(); ++i) argument(c, i);
  if (answer(slot)) return compute(slot);
  Type type = result_type(unit_, *probe_, *slot);
  if (!(c.builtin->flags & BuiltinFlag::arguments) || !type || slot.get() == field_object_) return type;
  take_all_arguments(slot, type);
  return compute(slot);
}

// The arguments of a probe lie in registers, or anywhere in its context: as one value they are a record of them.
void Inference::take_all_arguments(Slot& slot, Type arguments) {
  Span span = slot->span;
  ast::Record record;
  for (const Member& member : arguments->members) {
    if (!member.type || member.type->kind == Kind::none || member.type->size == 0) continue;
    record.fields.push_back({member.name, span, ast::make(span, ast::Field{ast::clone(*slot), member.name, span})});
  }
  slot->node = std::move(record);
}

// Puts what is known when compiling in a call's place.
bool Inference::answer(Slot& slot) {
  auto& c = std::get<ast::Call>(slot->node);
  const Builtin& row = *c.builtin;
  CallView view(unit_, *probe_, *slot);
  if (comptime_ && row.flags & BuiltinFlag::names_target && c.args.empty() && view.probe_name()) {
    slot->node = ast::String{*view.probe_name()};
  } else {
    if (!row.constant || (row.flags & BuiltinFlag::late && !comptime_) || !takes_arguments(row, c.args.size())) return false;
    if (row.flags & BuiltinFlag::asks_types) {
      asked_ = true;
      if (!settled_) return false;
    }
    ast::ExprPtr made = row.constant(view);
    if (!made) return false;
    slot->node = std::move(made->node);
    slot->type = made->type;
    answered_ = changed_ = true;
    return true;
  }
  slot->type = nullptr;
  answered_ = changed_ = true;
  return true;
}

}  // namespace awl
