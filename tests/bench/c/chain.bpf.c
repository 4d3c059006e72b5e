// tracepoint:raw_syscalls:sys_enter { @ = sum(curtask.group_leader.real_parent.group_leader.real_parent.tgid); }
#include "common.h"

struct task_struct {
  int tgid;
  struct task_struct *real_parent, *group_leader;
} __attribute__((preserve_access_index));

struct total {
  __u64 sum, updates;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct total);
} totals SEC(".maps");

SEC("tp/raw_syscalls/sys_enter")
int chain(struct sys_enter_context* context) {
  (void)context;
  struct task_struct* task = (struct task_struct*)bpf_get_current_task();
  __u32 zero = 0;
  struct total* value = bpf_map_lookup_elem(&totals, &zero);
  if (!value) return 0;
  value->sum += BPF_CORE_READ(task, group_leader, real_parent, group_leader, real_parent, tgid);
  value->updates += 1;
  return 0;
}
