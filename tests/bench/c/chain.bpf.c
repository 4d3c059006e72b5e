// tracepoint:raw_syscalls:sys_enter { @ = sum(curtask.group_leader.real_parent.group_leader.real_parent.tgid); }
#include "slot.h"
#include "values.h"

struct task_struct {
  int tgid;
  struct task_struct *real_parent, *group_leader;
} __attribute__((preserve_access_index));

SLOT(struct stats)

SEC("tp/raw_syscalls/sys_enter")
int chain(struct sys_enter_context* context) {
  (void)context;
  struct task_struct* task = (struct task_struct*)bpf_get_current_task();
  return add(own_slot(), BPF_CORE_READ(task, group_leader, real_parent, group_leader, real_parent, tgid));
}
