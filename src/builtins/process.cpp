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

// comm(pid): the task is looked up in the initial pid namespace, and held while its name is read.
void lower_comm_of(Emit& e, CallLower& c) {
  constexpr uint32_t comm_size = 16;
  Value to = c.destination(), number = c.value64(0);
  e.zero(to, comm_size);
  Type structure = c.types().find_structure("task_struct");
  const Member* name = structure ? c.types().member(structure, "comm") : nullptr;
  if (!name) return;
  Value task = e.kernel_function({"bpf_task_from_pid", "struct task_struct *", {"s32"}}, {number});
  e.branch(
      e.compare(Compare::ne, task, e.null()),
      [&] {
        c.probe_read(to, comm_size, e.resize(e.offset(task, e.field_offset(structure, *name)), 64, false), AddressSpace::kernel);
        e.kernel_function({"bpf_task_release", "void", {"struct task_struct *"}}, {task});
      },
      [&] { c.warn(number); });
}

void check_comm(CallCheck& c) {
  if (c.count() == 0) return;
  // The kernel lets programs of these kinds call bpf_task_from_pid: not those that run as raw tracepoints or kprobes.
  const Provider* provider = c.target().provider;
  bool special = provider && run_by_session(provider->runs);
  if (special || c.context().registers)
    c.diagnostics().report<Diag::comm_of_pid>(c.expr().span, special ? "special" : std::string(provider->name)).hint("use it in tracepoint, profile, interval or fentry probes");
}

Value lower_child(Emit& e, CallLower& c) {
  Value child = e.param(c.param(ParamKind::child_pid, ""));
  e.branch(e.compare(Compare::eq, child, e.imm(0)), [&] { c.warn(child); }, {}, false);
  return child;
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
     .signature = "comm(int pid = current) -> string[16]",
     .doc = "Name of the current thread, or of the thread with an id (in the initial pid namespace); \"\" with a warning if there is none.",
     .example = "interval:s:1 { printf(\"%s %s\\n\", comm, comm(1)) }",
     .flags = BuiltinFlag::task | BuiltinFlag::variable,
     .infer = [](CallCheck& c) { return c.types().string(16); },
     .check = check_comm,
     .plan =
         [](CallCheck& c, PlanCall& plan) {
           if (c.count() == 0) return;
           plan.need(Feature::task_from_pid, "the name of another task");
           plan.warn("No such process (pid={})");
         },
     .lower_into = [](Emit& e, CallLower& c) { c.count() ? lower_comm_of(e, c) : lower_comm(e, c); }},
    {.name = "curtask",
     .signature = "curtask() -> struct task_struct *",
     .doc = "The current task; its fields can be read directly: `curtask.comm`.",
     .example = "begin { print(curtask) }",
     .flags = BuiltinFlag::task | BuiltinFlag::variable | BuiltinFlag::current_task,
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
    {.name = "jiffies",
     .signature = "jiffies() -> uint64",
     .doc = "Ticks of the kernel's clock since the machine started, a 64-bit number.",
     .example = "begin { print(jiffies) }",
     .flags = BuiltinFlag::variable,
     .lower = [](Emit& e, CallLower&) { return e.helper(BPF_FUNC_jiffies64, {}, Effect::reads); }},
    {.name = "cgroupid",
     .signature = "cgroupid(literal string path) -> uint64",
     .doc = "Id of the cgroup (version 2) of a directory, to compare with `cgroup`; looked up when the program starts.",
     .example = "tracepoint:raw_syscalls:sys_enter /cgroup == cgroupid(\"/sys/fs/cgroup/system.slice\")/ { @[comm] = count() }",
     .plan = [](CallCheck& c, PlanCall& plan) { plan.param({.kind = ParamKind::cgroup_id, .name = c.string(0).value_or("")}); },
     .lower = [](Emit& e, CallLower& c) { return e.param(c.param(ParamKind::cgroup_id, *literal_string(c.arg(0)))); }},
    {.name = "cgroup_path",
     .signature = "cgroup_path(int id, literal string filter = \"*\") -> cgroup_path",
     .doc = "The path of a cgroup in each hierarchy whose name the filter matches (version 2 is `unified`), as HIERARCHY:PATH; looked up when printed.",
     .example = "begin { print(cgroup_path(cgroup, \"unified\")) }",
     .infer = [](CallCheck& c) { return c.types().simple(Kind::cgroup_path); },
     .plan = [](CallCheck& c, PlanCall& plan) { plan.string(c.count() > 1 ? c.string(1).value_or("*") : "*"); },
     .lower_into =
         [](Emit& e, CallLower& c) {
           e.store(c.destination(), c.value64(0), 0);
           e.store(c.destination(), e.imm(c.string_index(c.count() > 1 ? *literal_string(c.arg(1)) : "*")), 8);
         }},
    {.name = "cpid",
     .signature = "cpid() -> uint64",
     .doc = "Process id of the child that -c started; 0, with a warning, without.",
     .example = "begin { if (has_cpid) { print(cpid) } }",
     .flags = BuiltinFlag::variable,
     .plan =
         [](CallCheck&, PlanCall& plan) {
           plan.param({.kind = ParamKind::child_pid});
           plan.warn("No child command (`-c`); cpid is zero");
         },
     .lower = lower_child},
    {.name = "has_cpid",
     .signature = "has_cpid() -> bool",
     .doc = "Whether -c started a child.",
     .example = "begin { print(has_cpid) }",
     .flags = BuiltinFlag::variable,
     .plan = [](CallCheck&, PlanCall& plan) { plan.param({.kind = ParamKind::child_pid}); },
     .lower = [](Emit& e, CallLower& c) { return e.compare(Compare::ne, e.param(c.param(ParamKind::child_pid, "")), e.imm(0)); }},
};

}  // namespace

std::span<const Builtin> process_rows() { return rows; }

}  // namespace awl
