// tracepoint:raw_syscalls:sys_enter { @ = count(); }
#include "slot.h"

SLOT(__u64)

SEC("tp/raw_syscalls/sys_enter")
int total(struct sys_enter_context* context) {
  (void)context;
  __u64* value = own_slot();
  if (value) *value += 1;
  return 0;
}
