// tracepoint:raw_syscalls:sys_enter { @[pid] = stats(args.id); }
#include "keyed.h"
#include "values.h"

BY_PID(struct stats)

SEC("tp/raw_syscalls/sys_enter")
int stats_by(struct sys_enter_context* context) {
  return add(own_element(), context->id);
}
