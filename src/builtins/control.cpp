// Acting on what is traced: signals, changed results and memory, which need --unsafe, and watchpoints.
#include <algorithm>

#include "base/diag/builtins.h"
#include "builtins/rows.h"
#include "probes/cgroup_hooks.h"

namespace awl {
namespace {

constexpr int64_t signal_number(std::string_view name) {
  if (name.starts_with("SIG")) name.remove_prefix(3);
  constexpr std::string_view names[] = {"",     "HUP",  "INT",  "QUIT", "ILL",    "TRAP", "ABRT", "BUS",  "FPE",  "KILL", "USR1",
                                        "SEGV", "USR2", "PIPE", "ALRM", "TERM",   "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN",
                                        "TTOU", "URG",  "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",  "PWR",  "SYS"};
  for (int64_t i = 1; i < static_cast<int64_t>(std::size(names)); ++i)
    if (names[i] == name) return i;
  return 0;
}

// Kinds whose programs the kernel gives no helper that sends signals.
bool sends_no_signal(const Provider& provider) {
  const bool cgroup = &provider >= cgroup_providers && &provider < cgroup_providers + cgroup_kinds;
  return provider.any_task || !provider.in_task || cgroup;
}

void check_signal(CallCheck& c) {
  const Provider* provider = c.target().provider;
  bool special = provider && run_by_session(provider->runs);
  if (provider && (special || sends_no_signal(*provider))) c.diagnostics().report<Diag::not_for_probe_type>(c.expr().span, c.call().name, special ? "special" : provider->name);
  if (auto name = c.string(0)) {
    if (!signal_number(*name)) c.diagnostics().report<Diag::signal_name>(c.arg(0).span, *name);
  } else if (auto number = c.integer(0); number && (*number < 1 || *number > 64)) {
    c.diagnostics().report<Diag::signal_number>(c.arg(0).span, *number);
  }
}

Value lower_signal(Emit& e, CallLower& c, uint32_t helper) {
  auto name = literal_string(c.arg(0));
  Value number = name ? e.imm(static_cast<uint64_t>(signal_number(*name)), 32) : e.resize(c.value64(0), 32, false);
  e.helper(helper, {number});
  return {};
}

// A kernel function's entry, by its registers.
void check_override(CallCheck& c) {
  const Context& context = c.context();
  bool entry = context.registers && !context.user_pointers && !context.positional.empty();
  if (!entry) c.diagnostics().report<Diag::override_place>(c.expr().span);
}

void check_watch(CallCheck& c) {
  if (auto name = c.string(0); name && !c.has_placement(*name))
    c.diagnostics().report<Diag::watchpoint_name>(c.arg(0).span, *name).hint(fmt::format("write a probe watchpoint:@{}:LENGTH:MODE", *name));
}

void plan_watch(CallCheck& c, PlanCall& plan) {
  artifact::Site& site = plan.site();
  site.text = c.string(0).value_or("");
  site.args = {{.name = "", .offset = 0, .type = {{.kind = Kind::integer, .size = 8}}},
               {.name = "", .offset = 8, .type = {{.kind = Kind::integer, .size = 4}}},
               {.name = "", .offset = 12, .type = {{.kind = Kind::integer, .size = 4}}}};
  site.payload = artifact::watch_payload;
  plan.param({.kind = artifact::ParamKind::pid_namespace_dev});
  plan.param({.kind = artifact::ParamKind::pid_namespace_ino});
}

// The process is stopped before the event can be seen, and only if there is one: whoever handles it lets the process go on.
Value lower_watch(Emit& e, CallLower& c, bool stop) {
  constexpr uint64_t stop_signal = 19;  // SIGSTOP
  Value address = c.value64(1), process = namespaced_id(e, c, false);
  c.send_event([&](Value payload) {
    e.store(payload, address);
    e.store(payload, process, 8);
    e.store(payload, e.imm(stop, 32), 12);
    if (stop) e.helper(BPF_FUNC_send_signal, {e.imm(stop_signal, 32)});
  });
  return {};
}

constexpr uint64_t most_written = 4096;

// The source is copied to the program's own memory first: the helper takes no other.
Value lower_write(Emit& e, CallLower& c) {
  auto literal = literal_integer(c.arg(2));
  uint64_t most = std::min<uint64_t>(c.config().max_strlen, most_written);
  if (literal) most = std::clamp<uint64_t>(static_cast<uint64_t>(std::max<int64_t>(*literal, 0)), 1, most);
  Value to = c.value64(0), from = c.value64(1), length = literal ? e.imm(static_cast<uint64_t>(*literal)) : c.value64(2);
  Value copy = e.scratch(static_cast<uint32_t>((most + 7) / 8 * 8)), done = e.slot(8);
  e.store(done, e.imm(0));
  Value last = e.opaque(e.binary(Op::sub, length, e.imm(1)));
  e.branch(e.compare(Compare::ult, last, e.imm(most)), [&] {
    Value size = e.resize(e.binary(Op::add, last, e.imm(1)), 32, false);
    bool user = space_of(c, c.type(1)) == AddressSpace::user;
    Value failed = e.helper(user ? BPF_FUNC_probe_read_user : BPF_FUNC_probe_read_kernel, {copy, size, from});
    e.branch(e.compare(Compare::eq, failed, e.imm(0)), [&] {
      Value code = e.helper(BPF_FUNC_probe_write_user, {to, copy, size});
      e.store(done, e.resize(e.compare(Compare::eq, code, e.imm(0)), 64, false));
    });
  });
  return e.compare(Compare::ne, e.load(done, 64), e.imm(0));
}

void check_write(CallCheck& c) {
  auto length = c.integer(2);
  if (length && *length < 0) c.diagnostics().report<Diag::negative_length>(c.arg(2).span, "write_user", *length);
}

const Builtin rows[] = {
    {.name = "signal",
     .signature = "signal(int signal) | signal(literal string signal)",
     .doc = "Sends a signal, by number or name, to the current process.",
     .example = "profile:hz:1 { signal(\"USR1\") }",
     .flags = BuiltinFlag::task | BuiltinFlag::unsafe | BuiltinFlag::no_value,
     .check = check_signal,
     .lower = [](Emit& e, CallLower& c) { return lower_signal(e, c, BPF_FUNC_send_signal); }},
    {.name = "signal_thread",
     .signature = "signal_thread(int signal) | signal_thread(literal string signal)",
     .doc = "Sends a signal, by number or name, to the current thread.",
     .example = "profile:hz:1 { signal_thread(\"USR1\") }",
     .flags = BuiltinFlag::task | BuiltinFlag::unsafe | BuiltinFlag::no_value,
     .check = check_signal,
     .lower = [](Emit& e, CallLower& c) { return lower_signal(e, c, BPF_FUNC_send_signal_thread); }},
    {.name = "override",
     .signature = "override(int result)",
     .doc = "Makes the probed function return a value at once instead of running; kprobes on functions that the kernel allows this for.",
     .example = "kprobe:__x64_sys_getuid /comm == \"id\"/ { override(1000) }",
     .flags = BuiltinFlag::unsafe | BuiltinFlag::no_value | BuiltinFlag::needs_probe,
     .check = check_override,
     .plan = [](CallCheck&, PlanCall& plan) { plan.need(Feature::override_return, "override()"); },
     .lower =
         [](Emit& e, CallLower& c) {
           e.helper(BPF_FUNC_override_return, {e.context(), c.value64(0)});
           return Value{};
         }},
    {.name = "unwatch",
     .signature = "unwatch(pointer|int address)",
     .doc = "Ends the watchpoints of an address, when the event is handled.",
     .example = "begin { unwatch(0x1000) }",
     .flags = BuiltinFlag::async | BuiltinFlag::no_value,
     .action = artifact::Action::unwatch,
     .plan =
         [](CallCheck&, PlanCall& plan) {
           artifact::Site& site = plan.site();
           site.args.push_back({.name = "", .offset = 0, .type = {{.kind = Kind::integer, .size = 8}}});
           site.payload = 8;
         },
     .lower =
         [](Emit& e, CallLower& c) {
           Value address = c.value64(0);
           c.send_event([&](Value payload) { e.store(payload, address); });
           return Value{};
         }},
    {.name = "watch",
     .signature = "watch(literal string name, pointer|int address)",
     .doc = "Sets the watchpoints of a name (watchpoint:@NAME:LENGTH:MODE) on an address of the current process, in all its threads, when the event is handled. "
            "The process goes on meanwhile: what it does within the first milliseconds may be missed.",
     .example = "uretprobe:libc:malloc { watch(\"block\", retval) } watchpoint:@block:8:w { @[ustack(3)] = count(); }",
     .flags = BuiltinFlag::async | BuiltinFlag::no_value | BuiltinFlag::task,
     .action = artifact::Action::watch,
     .check = check_watch,
     .plan = plan_watch,
     .lower = [](Emit& e, CallLower& c) { return lower_watch(e, c, false); }},
    {.name = "watch_stopped",
     .signature = "watch_stopped(literal string name, pointer|int address)",
     .doc = "As watch(), and stops the process (SIGSTOP) until the watchpoints are set, so that nothing is missed.",
     .example = "uretprobe:libc:malloc { watch_stopped(\"block\", retval) } watchpoint:@block:8:w { @[ustack(3)] = count(); }",
     .flags = BuiltinFlag::async | BuiltinFlag::no_value | BuiltinFlag::task | BuiltinFlag::unsafe,
     .action = artifact::Action::watch,
     .check = check_watch,
     .plan = plan_watch,
     .lower = [](Emit& e, CallLower& c) { return lower_watch(e, c, true); }},
    {.name = "write_user",
     .signature = "write_user(pointer|int to, pointer|int from, int length) -> bool",
     .doc = "Writes `length` bytes to the current process's memory; true if that went well. At most max_strlen bytes.",
     .example = "uprobe:libc:getenv { $c = \"X\"; write_user((int8 *)arg0, &$c, 1) }",
     .flags = BuiltinFlag::unsafe,
     .check = check_write,
     .plan = [](CallCheck&, PlanCall& plan) { plan.need(Feature::write_user, "write_user()"); },
     .lower = lower_write},
};

}  // namespace

std::span<const Builtin> control_rows() { return rows; }

}  // namespace awl
