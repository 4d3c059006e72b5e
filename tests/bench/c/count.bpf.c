// tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }
#include "common.h"

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct comm_key);
  __type(value, __u64);
} counts SEC(".maps");

SEC("tp/raw_syscalls/sys_enter")
int count(struct sys_enter_context* context) {
  (void)context;
  struct comm_key key;
  bpf_get_current_comm(&key, sizeof(key));
  __u64* value = bpf_map_lookup_elem(&counts, &key);
  if (value) {
    *value += 1;
    return 0;
  }
  __u64 one = 1;
  bpf_map_update_elem(&counts, &key, &one, BPF_NOEXIST);
  return 0;
}
