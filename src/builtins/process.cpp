// Process, task and CPU.
#include "base/diag/builtins.h"
#include "builtins/rows.h"

namespace awl {

using artifact::ParamKind;

Value namespaced_id(Emit& e, CallLower& c, bool thread) {
  Value device = e.param(c.param(ParamKind::pid_namespace_dev, ""));
  Value plain_or_ns = e.choose(
      e.compare(Compare::eq, device, e.imm(0)),
      [&] {
        Value both = e.helper(BPF_FUNC_get_current_pid_tgid, {}, Effect::pure);
        return e.resize(thread ? both : e.binary(Op::lshr, both, e.imm(32)), 32, false);
      },
      [&] {
        // struct bpf_pidns_info { u32 pid, tgid; }: zeroed by the helper when the task is not in the namespace.
        Value info = e.slot(sizeof(bpf_pidns_info));
        Value inode = e.param(c.param(ParamKind::pid_namespace_ino, ""));
        e.helper(BPF_FUNC_get_ns_current_pid_tgid, {device, inode, info, e.imm(sizeof(bpf_pidns_info), 32)});
        return e.load(info, 32, thread ? offsetof(bpf_pidns_info, pid) : offsetof(bpf_pidns_info, tgid));
      });
  return plain_or_ns;
}

namespace {

void plan_namespace(CallCheck& c, PlanCall& plan) {
  if (c.count() > 0 && mode_word(c.arg(0)) == "init") return;
  plan.param({.kind = ParamKind::pid_namespace_dev});
  plan.param({.kind = ParamKind::pid_namespace_ino});
}

void check_namespace(CallCheck& c) {
  if (c.count() == 0) return;
  std::string_view mode = mode_word(c.arg(0));
  if (mode != "curr_ns" && mode != "init") c.diagnostics().report<Diag::pid_namespace_mode>(c.arg(0).span, mode);
}

Value lower_id(Emit& e, CallLower& c, bool thread) {
  if (c.count() > 0 && mode_word(c.arg(0)) == "init") {
    Value both = e.helper(BPF_FUNC_get_current_pid_tgid, {}, Effect::pure);
    return e.resize(thread ? both : e.binary(Op::lshr, both, e.imm(32)), 32, false);
  }
  return namespaced_id(e, c, thread);
}

void lower_comm(Emit& e, CallLower& c) {
  // Kernels between strncpy and strscpy_pad leave what is behind the name as it was: two keys of one name would differ.
  e.zero(c.destination(), c.type()->size);
  e.helper(BPF_FUNC_get_current_comm, {c.destination(), e.imm(c.type()->size, 32)});
}

constexpr int64_t signal_number(std::string_view name) {
  if (name.starts_with("SIG")) name.remove_prefix(3);
  constexpr std::string_view names[] = {"",     "HUP",  "INT",  "QUIT", "ILL",    "TRAP", "ABRT", "BUS",  "FPE",  "KILL", "USR1",
                                        "SEGV", "USR2", "PIPE", "ALRM", "TERM",   "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN",
                                        "TTOU", "URG",  "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",  "PWR",  "SYS"};
  for (int64_t i = 1; i < static_cast<int64_t>(std::size(names)); ++i)
    if (names[i] == name) return i;
  return 0;
}

void check_signal(CallCheck& c) {
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

const Builtin rows[] = {
    {.name = "pid",
     .signature = "pid(mode namespace = curr_ns) -> uint32",
     .doc = "Process id (thread group id) of the current task, in the tracer's pid namespace or, with `init`, the initial one.",
     .example = "begin { print(pid) }",
     .flags = BuiltinFlag::task | BuiltinFlag::variable,
     .check = check_namespace,
     .plan = plan_namespace,
     .lower = [](Emit& e, CallLower& c) { return lower_id(e, c, false); }},
    {.name = "tid",
     .signature = "tid(mode namespace = curr_ns) -> uint32",
     .doc = "Thread id of the current task, in the tracer's pid namespace or, with `init`, the initial one.",
     .example = "begin { print(tid) }",
     .flags = BuiltinFlag::task | BuiltinFlag::variable,
     .check = check_namespace,
     .plan = plan_namespace,
     .lower = [](Emit& e, CallLower& c) { return lower_id(e, c, true); }},
    {.name = "uid",
     .signature = "uid() -> uint64",
     .doc = "User id of the current task, in the initial user namespace.",
     .example = "begin { print(uid) }",
     .flags = BuiltinFlag::task | BuiltinFlag::variable,
     .lower = [](Emit& e, CallLower&) {
       return e.resize(e.resize(e.helper(BPF_FUNC_get_current_uid_gid, {}, Effect::pure), 32, false), 64, false);
     }},
    {.name = "gid",
     .signature = "gid() -> uint64",
     .doc = "Group id of the current task, in the initial user namespace.",
     .example = "begin { print(gid) }",
     .flags = BuiltinFlag::task | BuiltinFlag::variable,
     .lower = [](Emit& e, CallLower&) { return e.binary(Op::lshr, e.helper(BPF_FUNC_get_current_uid_gid, {}, Effect::pure), e.imm(32)); }},
    {.name = "username",
     .signature = "username() -> username",
     .doc = "Login name of the current task's user; looked up when printed.",
     .example = "begin { print(username) }",
     .flags = BuiltinFlag::task | BuiltinFlag::variable,
     .infer = [](CallCheck& c) { return c.types().simple(Kind::username); },
     .lower = [](Emit& e, CallLower&) {
       return e.resize(e.resize(e.helper(BPF_FUNC_get_current_uid_gid, {}, Effect::pure), 32, false), 64, false);
     }},
    {.name = "comm",
     .signature = "comm() -> string[16]",
     .doc = "Name of the current thread.",
     .example = "begin { print(comm) }",
     .flags = BuiltinFlag::task | BuiltinFlag::variable,
     .infer = [](CallCheck& c) { return c.types().string(16); },
     .lower_into = lower_comm},
    {.name = "curtask",
     .signature = "curtask() -> struct task_struct *",
     .doc = "The current task; its fields can be read directly: `curtask.comm`.",
     .example = "begin { print(curtask) }",
     .flags = BuiltinFlag::task | BuiltinFlag::variable,
     .infer = [](CallCheck& c) {
       Type task = c.types().find_structure("task_struct");
       return c.types().pointer(task ? task : c.types().none(), AddressSpace::kernel);
     },
     .lower = [](Emit& e, CallLower&) { return e.helper(BPF_FUNC_get_current_task, {}, Effect::pure); }},
    {.name = "cpu",
     .signature = "cpu() -> uint64",
     .doc = "Number of the CPU that runs the probe.",
     .example = "begin { print(cpu) }",
     .flags = BuiltinFlag::variable,
     .lower = [](Emit& e, CallLower&) { return e.helper(BPF_FUNC_get_smp_processor_id, {}, Effect::pure); }},
    {.name = "numaid",
     .signature = "numaid() -> uint64",
     .doc = "Number of the NUMA node that runs the probe.",
     .example = "begin { print(numaid) }",
     .flags = BuiltinFlag::variable,
     .lower = [](Emit& e, CallLower&) { return e.helper(BPF_FUNC_get_numa_node_id, {}, Effect::pure); }},
    {.name = "ncpus",
     .signature = "ncpus() -> uint64",
     .doc = "Number of CPUs of the machine.",
     .example = "begin { print(ncpus) }",
     .flags = BuiltinFlag::variable,
     .plan = [](CallCheck&, PlanCall& plan) { plan.param({.kind = ParamKind::ncpus}); },
     .lower = [](Emit& e, CallLower& c) { return e.param(c.param(ParamKind::ncpus, "")); }},
    {.name = "cgroup",
     .signature = "cgroup() -> uint64",
     .doc = "Id of the current task's cgroup (version 2).",
     .example = "begin { print(cgroup) }",
     .flags = BuiltinFlag::task | BuiltinFlag::variable,
     .lower = [](Emit& e, CallLower&) { return e.helper(BPF_FUNC_get_current_cgroup_id, {}, Effect::pure); }},
    {.name = "rand",
     .signature = "rand() -> uint64",
     .doc = "A pseudo-random number of 32 bits.",
     .example = "begin { print(rand) }",
     .flags = BuiltinFlag::variable,
     .lower = [](Emit& e, CallLower&) { return e.resize(e.resize(e.helper(BPF_FUNC_get_prandom_u32, {}, Effect::reads), 32, false), 64, false); }},
    {.name = "cpid",
     .signature = "cpid() -> uint64",
     .doc = "Process id of the child that -c started; 0 without.",
     .example = "begin { print(cpid) }",
     .flags = BuiltinFlag::variable,
     .plan = [](CallCheck&, PlanCall& plan) { plan.param({.kind = ParamKind::child_pid}); },
     .lower = [](Emit& e, CallLower& c) { return e.param(c.param(ParamKind::child_pid, "")); }},
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
};

}  // namespace

std::span<const Builtin> process_rows() { return rows; }

}  // namespace awl
