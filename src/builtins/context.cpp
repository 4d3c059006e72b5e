// What a probe's context holds: arguments, results, registers, the traced function.
#include <array>

#include "base/diag/builtins.h"
#include "builtins/rows.h"

namespace awl {

using artifact::ParamKind;

namespace {

// "arg3" -> 3
size_t argument_number(std::string_view name) {
  size_t number = 0;
  for (char digit : name.substr(3)) number = number * 10 + static_cast<size_t>(digit - '0');
  return number;
}

std::string kind_of(CallCheck& c) { return std::string(c.target().provider ? c.target().provider->name : ""); }

void check_args(CallCheck& c) {
  if (!c.context().has_args) c.diagnostics().report<Diag::args_not_here>(c.expr().span, kind_of(c));
}

void check_positional(CallCheck& c) {
  size_t number = argument_number(c.call().name), available = c.context().positional.size();
  if (available == 0) c.diagnostics().report<Diag::argument_not_here>(c.expr().span, c.call().name);
  else if (number >= available) c.diagnostics().report<Diag::argument_number>(c.expr().span, c.call().name);
}

void check_retval(CallCheck& c) {
  if (!c.context().retval) c.diagnostics().report<Diag::retval_not_here>(c.expr().span);
}

void check_function(CallCheck& c) {
  if (!c.context().function) c.diagnostics().report<Diag::builtin_not_with>(c.expr().span, "func", kind_of(c));
}

void lower_function(Emit& e, CallLower& c) {
  Value address = c.access(*c.context().function);
  e.store(c.destination(), address, 0);
  if (c.type()->kind != Kind::usym) return;
  e.store(c.destination(), namespaced_id(e, c, false), 8);
  e.store(c.destination(), e.imm(0, 32), 12);
}

// Kernel functions are symbols in one word; user functions carry their process.
Type function_type(CallCheck& c) { return c.types().simple(c.context().user_pointers ? Kind::usym : Kind::ksym); }

void plan_function(CallCheck& c, PlanCall& plan) {
  if (!c.context().function) return;
  if (c.context().user_pointers) {
    plan.param({.kind = ParamKind::pid_namespace_dev});
    plan.param({.kind = ParamKind::pid_namespace_ino});
    return;
  }
  if (!std::holds_alternative<FunctionIpAccess>(*c.context().function)) return;
  const std::string& function = c.target().parts.empty() ? std::string() : c.target().parts.back();
  // An address, a parameter or a wildcard has no one name.
  bool named = !function.empty() && function.find_first_of("*$") == std::string::npos && function[0] != '0';
  if (named) plan.param({.kind = ParamKind::kernel_symbol, .name = function.substr(0, function.find('+'))});
  else plan.param({.kind = ParamKind::feature, .name = "attach_cookie"});
}

struct Register {
  std::string_view name;
  uint32_t offset;
};
// struct pt_regs of x86-64 (arch/x86/include/uapi/asm/ptrace.h).
constexpr Register registers[] = {
    {"r15", 0},  {"r14", 8},  {"r13", 16}, {"r12", 24}, {"bp", 32},  {"bx", 40},     {"r11", 48},  {"r10", 56},  {"r9", 64},  {"r8", 72},
    {"ax", 80},  {"cx", 88},  {"dx", 96},  {"si", 104}, {"di", 112}, {"ip", 128},    {"pc", 128},  {"cs", 136},  {"flags", 144}, {"sp", 152},
    {"ss", 160}};
constexpr uint32_t code_segment_offset = 136;

const Register* find_register(std::string_view name) {
  for (const Register& r : registers)
    if (r.name == name) return &r;
  return nullptr;
}

void check_register(CallCheck& c) {
  auto name = c.string(0);
  if (!name) return;
  if (!c.context().registers) c.diagnostics().report<Diag::reg_not_here>(c.expr().span, kind_of(c));
  else if (!find_register(*name)) c.diagnostics().report<Diag::unknown_register>(c.arg(0).span, *name);
}

void check_kernel_symbol(CallCheck& c) {
  if (auto name = c.string(0); name && name->empty()) c.diagnostics().report<Diag::kernel_symbol>(c.arg(0).span, *name);
}

// A pointer argument in a named address space.
Type in_space(CallCheck& c, AddressSpace space) {
  Type t = c.count() ? c.type(0) : nullptr;
  return is_pointer(t) ? c.types().pointer(t->element, space, false) : t;
}

const Builtin rows[] = {
    {.name = "args",
     .signature = "args() -> struct",
     .doc = "The arguments of the probe by name: `args.filename`.",
     .example = "tracepoint:sched:sched_switch { print(args.prev_pid) }",
     .flags = BuiltinFlag::variable | BuiltinFlag::needs_probe | BuiltinFlag::arguments,
     .check = check_args},
    {.name = "argN",
     .signature = "argN() -> uint64",
     .doc = "arg0, arg1, ...: the arguments of the traced function by number, as 64-bit integers.",
     .example = "kprobe:vfs_read { print(arg0) }",
     .flags = BuiltinFlag::variable | BuiltinFlag::needs_probe | BuiltinFlag::numbered_argument,
     .check = check_positional,
     .lower = [](Emit&, CallLower& c) { return c.access(c.context().positional.at(argument_number(c.call().name))); }},
    {.name = "retval",
     .signature = "retval() -> uint64",
     .doc = "What the traced function returned; in fexit with the function's own type.",
     .example = "kretprobe:vfs_read { @ = hist(retval) }",
     .flags = BuiltinFlag::variable | BuiltinFlag::needs_probe,
     .infer = [](CallCheck& c) { return c.context().retval ? c.context_type(c.context().retval->type) : c.types().integer(8, false); },
     .check = check_retval,
     .lower = [](Emit& e, CallLower& c) {
       Value v = c.access(c.context().retval->access);
       return e.resize(v, c.type()->size ? c.type()->size * 8 : 64, false);
     }},
    {.name = "ctx",
     .signature = "ctx() -> pointer",
     .doc = "The raw context of the probe.",
     .example = "profile:hz:99 { print(ctx) }",
     .flags = BuiltinFlag::variable | BuiltinFlag::needs_probe,
     .infer = [](CallCheck& c) { return c.types().pointer(c.types().integer(8, false), AddressSpace::kernel); },
     .check = [](CallCheck& c) {
       if (c.target().provider && (c.target().provider->runs_on_start || c.target().provider->runs_at_end))
         c.diagnostics().report<Diag::builtin_not_with>(c.expr().span, "ctx", kind_of(c));
     },
     .lower = [](Emit& e, CallLower&) { return e.resize(e.context(), 64, false); }},
    {.name = "func",
     .signature = "func() -> ksym",
     .doc = "Name of the traced function.",
     .example = "kprobe:vfs_* { @[func] = count() }",
     .flags = BuiltinFlag::variable | BuiltinFlag::needs_probe,
     .infer = function_type,
     .check = check_function,
     .plan = plan_function,
     .lower_into = lower_function},
    {.name = "probe",
     .signature = "probe() -> probe",
     .doc = "Full name of the attach point that fired.",
     .example = "tracepoint:sched:* { @[probe] = count() }",
     .flags = BuiltinFlag::variable | BuiltinFlag::needs_probe | BuiltinFlag::names_target,
     .infer = [](CallCheck& c) { return c.types().simple(Kind::probe); },
     .lower = [](Emit&, CallLower& c) { return c.probe_id(); }},
    {.name = "reg",
     .signature = "reg(literal string name) -> uint64",
     .doc = "A register of the CPU when the probe fired, e.g. reg(\"ip\").",
     .example = "kprobe:vfs_read { print(reg(\"sp\")) }",
     .flags = BuiltinFlag::needs_probe,
     .check = check_register,
     .lower = [](Emit& e, CallLower& c) { return e.context_load(64, find_register(*literal_string(c.arg(0)))->offset); }},
    {.name = "usermode",
     .signature = "usermode() -> int8",
     .doc = "1 if the probe interrupted a program, 0 if the kernel.",
     .example = "profile:hz:99 { @[usermode] = count() }",
     .flags = BuiltinFlag::variable | BuiltinFlag::needs_probe,
     .lower = [](Emit& e, CallLower&) {
       Value ring = e.binary(Op::bit_and, e.context_load(64, code_segment_offset), e.imm(3));
       return e.resize(e.compare(Compare::ne, ring, e.imm(0)), 8, false);
     }},
    {.name = "kaddr",
     .signature = "kaddr(literal string symbol) -> uint64",
     .doc = "Address of a kernel symbol.",
     .example = "begin { print(kaddr(\"jiffies\")) }",
     .check = check_kernel_symbol,
     .plan = [](CallCheck& c, PlanCall& plan) { plan.param({.kind = ParamKind::kernel_symbol, .name = c.string(0).value_or("")}); },
     .lower = [](Emit& e, CallLower& c) { return e.param(c.param(ParamKind::kernel_symbol, *literal_string(c.arg(0)))); }},
    {.name = "kptr",
     .signature = "kptr(pointer address) -> pointer",
     .doc = "The same pointer, taken as an address in the kernel.",
     .example = "begin { $p = kptr((int32 *)0); print(*$p) }",
     .infer = [](CallCheck& c) { return in_space(c, AddressSpace::kernel); },
     .lower = [](Emit&, CallLower& c) { return c.value64(0); }},
    {.name = "uptr",
     .signature = "uptr(pointer address) -> pointer",
     .doc = "The same pointer, taken as an address in the current process.",
     .example = "begin { $p = uptr((int32 *)0); print(*$p) }",
     .infer = [](CallCheck& c) { return in_space(c, AddressSpace::user); },
     .lower = [](Emit&, CallLower& c) { return c.value64(0); }},
    {.name = "is_err",
     .signature = "is_err(pointer|int address) -> bool",
     .doc = "Whether a pointer is one of the kernel's error values (-4095 to -1).",
     .example = "kretprobe:vfs_read { print(is_err(retval)) }",
     .lower = [](Emit& e, CallLower& c) { return e.compare(Compare::uge, c.value64(0), e.imm(static_cast<uint64_t>(-4095))); }},
};

}  // namespace

std::span<const Builtin> context_rows() { return rows; }

}  // namespace awl
