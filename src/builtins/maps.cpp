// Maps as a whole and their elements.
#include "base/diag/builtins.h"
#include "base/diag/calls.h"
#include "builtins/rows.h"

namespace awl {

using artifact::Action;

namespace {

void plan_map(CallCheck&, PlanCall& plan) { plan.site().map = plan.map_index(0); }

Value send(Emit&, CallLower& c) {
  c.send_event();
  return {};
}

bool names_element(const ast::Expr& e) {
  auto* map = std::get_if<ast::MapRef>(&e.node);
  return map && map->keyed;
}

// delete(@m), delete(@m[k]) (the old form) and delete(@m, k).
void check_delete(CallCheck& c) {
  if (!std::holds_alternative<ast::MapRef>(c.arg(0).node)) {
    c.diagnostics().report<Diag::expects_map>(c.arg(0).span, c.call().name, "map");
    return;
  }
  bool element = names_element(c.arg(0));
  if (element && !c.check_map(0)) return;
  if (c.count() == 1 && !element && c.keyed_map(0)) c.diagnostics().report<Diag::delete_keyed>(c.expr().span);
  if (c.count() > 1 && !element && !c.keyed_map(0)) c.diagnostics().report<Diag::delete_scalar>(c.expr().span);
}

// The value of a scalar aggregation has a part on each CPU, which kernels from 5.19 let a program reach.
void plan_delete(CallCheck& c, PlanCall& plan) {
  if (c.keyed_map(0) || !c.type(0) || !is_aggregation(c.type(0))) return;
  plan.param({.kind = artifact::ParamKind::ncpus});
  plan.param({.kind = artifact::ParamKind::feature, .name = "percpu_lookup"});
}

void check_keyed(CallCheck& c) {
  if (!c.keyed_map(0)) c.diagnostics().report<Diag::needs_keyed_map>(c.arg(0).span, c.call().name);
}

void plan_find(CallCheck& c, PlanCall& plan) {
  if (!is_aggregation(c.type(0))) return;
  plan.need(Feature::percpu_lookup, "the value of an aggregation over all CPUs");
  plan.param({.kind = artifact::ParamKind::ncpus});
}

bool is_map(const ast::Expr& e) {
  auto* map = std::get_if<ast::MapRef>(&e.node);
  return map && !map->keyed;
}

bool is_stack(Type t) { return t && (t->kind == Kind::kstack || t->kind == Kind::ustack); }

// The number of a stack's frames stands behind its hash (artifact/schema.h).
Value lower_len(Emit& e, CallLower& c) {
  if (Value count = is_map(c.arg(0)) ? c.count_elements(0) : Value{}) return count;
  return e.resize(e.load(c.address(0), 32, 8), 64, false);
}

// A queue that is full, or no memory.
void plan_push(CallCheck&, PlanCall& plan) { plan.warn("Map full; the value is lost. Try a larger size in the map declaration e.g. `let @a = queue(5000)`", "map_push_elem"); }

Value lower_push(Emit& e, CallLower& c) {
  Value code = c.push(0, 1);
  e.branch(e.compare(Compare::slt, code, e.imm(0)), [&] { c.warn(code); }, {}, false);
  return {};
}

const Builtin rows[] = {
    {.name = "delete",
     .signature = "delete(map map, key key = none) -> bool | delete(any element) -> bool",
     .doc = "Removes an element of a map (or the value of a map without keys); true if it was there.",
     .example = "begin { @a[1] = 2; print(delete(@a, 1)) }",
     .prints = "true",
     .check = check_delete,
     .plan = plan_delete,
     .lower = [](Emit&, CallLower& c) { return c.remove_element(0, c.count() - 1); }},
    {.name = "has_key",
     .signature = "has_key(map map, key key) -> bool",
     .doc = "Whether a map has an element with this key.",
     .example = "begin { @a[1] = 2; if (has_key(@a, 1)) { print(1) } }",
     .prints = "1\n@a[1]: 2",
     .check = check_keyed,
     .lower = [](Emit&, CallLower& c) { return c.has_element(0, 1); }},
    {.name = "find",
     .signature = "find(map map, key key, variable value) -> bool",
     .doc = "Looks for an element of a map: true if it is there, and the variable then has its value, else it stays as it is.",
     .example = "begin { @a[1] = 2; $v = 0; if (find(@a, 1, $v)) { print($v) } }",
     .prints = "2\n@a[1]: 2",
     .check = check_keyed,
     .plan = plan_find,
     .lower = [](Emit&, CallLower& c) { return c.find_into(0, 1, 2); }},
    {.name = "push",
     .signature = "push(map map, value value)",
     .doc = "Puts a value into a `queue` or `stack`; when it is full, the value is lost and a warning says so. Of a `bloom` filter: has_key() is true for the value from then on, and for few others.",
     .example = "let @q = queue(8); begin { push(@q, 1); push(@q, 2); }",
     .prints = "@q: 1\n@q: 2",
     .flags = BuiltinFlag::no_value,
     .plan = plan_push,
     .lower = lower_push},
    {.name = "pop",
     .signature = "pop(map map, variable value) -> bool",
     .doc = "Takes a value out of a `queue` (the one that was put in first) or `stack` (the last one): true if there was one, and the variable then has it.",
     .example = "let @q = queue(8); begin { push(@q, 5); $v = 0; if (pop(@q, $v)) { print($v) } }",
     .prints = "5",
     .lower = [](Emit&, CallLower& c) { return c.take_into(0, 1, BPF_FUNC_map_pop_elem); }},
    {.name = "peek",
     .signature = "peek(map map, variable value) -> bool",
     .doc = "The value that pop() would take out of a `queue` or `stack`, which stays in it.",
     .example = "let @s = stack(8); begin { push(@s, 5); push(@s, 6); $v = 0; if (peek(@s, $v)) { print($v) } clear(@s) }",
     .prints = "6",
     .lower = [](Emit&, CallLower& c) { return c.take_into(0, 1, BPF_FUNC_map_peek_elem); }},
    {.name = "len",
     .signature = "len(map map) -> int64 | len(stack stack) -> int64",
     .doc = "Number of elements of a map, or of frames of a stack.",
     .example = "begin { @a[1] = 2; print(len(@a)) }",
     .prints = "1\n@a[1]: 2",
     .check = [](CallCheck& c) {
       if (is_map(c.arg(0)) && !is_stack(c.type(0))) check_keyed(c);
     },
     .plan = [](CallCheck& c, PlanCall& plan) {
       if (is_map(c.arg(0)) && c.keyed_map(0)) plan.need(Feature::for_each_map, "len() of a map");
     },
     .lower = lower_len},
    {.name = "clear",
     .signature = "clear(map map)",
     .doc = "Removes all elements of a map, when the event is handled.",
     .example = "interval:s:1 { @a[cpu] = 1; clear(@a) }",
     .flags = BuiltinFlag::async | BuiltinFlag::no_value,
     .action = Action::clear,
     .plan = plan_map,
     .lower = send},
    {.name = "zero",
     .signature = "zero(map map)",
     .doc = "Sets all values of a map to zero and keeps the keys, when the event is handled.",
     .example = "interval:s:1 { @a[cpu] = 1; zero(@a) }",
     .flags = BuiltinFlag::async | BuiltinFlag::no_value,
     .action = Action::zero,
     .plan = plan_map,
     .lower = send},
};

}  // namespace

std::span<const Builtin> map_rows() { return rows; }

}  // namespace awl
