// tracepoint:raw_syscalls:sys_enter { @ = hist(args.id); }
#include "common.h"

struct buckets {
  __u64 slots[66];  // negative, 0, 1, [2, 4) ...
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct buckets);
} histogram SEC(".maps");

static __always_inline __u32 bucket(long number) {
  if (number <= 0) return number < 0 ? 0 : 1;
  __u64 n = (__u64)number;
  __u32 log = 0;
  if (n >> 32) log += 32, n >>= 32;
  if (n >> 16) log += 16, n >>= 16;
  if (n >> 8) log += 8, n >>= 8;
  if (n >> 4) log += 4, n >>= 4;
  if (n >> 2) log += 2, n >>= 2;
  if (n >> 1) log += 1;
  return log + 2;
}

SEC("tp/raw_syscalls/sys_enter")
int hist(struct sys_enter_context* context) {
  __u32 zero = 0, slot = bucket(context->id);
  struct buckets* value = bpf_map_lookup_elem(&histogram, &zero);
  if (value && slot < 66) value->slots[slot] += 1;
  return 0;
}
