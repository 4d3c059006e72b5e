// What the kernel has. The answers are constants that are set before the program is loaded: the verifier leaves out what they rule out, so one object
// runs on kernels that differ.
#include "base/diag/builtins.h"
#include "builtins/rows.h"
#include "probes/kernel_facts.h"

namespace awl {
namespace {

using artifact::ParamKind;

const ast::TypeName* written_type(const ast::Expr& argument) {
  auto* type = std::get_if<ast::TypeOf>(&argument.node);
  return type && !type->type.of && type->type.suffixes.empty() ? &type->type : nullptr;
}

// What a call asks; empty when its arguments ask nothing.
std::string question(const ast::Call& call) {
  if (call.name == "has_probe") {
    auto text = literal_string(*call.args.at(0));
    return text ? probe_question(*text) : "";
  }
  const ast::TypeName* type = call.args.empty() ? nullptr : written_type(*call.args[0]);
  if (!type) return "";
  if (call.args.size() == 1) return type_question(type->name);
  if (auto path = literal_string(*call.args[1])) return field_question(type->name, *path);
  std::string_view member = mode_word(*call.args[1]);
  return member.empty() ? "" : field_question(type->name, member);
}

void check(CallCheck& c) {
  if (question(c.call()).empty()) c.diagnostics().report<Diag::kernel_question>(c.arg(0).span, c.call().name).hint("name a type: struct task_struct, union x, enum y");
}

void plan(CallCheck& c, PlanCall& plan) {
  if (std::string asked = question(c.call()); !asked.empty()) plan.param({.kind = ParamKind::kernel_fact, .name = asked});
}

// Whether a function of the kernel is there, and whether programs of this probe's kind may call it.
std::string function_named(const ast::Call& call) { return function_question(literal_string(*call.args.at(0)).value_or("")); }
std::string call_named(const ast::Call& call, const Target& target) {
  return call_question(target.provider->section ? target.provider->section(target) : "kprobe", literal_string(*call.args.at(0)).value_or(""));
}

// The answer for the kernel of this machine, where one is wanted when compiling.
ast::ExprPtr answer_now(CallCheck& c, std::string_view asked) {
  Result<bool> holds = kernel_fact(asked, c.host());
  return holds ? ast::make(c.expr().span, ast::Boolean{*holds}, c.types().boolean()) : nullptr;
}

Value truth(Emit& e, CallLower& c, std::string_view asked) { return e.compare(Compare::ne, e.param(c.param(ParamKind::kernel_fact, asked)), e.imm(0)); }

Value lower(Emit& e, CallLower& c) { return e.compare(Compare::ne, e.param(c.param(ParamKind::kernel_fact, question(c.call()))), e.imm(0)); }

const Builtin rows[] = {
    {.name = "has_field",
     .signature = "has_field(type name structure, mode|literal string field) -> bool",
     .doc = "Whether a structure of the kernel where the program runs has a field. A field of fields is given as text: \"se.load\".",
     .example = "struct task_struct___old { long state; };\n"
                "begin { if (has_field(struct task_struct, __state)) { print(curtask.__state) } else { print(((struct task_struct___old *)curtask).state) } }",
     .check = check,
     .plan = plan,
     .lower = lower},
    {.name = "has_type",
     .signature = "has_type(type name type) -> bool",
     .doc = "Whether the kernel where the program runs, or one of its modules, has a structure, union or enumeration.",
     .example = "begin { print(has_type(struct bpf_iter__tcp)) }",
     .check = check,
     .plan = plan,
     .lower = lower},
    {.name = "has_probe",
     .signature = "has_probe(literal string attach_point) -> bool",
     .doc = "Whether an attach point exists where the program runs.",
     .example = "begin { print(has_probe(\"tracepoint:sched:sched_switch\")) }",
     .check = check,
     .plan = plan,
     .lower = lower},
    {.name = "kfunc_exist",
     .signature = "kfunc_exist(literal string name) -> bool",
     .doc = "Whether the BTF of the kernel where the program runs, or of one of its modules, has a function.",
     .example = "begin { print(kfunc_exist(\"bpf_task_acquire\")) }",
     .flags = BuiltinFlag::late,
     .constant = [](CallCheck& c) { return answer_now(c, function_named(c.call())); },
     .plan = [](CallCheck& c, PlanCall& plan) { plan.param({.kind = ParamKind::kernel_fact, .name = function_named(c.call())}); },
     .lower = [](Emit& e, CallLower& c) { return truth(e, c, function_named(c.call())); }},
    {.name = "kfunc_allowed",
     .signature = "kfunc_allowed(literal string name) -> bool",
     .doc = "Whether programs of this probe's kind may call a function of the kernel where the program runs.",
     .example = "interval:s:1 { print(kfunc_allowed(\"bpf_task_acquire\")) }",
     .flags = BuiltinFlag::needs_probe | BuiltinFlag::late,
     .constant = [](CallCheck& c) -> ast::ExprPtr { return c.target().provider ? answer_now(c, call_named(c.call(), c.target())) : nullptr; },
     .plan = [](CallCheck& c, PlanCall& plan) { plan.param({.kind = ParamKind::kernel_fact, .name = call_named(c.call(), c.target())}); },
     .lower = [](Emit& e, CallLower& c) { return truth(e, c, call_named(c.call(), c.target())); }},
};

}  // namespace

std::span<const Builtin> query_rows() { return rows; }

}  // namespace awl
