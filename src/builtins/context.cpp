// What a probe's context holds: arguments, results, registers, the traced function.
#include <array>

#include "base/diag/builtins.h"
#include "base/glob.h"
#include "builtins/rows.h"

namespace awl {

using artifact::ParamKind;

std::string kind_of(CallCheck& c) { return std::string(c.target().provider ? c.target().provider->name : ""); }

namespace {

// "arg3" -> 3
size_t argument_number(std::string_view name) {
  size_t number = 0;
  for (char digit : name.substr(3)) number = number * 10 + static_cast<size_t>(digit - '0');
  return number;
}

void check_args(CallCheck& c) {
  if (!c.context().has_args) c.diagnostics().report<Diag::args_not_here>(c.expr().span, kind_of(c));
}

void check_positional(CallCheck& c) {
  size_t number = argument_number(c.call().name), available = c.context().positional.size();
  if (available == 0) c.diagnostics().report<Diag::argument_not_here>(c.expr().span, c.call().name);
  else if (number >= available) c.diagnostics().report<Diag::argument_number>(c.expr().span, c.call().name);
  // Of several targets one only was looked at.
  if (is_glob(c.target().text())) return;
  for (const auto& [name, why] : c.context().unreadable)
    if (name == c.call().name) c.diagnostics().report<Diag::argument_unreadable>(c.expr().span, name, why);
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

std::string_view probe_type(const Target& target) {
  const Runs runs = target.provider ? target.provider->runs : Runs::at_start;
  if (run_by_session(runs) && runs != Runs::as_test && runs != Runs::as_benchmark) return "special";
  return target.provider->name;
}

// A per-CPU variable of a CPU lies at its address plus the CPU's entry of this array, in all kernels.
constexpr std::string_view percpu_offsets = "__per_cpu_offset";

void plan_percpu(CallCheck& c, PlanCall& plan) {
  plan.param({.kind = ParamKind::kernel_symbol, .name = c.string(0).value_or("")});
  plan.param({.kind = ParamKind::kernel_symbol, .name = std::string(percpu_offsets)});
  plan.param({.kind = ParamKind::ncpus});
}

Value lower_percpu(Emit& e, CallLower& c) {
  Value cpu = c.count() > 1 ? c.value64(1) : e.helper(BPF_FUNC_get_smp_processor_id, {}, Effect::pure);
  Value variable = e.param(c.param(ParamKind::kernel_symbol, *literal_string(c.arg(0))));
  Value table = e.param(c.param(ParamKind::kernel_symbol, percpu_offsets));
  Value distance = e.slot(8);
  c.probe_read(distance, 8, e.binary(Op::add, table, e.binary(Op::shl, cpu, e.imm(3))), AddressSpace::kernel);
  Value address = e.binary(Op::add, variable, e.load(distance, 64));
  if (c.count() < 2) return address;
  return e.select(e.compare(Compare::ult, cpu, e.param(c.param(ParamKind::ncpus, ""))), address, e.imm(0));
}

// --- uaddr: the program lies in memory as far from its symbol table as the probed instruction does ---

struct ProbedPlace {
  std::string file, function;  // an address instead of a function: function is empty
  uint64_t offset = 0;
};

// The address of a static probe point that has one place.
std::optional<uint64_t> static_place(const Target& match, Host& host) {
  const auto notes = host.usdt_notes(match.parts[0]);
  std::optional<uint64_t> address;
  for (const UsdtNote& note : notes ? *notes : std::vector<UsdtNote>()) {
    if (note.provider != match.parts[1] || note.name != match.parts[2]) continue;
    if (address) return std::nullopt;
    address = note.address;
  }
  return address;
}

// Nothing: in several places, or in none. Functions are looked up where the program runs; lines and static probe points stay where they are here.
std::optional<ProbedPlace> probed_place(const Target& target, const Context& context, Host& host) {
  if (target.parts.size() < 2) return std::nullopt;
  ProbedPlace place{.file = target.parts[0].substr(0, target.parts[0].find('@'))};
  std::string text = target.parts.back();
  const bool is_static = !context.positional.empty() && std::holds_alternative<UsdtAccess>(context.positional[0]);
  const bool plain = target.parts.size() == 2 && place.file.size() == target.parts[0].size() && !is_static;
  if (!plain) {
    const auto matches = target.provider->match(target, host);
    if (!matches || matches->size() != 1) return std::nullopt;
    const Target& match = matches->front();
    text = match.parts.back();
    if (is_static) {
      const auto address = static_place(match, host);
      if (!address) return std::nullopt;
      place.offset = *address;
      return place;
    }
  }
  if (auto address = parse_unsigned(text); address) {
    place.offset = *address;
    return place;
  }
  size_t plus = std::min(text.find('+'), text.size());
  place.function = text.substr(0, plus);
  if (plus < text.size()) place.offset = parse_unsigned(text.substr(plus + 1)).value_or(0);
  return place;
}

std::string at_file(std::string_view symbol, const std::string& file) { return fmt::format("{}@{}", symbol, file); }

std::optional<ElfSymbol> user_symbol(CallCheck& c) {
  auto name = c.string(0);
  auto place = probed_place(c.target(), c.context(), c.host());
  if (!name || !place) return std::nullopt;
  Result<std::string> path = c.host().find_binary(place->file);
  if (!path) return std::nullopt;
  Result<ElfSymbol> symbol = c.host().elf_symbol(*path, *name);
  return symbol ? std::optional(std::move(*symbol)) : std::nullopt;
}

Type uaddr_type(CallCheck& c) {
  auto symbol = user_symbol(c);
  uint64_t size = symbol && (symbol->size == 1 || symbol->size == 2 || symbol->size == 4) ? symbol->size : 8;
  return c.types().pointer(c.types().integer(static_cast<uint32_t>(size), false), AddressSpace::user);
}

void check_uaddr(CallCheck& c) {
  if (!c.context().user_pointers || !c.context().registers || !c.context().function)
    c.diagnostics().report<Diag::only_with_probes>(c.expr().span, "uaddr", "'uprobe', 'uretprobe' and 'usdt'", kind_of(c));
  else if (!probed_place(c.target(), c.context(), c.host()))
    c.diagnostics().report<Diag::probed_place>(c.expr().span, c.target().text()).hint("probe a function by its name, or by its address");
  else if (auto name = c.string(0); name && !user_symbol(c))
    c.diagnostics().report<Diag::no_user_symbol>(c.arg(0).span, c.target().parts.empty() ? "" : c.target().parts[0], *name);
}

void plan_uaddr(CallCheck& c, PlanCall& plan) {
  auto place = probed_place(c.target(), c.context(), c.host());
  if (!place) return;
  plan.param({.kind = ParamKind::user_symbol, .name = at_file(c.string(0).value_or(""), place->file)});
  if (!place->function.empty()) plan.param({.kind = ParamKind::user_symbol, .name = at_file(place->function, place->file)});
}

Value lower_uaddr(Emit& e, CallLower& c) {
  ProbedPlace place = *probed_place(c.target(), c.context(), c.host());
  Value symbol = e.param(c.param(ParamKind::user_symbol, at_file(*literal_string(c.arg(0)), place.file)));
  Value probed = e.imm(place.offset);
  if (!place.function.empty()) probed = e.binary(Op::add, probed, e.param(c.param(ParamKind::user_symbol, at_file(place.function, place.file))));
  // When a function has returned its address is known to the kernel alone, from 6.6 on (before, it says 0).
  bool returned = c.context().retval.has_value();
  Value here = returned ? e.helper(BPF_FUNC_get_func_ip, {e.context()}, Effect::reads) : c.access(*c.context().function);
  Value address = e.binary(Op::add, symbol, e.binary(Op::sub, here, probed));
  return returned ? e.select(e.compare(Compare::eq, here, e.imm(0)), e.imm(0), address) : address;
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
     .doc = "The raw context of the probe; the context of packet and cgroup hooks has fields: `ctx.ifindex`.",
     .example = "profile:hz:99 { print(ctx) }",
     .flags = BuiltinFlag::variable | BuiltinFlag::needs_probe | BuiltinFlag::context_fields,
     .infer = [](CallCheck& c) {
       Type whole = c.context().whole ? c.context_type(*c.context().whole) : nullptr;
       return c.types().pointer(whole ? whole : c.types().integer(8, false), AddressSpace::kernel);
     },
     .check = [](CallCheck& c) {
       if (c.target().provider && run_by_session(c.target().provider->runs))
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
     .example = "begin { print(probe) }",
     .prints = "begin",
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
     .example = "begin { print(kaddr(\"vfs_read\")) }",
     .check = check_kernel_symbol,
     .plan = [](CallCheck& c, PlanCall& plan) { plan.param({.kind = ParamKind::kernel_symbol, .name = c.string(0).value_or("")}); },
     .lower = [](Emit& e, CallLower& c) { return e.param(c.param(ParamKind::kernel_symbol, *literal_string(c.arg(0)))); }},
    {.name = "kptr",
     .signature = "kptr(pointer address) -> pointer",
     .doc = "The same pointer, taken as an address in the kernel.",
     .example = "begin { $p = kptr((int32 *)0); print(*$p) }",
     .prints = "0",
     .infer = [](CallCheck& c) { return in_space(c, AddressSpace::kernel); },
     .lower = [](Emit&, CallLower& c) { return c.value64(0); }},
    {.name = "uptr",
     .signature = "uptr(pointer address) -> pointer",
     .doc = "The same pointer, taken as an address in the current process.",
     .example = "begin { $p = uptr((int32 *)0); print(*$p) }",
     .prints = "0",
     .infer = [](CallCheck& c) { return in_space(c, AddressSpace::user); },
     .lower = [](Emit&, CallLower& c) { return c.value64(0); }},
    {.name = "percpu_kaddr",
     .signature = "percpu_kaddr(literal string symbol, int cpu = current) -> pointer",
     .doc = "Address of a variable of which each CPU has its own, on this CPU or a given one; null if there is no such CPU.",
     .example = "begin { print(*percpu_kaddr(\"runqueues\")) }",
     .infer = [](CallCheck& c) { return c.types().pointer(c.types().integer(8, false), AddressSpace::kernel); },
     .check = check_kernel_symbol,
     .plan = plan_percpu,
     .lower = lower_percpu},
    {.name = "uaddr",
     .signature = "uaddr(literal string symbol) -> pointer",
     .doc = "Address of a variable or function of the probed program or library, by its name; a pointer to an integer of its size.",
     .example = "uprobe:libc:getenv { print(*uaddr(\"environ\")) }",
     .flags = BuiltinFlag::needs_probe | BuiltinFlag::per_match,
     .infer = uaddr_type,
     .check = check_uaddr,
     .plan = plan_uaddr,
     .lower = lower_uaddr},
    {.name = "probetype",
     .signature = "probetype() -> string",
     .doc = "The kind of the probe, e.g. `kprobe`; of `begin` and `end` it is `special`.",
     .example = "begin { print(probetype) }",
     .prints = "special",
     .flags = BuiltinFlag::variable | BuiltinFlag::needs_probe,
     .constant = [](CallCheck& c) -> ast::ExprPtr {
       if (!c.target().provider) return nullptr;
       return ast::make(c.expr().span, ast::String{std::string(probe_type(c.target()))});
     }},
};

}  // namespace

std::span<const Builtin> context_rows() { return rows; }

}  // namespace awl
