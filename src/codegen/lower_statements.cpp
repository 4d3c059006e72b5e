// Statements, and the frame of a program.
#include <algorithm>
#include <cassert>

#include "codegen/lower_internal.h"

namespace awl {

using artifact::ParamKind;

Lowering::Lowering(const Unit& u, const ProbeInstance& i, size_t index, Emit& e)
    // The table of types only grows: looking up members fills it in.
    : unit(u), instance(i), program_index(index), emit(e), types(const_cast<TypeTable&>(u.types)) {}

int64_t Lowering::find_param(ParamKind kind, std::string_view name, uint32_t index) const {
  auto same = [&](const artifact::Param& p) { return p.kind == kind && p.name == name && p.index == index; };
  auto found = std::ranges::find_if(unit.meta.params, same);
  return found == unit.meta.params.end() ? -1 : found - unit.meta.params.begin();
}

Value Lowering::param(ParamKind kind, std::string_view name, uint32_t index) {
  int64_t found = find_param(kind, name, index);
  return found < 0 ? emit.imm(0) : emit.param(static_cast<uint32_t>(found));
}

int32_t Lowering::site_of(const std::map<const void*, int32_t>& sites, const void* node) {
  auto found = sites.find(node);
  return found == sites.end() ? -1 : found->second;
}

// One target: its name's index. Several behind one program: the program and the match, which the attach cookie tells.
Value Lowering::probe_id() {
  if (!instance.per_target) {
    auto& names = unit.meta.probe_names;
    auto found = std::ranges::find(names, instance.probe_text);
    return emit.imm(found == names.end() ? 0 : static_cast<uint64_t>(found - names.begin()));
  }
  int64_t feature = find_param(ParamKind::feature, "attach_cookie");
  assert(feature >= 0);
  uint64_t program = uint64_t{1} << 63 | uint64_t{program_index} << 32;
  return emit.binary(Op::bit_or, emit.cookie(static_cast<uint32_t>(std::max<int64_t>(feature, 0))), emit.imm(program));
}

// The current task's process id as the parameter `pid` means it.
Value Lowering::current_task_group() {
  Value both = emit.helper(BPF_FUNC_get_current_pid_tgid, {}, Effect::pure);
  Value plain = emit.binary(Op::lshr, both, emit.imm(32));
  if (find_param(ParamKind::pid_namespace_dev) < 0) return plain;
  Value device = param(ParamKind::pid_namespace_dev);
  return emit.choose(
      emit.compare(Compare::eq, device, emit.imm(0)), [&] { return plain; },
      [&] {
        Value info = emit.slot(sizeof(bpf_pidns_info));
        emit.helper(BPF_FUNC_get_ns_current_pid_tgid, {device, param(ParamKind::pid_namespace_ino), info, emit.imm(sizeof(bpf_pidns_info), 32)});
        return emit.resize(emit.load(info, 32, offsetof(bpf_pidns_info, tgid)), 64, false);
      });
}

void Lowering::program() {
  emit.at(instance.span);
  for (const auto& [name, info] : instance.variables)
    if (info.type && info.type->size) variables_[name] = memory(info.type->size);
  auto body = [&] {
    if (!instance.predicate) return block(instance.body.statements);
    emit.at(instance.predicate->span);
    emit.branch(condition(*instance.predicate), [&] { block(instance.body.statements); });
  };
  bool filtered = instance.target.provider && instance.target.provider->pid_by_predicate && find_param(ParamKind::pid) >= 0;
  if (!filtered) {
    body();
  } else {
    Value wanted = param(ParamKind::pid);
    Value passes = emit.choose(emit.compare(Compare::eq, wanted, emit.imm(0)), [&] { return emit.imm(1, 1); },
                               [&] { return emit.compare(Compare::eq, current_task_group(), wanted); });
    emit.branch(passes, body);
  }
  emit.leave();
}

Value Lowering::variable(const std::string& name) { return variables_.at(name); }

void Lowering::block(const std::vector<ast::StmtPtr>& statements) {
  for (const ast::StmtPtr& s : statements) {
    emit.at(s->span);
    emit.scope([&] { statement(*s); });  // its temporary memory is free afterwards
  }
}

void Lowering::assign(const ast::Stmt& s, const ast::Assign& node) {
  if (auto* called = std::get_if<ast::Call>(&node.value->node); called && called->builtin && called->builtin->flags & BuiltinFlag::aggregation)
    return aggregate(*node.target, *node.value);
  bool to_map = std::holds_alternative<ast::MapRef>(node.target->node);
  if (!node.op) {
    if (to_map) return assign_map(*node.target, *node.value);
    const std::string& name = std::get<ast::Variable>(node.target->node).name;
    Type type = instance.variables.at(name).type;
    return into(*node.value, type, variable(name), !is_string(type));
  }
  Type type = to_map ? map_info(*node.target).value : instance.variables.at(std::get<ast::Variable>(node.target->node).name).type;
  if (is_pointer(type)) {
    auto change = [&](Value old) { return pointer_arithmetic(*node.op, old, type, *node.value); };
    if (to_map) {
      modify_map(*node.target, change, false);
    } else {
      Value slot = variable(std::get<ast::Variable>(node.target->node).name);
      store_scalar(slot, change(load_scalar(slot, type)), type);
    }
    return;
  }
  Type meeting = operand_type(types, *node.target, *node.value);
  if (!meeting) meeting = types.integer(8, true);
  Value right = number(*node.value, meeting);
  if (to_map && type->size == 8 && (*node.op == ast::BinaryOp::add || *node.op == ast::BinaryOp::subtract))
    return add_to_map(*node.target, *node.op == ast::BinaryOp::add ? right : emit.binary(Op::sub, emit.imm(0), right));
  auto change = [&](Value old) {
    Value result = arithmetic(*node.op, convert(old, type, meeting), right, meeting->is_signed, node.value.get(), site_of(unit.division_sites, &s));
    return convert(result, meeting, type);
  };
  if (to_map) {
    modify_map(*node.target, change, false);
  } else {
    Value slot = variable(std::get<ast::Variable>(node.target->node).name);
    store_scalar(slot, change(load_scalar(slot, type)), type);
  }
}

void Lowering::let(const ast::Let& node) {
  auto found = instance.variables.find(node.name);
  if (found == instance.variables.end() || !found->second.type || !found->second.type->size) return;
  Type type = found->second.type;
  Value slot = variable(node.name);
  if (node.value) into(*node.value, type, slot, !is_string(type));
  else if (is_scalar(type)) store_scalar(slot, emit.imm(0, bits_of(type)), type);
  else emit.zero(slot, type->size);
}

void Lowering::if_statement(const ast::If& node) {
  auto run = [&](const ast::Block& b) { emit.scope([&] { block(b.statements); }); };
  std::optional<bool> known;
  if (auto* boolean = std::get_if<ast::Boolean>(&node.condition->node)) known = boolean->value;
  else if (auto integer = literal_of(*node.condition)) known = *integer != 0;
  if (known) {
    if (*known) run(node.yes);
    else if (node.no) run(*node.no);
    return;
  }
  Value holds = condition(*node.condition);
  if (node.no) emit.branch(holds, [&] { block(node.yes.statements); }, [&] { block(node.no->statements); });
  else emit.branch(holds, [&] { block(node.yes.statements); });
}

void Lowering::for_range(const ast::ForRange& node) {
  Type type = instance.variables.at(node.variable).type;
  Type wide = types.integer(8, true);
  Value from = number(*node.from, wide), to = number(*node.to, wide);
  auto low = literal_of(*node.from), high = literal_of(*node.to);
  uint64_t limit = 0;
  if (low && high) limit = static_cast<int64_t>(*high) > static_cast<int64_t>(*low) ? *high - *low : 1;
  Value slot = variable(node.variable);
  emit.loop(from, to, limit, [&](Value i) {
    store_scalar(slot, convert(i, wide, type), type);
    block(node.body.statements);
  });
}

void Lowering::statement(const ast::Stmt& s) {
  using namespace ast;
  std::visit(Overloaded{
                 [&](const ExprStmt& n) { discard(*n.value); },
                 [&](const Discard& n) { discard(*n.value); },
                 [&](const Assign& n) { assign(s, n); },
                 [&](const Let& n) { let(n); },
                 [&](const If& n) { if_statement(n); },
                 [&](const ForRange& n) { for_range(n); },
                 [&](const ForMap&) { assert(!"loops over maps are refused before lowering"); },
                 [&](const While& n) {
                   constexpr uint64_t unknown = 0;
                   emit.loop(emit.imm(0), emit.imm(INT64_MAX), unknown, [&](Value) {
                     emit.branch(condition(*n.condition), [&] { block(n.body.statements); }, [&] { emit.leave_loop(); });
                   });
                 },
                 [&](const Unroll& n) {
                   for (uint64_t i = 0, turns = literal_of(*n.count).value_or(1); i < turns; ++i) emit.scope([&] { block(n.body.statements); });
                 },
                 [&](const Break&) { emit.leave_loop(); },
                 [&](const Continue&) { emit.next_turn(); },
                 [&](const Return& n) {
                   if (n.value) discard(*n.value);
                   emit.leave();
                 },
                 [&](const Block& n) { emit.scope([&] { block(n.statements); }); },
             },
             s.node);
}

void lower_program(const Unit& unit, const ProbeInstance& instance, size_t program_index, Emit& emit) {
  Lowering(unit, instance, program_index, emit).program();
}

}  // namespace awl
