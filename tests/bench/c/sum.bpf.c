// tracepoint:raw_syscalls:sys_enter { @[pid, comm] = sum(args.id); }
#include "common.h"

struct pid_comm_key {
  __u32 pid;
  char comm[16];
};

struct total {
  __u64 sum, updates;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct pid_comm_key);
  __type(value, struct total);
} totals SEC(".maps");

SEC("tp/raw_syscalls/sys_enter")
int sum(struct sys_enter_context* context) {
  struct pid_comm_key key;
  key.pid = bpf_get_current_pid_tgid() >> 32;
  bpf_get_current_comm(key.comm, sizeof(key.comm));
  struct total* value = bpf_map_lookup_elem(&totals, &key);
  if (value) {
    value->sum += (__u64)context->id;
    value->updates += 1;
    return 0;
  }
  struct total first = {(__u64)context->id, 1};
  bpf_map_update_elem(&totals, &key, &first, BPF_NOEXIST);
  return 0;
}
