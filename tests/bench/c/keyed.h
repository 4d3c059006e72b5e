// Aggregations by process: an element of a per-CPU hash for each, made by its first event.
#pragma once
#include "common.h"

#define BY_PID(TYPE)                                                       \
  struct {                                                                 \
    __uint(type, BPF_MAP_TYPE_PERCPU_HASH);                                \
    __uint(max_entries, 4096);                                             \
    __type(key, __u32);                                                    \
    __type(value, TYPE);                                                   \
  } elements SEC(".maps");                                                 \
  static const TYPE none;                                                  \
  static __always_inline TYPE* own_element(void) {                         \
    __u32 pid = bpf_get_current_pid_tgid() >> 32;                          \
    TYPE* element = bpf_map_lookup_elem(&elements, &pid);                  \
    if (element) return element;                                           \
    bpf_map_update_elem(&elements, &pid, &none, BPF_NOEXIST);              \
    return bpf_map_lookup_elem(&elements, &pid);                           \
  }
