// tracepoint:raw_syscalls:sys_enter { @[pid] = lhist(args.id, 0, 500, 10); }
#include "keyed.h"
#include "values.h"

BY_PID(struct steps)

SEC("tp/raw_syscalls/sys_enter")
int lhist_by(struct sys_enter_context* context) {
  __u64 step = step_of(context->id);
  return count_step(own_element(), step);
}
