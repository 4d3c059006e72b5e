// begin { @[curtask.real_parent.comm] = count(); exit(); }
#include "common.h"

struct task_struct {
  struct task_struct* real_parent;
  char comm[16];
} __attribute__((preserve_access_index));

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct comm_key);
  __type(value, __u64);
} counts SEC(".maps");

SEC("raw_tp")
int types(void* context) {
  (void)context;
  struct task_struct* task = (struct task_struct*)bpf_get_current_task();
  struct comm_key key = {};
  BPF_CORE_READ_INTO(&key.comm, task, real_parent, comm);
  __u64* value = bpf_map_lookup_elem(&counts, &key);
  if (value) {
    *value += 1;
    return 0;
  }
  __u64 one = 1;
  bpf_map_update_elem(&counts, &key, &one, BPF_NOEXIST);
  return 0;
}
