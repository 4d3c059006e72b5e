// Statements, and the frame of a program.
#include <linux/bpf.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <set>

#include "codegen/lower_internal.h"
#include "parser/walk.h"

namespace awl {

using artifact::ParamKind;

Lowering::Lowering(const Unit& u, const ProbeInstance& i, size_t index, Emit& e)
    // The table of types only grows: looking up members fills it in.
    : unit(u), instance(i), program_index(index), emit(e), types(const_cast<TypeTable&>(u.types)),
      callback_loops_(u.options.runs_here && find_param(ParamKind::feature, "iterators") >= 0 && !u.host->has_feature(Feature::iterators) && u.host->has_feature(Feature::callback_loops)) {}

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
  Value match;
  if (instance.uses_places) match = from_place([&](Value row) { return emit.load(row, 64, offsetof(artifact::PlaceRow, match)); });
  else match = emit.cookie(static_cast<uint32_t>(std::max<int64_t>(feature, 0)));
  return emit.binary(Op::bit_or, match, emit.imm(program));
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

static bool is_send(const ast::StmtPtr& s) {
  auto* statement = std::get_if<ast::ExprStmt>(&s->node);
  auto* call = statement ? std::get_if<ast::Call>(&statement->value->node) : nullptr;
  return call && call->name == "send";
}

// A test that sends packets, see artifact::Send: each run of the program is one step, from behind a send() to the next.
void Lowering::steps() {
  std::span<const ast::StmtPtr> rest(instance.body.statements);
  Value step = emit.context_load(64, 0);
  for (size_t i = 0; i <= instance.sends.size(); ++i) {
    const size_t end = static_cast<size_t>(std::ranges::find_if(rest, is_send) - rest.begin());
    emit.branch(emit.compare(Compare::eq, step, emit.imm(i)), [&] {
      emit.scope([&] { run(rest.first(end)); });
      if (i < instance.sends.size()) emit.leave(emit.imm(artifact::first_send + instance.first_send + i));
      else emit.leave();
    });
    rest = rest.subspan(std::min(end + 1, rest.size()));
  }
}

// Leaves the program where it is not for it, having made the socket ask for the events that it is for.
void Lowering::run_only(const Context::Only& only) {
  auto is = [&](uint32_t value) { return emit.compare(Compare::eq, emit.context_load(32, only.offset), emit.imm(value, 32)); };
  if (only.callbacks) {
    Value begins = emit.imm(0, 1);
    for (uint32_t value : only.asks) begins = emit.binary(Op::bit_or, begins, is(value));
    emit.branch(begins, [&] {
      Value asked = emit.resize(emit.context_load(32, offsetof(bpf_sock_ops, bpf_sock_ops_cb_flags)), 64, false);
      emit.helper(BPF_FUNC_sock_ops_cb_flags_set, {emit.context(), emit.binary(Op::bit_or, asked, emit.imm(only.callbacks))});
    });
  }
  emit.branch(emit.compare(Compare::ne, emit.context_load(32, only.offset), emit.imm(only.value, 32)), [&] { emit.leave(); });
}

void Lowering::program() {
  emit.at(instance.span);
  if (const auto& only = instance.context.only) run_only(*only);
  find_packet();
  make_variables(instance.variables, instance.body);
  auto statements = [&] {
    if (instance.sends.empty()) block(instance.body.statements);
    else steps();
  };
  auto body = [&] {
    if (!instance.predicate) return statements();
    emit.at(instance.predicate->span);
    auto holds = [&] { return condition(*instance.predicate); };
    if (instance.sends.empty()) return emit.branch(holds(), statements);
    Value begun = emit.compare(Compare::ne, emit.context_load(64, 0), emit.imm(0));
    emit.branch(emit.choose(begun, [&] { return emit.imm(1, 1); }, holds), statements);
  };
  if (const auto& object = instance.context.object) {
    emit.branch(emit.compare(Compare::ne, emit.context_load(8 * object->size, object->offset), emit.imm(0)), body);
    return emit.leave();
  }
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

namespace {

// Whether a statement is a loop whose turns are not known when compiling.
bool is_endless(const ast::Stmt& s) {
  auto* range = std::get_if<ast::ForRange>(&s.node);
  return std::holds_alternative<ast::While>(s.node) || (range && !counted_turns(*range));
}

// Variables from outside of the innermost of `loops` that a statement changes. Loops in it that `is_callback` is true for are added to them.
void changed_in_loops(const ast::Stmt& s, const std::map<std::string, VariableInfo>& variables, std::vector<Span>& loops, const std::function<bool(const ast::Stmt&)>& is_callback, std::set<std::string>& changed) {
  auto change = [&](const ast::Expr& target) {
    auto* variable = std::get_if<ast::Variable>(&target.node);
    auto found = variable ? variables.find(variable->name) : variables.end();
    if (found == variables.end() || loops.empty()) return;
    Span declared = found->second.declared, loop = loops.back();
    bool inside = declared.file == loop.file && declared.begin >= loop.begin && declared.end <= loop.end;
    if (!inside) changed.insert(variable->name);
  };
  auto visit = [&](auto&& self, const auto& node) -> void {
    using Node = std::remove_cvref_t<decltype(node)>;
    bool loop = false;
    if constexpr (std::is_same_v<Node, ast::Stmt>) {
      loop = is_callback(node);
      if (auto* assign = std::get_if<ast::Assign>(&node.node)) change(*assign->target);
    } else {
      if (auto* step = std::get_if<ast::IncDec>(&node.node)) change(*step->target);
      // Arguments that a call may write to.
      if (auto* call = std::get_if<ast::Call>(&node.node))
        for (const ast::ExprPtr& argument : call->args) change(*argument);
    }
    if (loop) loops.push_back(node.span);
    ast::for_each_child(node, Overloaded{[&](const ast::ExprPtr& c) { self(self, *c); }, [&](const ast::StmtPtr& c) { self(self, *c); }});
    if (loop) loops.pop_back();
  };
  visit(visit, s);
}

}  // namespace

// Memory for all variables. See Emit::each for why some are not on the stack.
void Lowering::make_variables(const std::map<std::string, VariableInfo>& variables, const ast::Block& body) {
  std::set<std::string> changed;
  std::vector<Span> loops;
  const auto is_callback = [&](const ast::Stmt& s) { return std::holds_alternative<ast::ForMap>(s.node) || (callback_loops_ && is_endless(s)); };
  for (const ast::StmtPtr& s : body.statements) changed_in_loops(*s, variables, loops, is_callback, changed);
  uint64_t kept = instance.variables_offset;
  for (const auto& [name, info] : variables) {
    if (!info.type || !info.type->size || variables_.contains(name)) continue;
    if (!instance.sends.empty()) {
      variables_[name] = emit.global(kept);
      kept += (info.type->size + 7) / 8 * 8;
      continue;
    }
    variables_[name] = changed.contains(name) ? emit.scratch((info.type->size + 7) / 8 * 8) : memory(info.type->size);
  }
}

Value Lowering::variable(const std::string& name) { return variables_.at(name); }

void Lowering::run(std::span<const ast::StmtPtr> statements) {
  for (const ast::StmtPtr& s : statements) {
    emit.at(s->span);
    emit.scope([&] { statement(*s); });  // its temporary memory is free afterwards
  }
}

namespace {

// A part is long enough that its call does not matter, and short enough for the jumps within a function, which reach 32767 instructions, and for the
// optimiser, whose time grows faster than the length of a function. A node is about four instructions.
constexpr uint64_t part_nodes = 1000;
constexpr uint64_t most_parts = 180;  // the kernel takes 256 functions a program

uint64_t count_nodes(const auto& node) {
  uint64_t count = 1;
  ast::for_each_child(node, [&](const auto& child) { count += count_nodes(*child); });
  return count;
}

// Whether a statement leaves the turn of a loop around it.
bool leaves_turn(const ast::Stmt& s) {
  if (std::holds_alternative<ast::Break>(s.node) || std::holds_alternative<ast::Continue>(s.node)) return true;
  bool leaves = false;
  ast::for_each_child(s, Overloaded{[](const ast::ExprPtr&) {}, [&](const ast::StmtPtr& c) { leaves |= leaves_turn(*c); }});
  return leaves;
}

}  // namespace

// A long list of statements runs in parts.
void Lowering::block(const std::vector<ast::StmtPtr>& statements) {
  std::vector<uint64_t> sizes;
  uint64_t all = 0;
  for (const ast::StmtPtr& s : statements) all += sizes.emplace_back(count_nodes(*s));
  if (all < 2 * part_nodes) return run(statements);
  uint64_t size = std::max(part_nodes, all / most_parts);
  std::span<const ast::StmtPtr> rest(statements);
  for (size_t begin = 0, end = 0; begin < statements.size(); begin = end) {
    uint64_t sum = 0;
    auto fits = [&] { return end < statements.size() && sum + sizes[end] <= size && !leaves_turn(*statements[end]); };
    while (fits()) sum += sizes[end++];
    std::span<const ast::StmtPtr> some = rest.subspan(begin, end - begin);
    if (sum > size / 4) emit.part([&] { run(some); });
    else run(some);
    if (end == begin) run(rest.subspan(end++, 1));  // long by itself, or leaves a turn
  }
}

void Lowering::unroll(const ast::Unroll& node) {
  uint64_t turns = literal_of(*node.count).value_or(1), size = count_nodes(node.body);
  bool whole = turns * size < 2 * part_nodes || std::ranges::any_of(node.body.statements, [](const ast::StmtPtr& s) { return leaves_turn(*s); });
  uint64_t together = whole ? turns : std::max<uint64_t>(1, std::max(part_nodes, turns * size / most_parts) / size);
  for (uint64_t done = 0; done < turns; done += together) {
    auto some = [&] {
      for (uint64_t i = done; i < std::min(done + together, turns); ++i) emit.scope([&] { block(node.body.statements); });
    };
    if (whole) some();
    else emit.part(some);
  }
}

void Lowering::assign(const ast::Stmt& s, const ast::Assign& node) {
  if (auto* called = std::get_if<ast::Call>(&node.value->node); called && called->builtin && called->builtin->flags & BuiltinFlag::aggregation)
    return aggregate(*node.target, *node.value);
  if (std::holds_alternative<ast::Field>(node.target->node)) return assign_context(s, node);
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

// `skb.mark = 1`
void Lowering::assign_context(const ast::Stmt& s, const ast::Assign& node) {
  const ContextField* field = context_field(*node.target);
  assert(field);
  Type type = node.target->type;
  uint32_t offset = std::get<BytesAccess>(field->access).offset;
  if (!is_scalar(type)) {
    Value from = address(*node.value);
    for (uint32_t at = 0; at < type->size; at += 4) emit.context_store(offset + at, emit.load(from, 32, at));
    return;
  }
  Value v = node.op ? Value{} : number(*node.value, type);
  if (node.op) {
    Type wide = types.integer(8, type->is_signed);
    Value old = emit.resize(field_scalar(*node.target), 64, type->is_signed);
    v = convert(arithmetic(*node.op, old, number(*node.value, wide), false, node.value.get(), site_of(unit.division_sites, &s)), wide, type);
  }
  if (field->network_order) v = emit.resize(swap_bytes(emit, v, bits_of(type)), 32, false);
  emit.context_store(offset, v);
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

namespace {

constexpr uint64_t most_work = 16384;         // turns times nodes of the body, where branches pile up
constexpr uint64_t most_turns_work = 150000;  // the same where they do not: a node is about 4 of the million instructions that a verifier follows

// How deep loops without a known end are nested in a body.
unsigned endless_depth(const ast::Block& body) {
  unsigned deepest = 0;
  auto visit = [&](auto&& self, const auto& node, unsigned depth) -> void {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(node)>, ast::Stmt>) {
      auto* range = std::get_if<ast::ForRange>(&node.node);
      if (range || std::holds_alternative<ast::While>(node.node)) ++depth;
    }
    deepest = std::max(deepest, depth);
    ast::for_each_child(node, Overloaded{[&](const ast::ExprPtr& c) { self(self, *c, depth); }, [&](const ast::StmtPtr& c) { self(self, *c, depth); }});
  };
  visit(visit, body, 0);
  return deepest;
}

}  // namespace

// A loop without a known end. A kernel without iterators that has bpf_loop goes through it with that, if it is the only one that the programs are for:
// kernels that have neither refuse programs with callbacks. Where the kernel has no iterators its verifier goes through every turn: nested loops share what it puts up with, and
// a longer body has fewer turns. Where it has them it must not: it would follow numbers that it knows as long as they decide something, so what the
// loop changes is made unknown by adding a 0 that only we know.
void Lowering::endless(const ast::Stmt& s, const ast::Block& body, const Emit::Yield& next, const Emit::Code& turn, Value counter) {
  const int32_t site = site_of(unit.loop_sites, &s);
  const auto cut = [&] { runtime_error(site, emit.imm(0)); };
  if (callback_loops_) return emit.repeat_by_callback(next, turn, cut);
  int64_t found = find_param(ParamKind::feature, "iterators");
  assert(found >= 0);
  auto feature = static_cast<uint32_t>(std::max<int64_t>(found, 0));
  std::set<std::string> changed;
  std::vector<Span> outside{s.span};
  for (const ast::StmtPtr& inner : body.statements) changed_in_loops(*inner, instance.variables, outside, [](const ast::Stmt&) { return false; }, changed);
  auto forget = [&] {
    Value unknown = emit.load(emit.global(unit.meta.lost_offset), 64);
    Value zero = emit.binary(Op::sub, emit.opaque(unknown), emit.opaque(unknown));
    if (counter) emit.store(counter, emit.binary(Op::add, emit.load(counter, 64), zero));
    for (const std::string& name : changed) {
      Type type = instance.variables.at(name).type;
      if (!is_integer(type)) continue;
      Value old = load_scalar(variable(name), type);
      store_scalar(variable(name), emit.binary(Op::add, old, emit.resize(zero, bits_of(type), false)), type);
    }
  };
  auto next_known = [&] {
    emit.branch(emit.compare(Compare::ne, emit.param(feature), emit.imm(0)), forget);
    return next();
  };
  uint64_t before = turns_left_;
  if (before == 0) turns_left_ = std::clamp<uint64_t>(most_work / (16 + 2 * count_nodes(body)), 32, 1024);
  auto turns = static_cast<uint64_t>(std::pow(static_cast<double>(turns_left_), 1.0 / (1 + endless_depth(body))));
  turns_left_ = std::max<uint64_t>(turns_left_ / std::max<uint64_t>(turns, 1), 1);
  // A known number of turns that the verifier can follow is followed to the end.
  if (auto* range = std::get_if<ast::ForRange>(&s.node); range && before == 0)
    if (auto low = literal_of(*range->from), high = literal_of(*range->to); low && high && (*high - *low) * count_nodes(body) < most_turns_work) turns = std::max(turns, *high - *low);
  emit.repeat({feature, std::max<uint64_t>(turns, 2)}, next_known, turn, cut);
  turns_left_ = before;
}

void Lowering::for_range(const ast::Stmt& s, const ast::ForRange& node) {
  Type type = instance.variables.at(node.variable).type;
  Type wide = types.integer(8, true);
  Value from = number(*node.from, wide), to = number(*node.to, wide);
  Value slot = variable(node.variable);
  auto turn = [&](Value i) {
    store_scalar(slot, convert(i, wide, type), type);
    emit.scope([&] { block(node.body.statements); });
  };
  if (auto turns = counted_turns(node)) return emit.loop(from, to, std::max<uint64_t>(*turns, 1), turn);
  Value at = callback_loops_ ? emit.scratch(8) : emit.slot(8);
  emit.store(at, from);
  endless(
      s, node.body, [&] { return emit.compare(Compare::slt, emit.load(at, 64), to); },
      [&] {
        Value i = emit.load(at, 64);
        emit.store(at, emit.binary(Op::add, i, emit.imm(1)));
        turn(i);
      },
      at);
}

// The variable is a tuple of key and value; an aggregation gives its value over all CPUs.
void Lowering::for_map(const ast::ForMap& node) {
  const MapInfo& info = map_info(*node.map);
  const VariableInfo& variable_info = instance.variables.at(node.variable);
  emit.each(emit.map(info.index), [&](Value key, Value value) {
    if (variable_info.used) {
      const TypeNode& pair = *variable_info.type;
      Value slot = variable(node.variable);
      const Member &first = pair.members[0], &second = pair.members[1];
      read({key, Memory::own}, info.key, first.type, emit.offset(slot, uint64_t{first.offset}), true, true);
      if (is_aggregation(info.value))
        emit.scope([&] { store_scalar(slot, convert(merged(info, key), types.integer(8, info.value->is_signed), second.type), second.type, static_cast<uint32_t>(second.offset)); });
      else
        read({value, Memory::own}, info.value, second.type, emit.offset(slot, uint64_t{second.offset}), true, true);
    }
    emit.scope([&] { block(node.body.statements); });
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
                 [&](const ForRange& n) { for_range(s, n); },
                 [&](const ForMap& n) { for_map(n); },
                 [&](const While& n) {
                   endless(s, n.body, [&] { return condition(*n.condition); }, [&] { emit.scope([&] { block(n.body.statements); }); });
                 },
                 [&](const Unroll& n) { unroll(n); },
                 [&](const Break&) { emit.leave_loop(); },
                 [&](const Continue&) { emit.next_turn(); },
                 [&](const Return& n) { return_statement(n); },
                 [&](const Block& n) { emit.scope([&] { block(n.statements); }); },
             },
             s.node);
}

void lower_program(const Unit& unit, const ProbeInstance& instance, size_t program_index, Emit& emit) {
  Lowering(unit, instance, program_index, emit).program();
}

}  // namespace awl
