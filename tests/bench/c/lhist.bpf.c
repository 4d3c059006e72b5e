// tracepoint:raw_syscalls:sys_enter { @ = lhist(args.id, 0, 500, 10); }
#include "slot.h"
#include "values.h"

SLOT(struct steps)

SEC("tp/raw_syscalls/sys_enter")
int lhist(struct sys_enter_context* context) {
  __u64 step = step_of(context->id);
  return count_step(own_slot(), step);
}
