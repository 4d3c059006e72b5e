// What the hand-written programs share: the context of raw_syscalls:sys_enter and fixed helper settings.
#pragma once
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct sys_enter_context {
  __u64 common;
  long id;
  unsigned long args[6];
};

struct comm_key {
  char comm[16];
};

char LICENSE[] SEC("license") = "GPL";
