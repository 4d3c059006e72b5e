// Events: a record is reserved in the ring buffer at its exact size, written in place and submitted.
#include <algorithm>
#include <cassert>

#include "codegen/lower_internal.h"

namespace awl {
namespace {

constexpr uint32_t header_size = 8;  // u32 site, u32 program

// delete(@m[k]), find(@m, k, $v), len(@m): may change the map or go over it.
bool looks_at_map(const ast::ExprPtr& argument) { return std::holds_alternative<ast::MapRef>(argument->node); }

// Whether evaluating an expression changes something, may send a message of its own (a division, before what it is part of is shown), may leave the block that it stands in or needs temporary memory (a run that finds none
// ends there and then).
bool has_effects(const ast::Expr& e) {
  using namespace ast;
  auto any = [](const std::vector<ExprPtr>& list) { return std::ranges::any_of(list, [](const ExprPtr& x) { return has_effects(*x); }); };
  auto one = [](const ExprPtr& x) { return x && has_effects(*x); };
  return std::visit(Overloaded{
                        [&](const IncDec&) { return true; },
                        [&](const BlockExpr&) { return true; },
                        [&](const Call& n) { return std::ranges::any_of(n.args, looks_at_map) || n.function >= 0 || e.type->kind == Kind::kstack || e.type->kind == Kind::ustack || any(n.args); },
                        [&](const MapRef& n) { return any(n.keys); },
                        [&](const Unary& n) { return one(n.operand); },
                        [&](const Binary& n) { return n.op == BinaryOp::divide || n.op == BinaryOp::modulo || one(n.left) || one(n.right); },
                        [&](const Ternary& n) { return one(n.condition) || one(n.yes) || one(n.no); },
                        [&](const Cast& n) { return one(n.operand); },
                        [&](const Field& n) { return one(n.object); },
                        [&](const TupleField& n) { return one(n.object); },
                        [&](const Index& n) { return one(n.object) || one(n.index) || one(n.length); },
                        [&](const Tuple& n) { return any(n.elements); },
                        [&](const Record& n) { return std::ranges::any_of(n.fields, [&](const NamedExpr& f) { return one(f.value); }); },
                        [&](const auto&) { return false; },
                    },
                    e.node);
}

}  // namespace

void Lowering::send(int32_t site, const std::function<void(Value)>& fill) {
  const artifact::Site& what = unit.meta.sites.at(static_cast<size_t>(site));
  bool urgent = what.action == artifact::Action::exit || what.action == artifact::Action::watch;
  uint64_t wake = urgent ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
  Value buffer = emit.named_map(artifact::events_map);
  Value record = emit.helper_address(BPF_FUNC_ringbuf_reserve, {buffer, emit.imm(header_size + what.payload), emit.imm(0)});
  emit.branch(
      emit.compare(Compare::ne, record, emit.null()),
      [&] {
        emit.store(record, emit.imm(static_cast<uint32_t>(site) | uint64_t{program_index} << 32));
        fill(emit.offset(record, uint64_t{header_size}));
        emit.helper(BPF_FUNC_ringbuf_submit, {record, emit.imm(wake)});
      },
      [&] { count_lost_event(); });
}

void Lowering::count_lost_event() { emit.atomic_add(emit.global(unit.meta.lost_offset + 8 * program_index), emit.imm(1)); }

// print(@m[k]) of an aggregation: the key, and where the kernel lets a program look at all CPUs (5.19) the value as it is now.
void Lowering::send_element(int32_t number, const artifact::Site& site, const ast::Expr& element) {
  constexpr uint32_t words = 3;  // merged, total, updates
  const MapInfo& info = map_info(element);
  emit.scope([&] {
    Value at = key(info, *std::get<ast::MapRef>(element.node).keys.front());
    Value merged_flag = emit.slot(8), total = emit.slot(8), updates = emit.slot(8);
    for (Value word : {merged_flag, total, updates}) emit.store(word, emit.imm(0));
    emit.branch(emit.compare(Compare::ne, param(artifact::ParamKind::feature, "percpu_lookup", 1), emit.imm(0)), [&] {
      merge(info, at, total, updates);
      emit.store(merged_flag, emit.imm(1));
    });
    send(number, [&](Value payload) {
      emit.copy(emit.offset(payload, uint64_t{site.args.front().offset}), at, info.key->size);
      const artifact::Element* word = &site.args[site.args.size() - words];
      for (Value from : {merged_flag, total, updates}) emit.store(payload, emit.load(from, 64), (word++)->offset);
    });
  });
}

void Lowering::send_call(const ast::Call& call, const std::function<void(Value)>& fill) {
  assert(call.site >= 0);
  if (instance.context.sequence) return sequence_call(call);
  const artifact::Site& site = unit.meta.sites.at(static_cast<size_t>(call.site));
  if (fill) return send(call.site, fill);
  if (site.action == artifact::Action::print_element) return send_element(call.site, site, *call.args.front());
  size_t count = site.args.size(), first = call.args.size() - std::min(count, call.args.size());
  // A record that cannot be reserved must not swallow an effect, and nothing may leave between reserve and submit: such arguments come first.
  bool before = std::any_of(call.args.begin() + static_cast<std::ptrdiff_t>(first), call.args.end(), [](const ast::ExprPtr& e) { return has_effects(*e); });
  std::vector<Value> early(count);
  for (size_t i = 0; before && i < count; ++i) {
    const ast::Expr& e = *call.args[first + i];
    if (is_scalar(e.type) || is_aggregation(e.type)) early[i] = scalar(e);
    else if (has_effects(e)) early[i] = address(e);
  }
  send(call.site, [&](Value payload) {
    for (size_t i = 0; i < count; ++i) {
      const ast::Expr& e = *call.args[first + i];
      Value at = emit.offset(payload, uint64_t{site.args[i].offset});
      if (is_aggregation(e.type)) emit.store(at, early[i] ? early[i] : scalar(e));
      else if (is_scalar(e.type)) store_scalar(at, early[i] ? early[i] : scalar(e), e.type);
      else if (early[i]) read({early[i], Memory::own}, e.type, e.type, at, false, false);
      else emit.scope([&] { into(e, e.type, at, false); });
    }
  });
}

void Lowering::runtime_error(int32_t site, Value code) {
  if (site < 0) return;
  send(site, [&](Value payload) { emit.store(payload, code); });
}

}  // namespace awl
