// tracepoint:raw_syscalls:sys_enter { @ = hist(args.id); }
#include "slot.h"
#include "values.h"

SLOT(struct buckets)

SEC("tp/raw_syscalls/sys_enter")
int hist(struct sys_enter_context* context) {
  __u32 slot = bucket(context->id);
  return count_in(own_slot(), slot);
}
