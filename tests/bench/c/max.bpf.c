// tracepoint:raw_syscalls:sys_enter { @ = max(args.id); }
#include "slot.h"

struct extreme {
  long value;
  __u64 updates;
};
SLOT(struct extreme)

SEC("tp/raw_syscalls/sys_enter")
int largest(struct sys_enter_context* context) {
  struct extreme* slot = own_slot();
  if (!slot) return 0;
  if (!slot->updates || context->id > slot->value) slot->value = context->id;
  slot->updates += 1;
  return 0;
}
