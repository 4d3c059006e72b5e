// tracepoint:raw_syscalls:sys_enter { @[pid] = hist(args.id); }
#include "keyed.h"
#include "values.h"

BY_PID(struct buckets)

SEC("tp/raw_syscalls/sys_enter")
int hist_by(struct sys_enter_context* context) {
  __u32 slot = bucket(context->id);
  return count_in(own_element(), slot);
}
