// tracepoint:raw_syscalls:sys_enter { @[pid] = hist(args.id); }
#include "keyed.h"
#include "log2.h"

struct buckets {
  __u64 slots[66];  // negative, 0, 1, [2, 4) ...
};
BY_PID(struct buckets)

SEC("tp/raw_syscalls/sys_enter")
int hist_by(struct sys_enter_context* context) {
  __u32 slot = bucket(context->id);
  struct buckets* value = own_element();
  if (value && slot < 66) value->slots[slot] += 1;
  return 0;
}
