// tracepoint:raw_syscalls:sys_enter { @[pid] = count(); }
#include "keyed.h"

BY_PID(__u64)

SEC("tp/raw_syscalls/sys_enter")
int count_by(struct sys_enter_context* context) {
  (void)context;
  __u64* value = own_element();
  if (value) *value += 1;
  return 0;
}
