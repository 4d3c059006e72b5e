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
};

}  // namespace

std::span<const Builtin> query_rows() { return rows; }

}  // namespace awl
