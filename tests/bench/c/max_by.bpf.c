// tracepoint:raw_syscalls:sys_enter { @[pid] = max(args.id); }
#include "keyed.h"

struct extreme {
  long value;
  __u64 updates;
};
BY_PID(struct extreme)

SEC("tp/raw_syscalls/sys_enter")
int largest_by(struct sys_enter_context* context) {
  struct extreme* slot = own_element();
  if (!slot) return 0;
  if (!slot->updates || context->id > slot->value) slot->value = context->id;
  slot->updates += 1;
  return 0;
}
