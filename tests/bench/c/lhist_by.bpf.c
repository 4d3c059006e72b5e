// tracepoint:raw_syscalls:sys_enter { @[pid] = lhist(args.id, 0, 500, 10); }
#include "keyed.h"

struct buckets {
  __u64 slots[52];  // below 0, 50 steps, 500 and above
};
BY_PID(struct buckets)

SEC("tp/raw_syscalls/sys_enter")
int lhist_by(struct sys_enter_context* context) {
  long n = context->id;
  __u64 bucket = n < 0 ? 0 : n >= 500 ? 51 : 1 + (__u64)n / 10;
  struct buckets* value = own_element();
  if (value && bucket < 52) value->slots[bucket] += 1;
  return 0;
}
