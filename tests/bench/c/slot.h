// Aggregations without a key: the one element of a per-CPU array.
#pragma once
#include "common.h"

#define SLOT(TYPE)                              \
  struct {                                      \
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);    \
    __uint(max_entries, 1);                     \
    __type(key, __u32);                         \
    __type(value, TYPE);                        \
  } slots SEC(".maps");                         \
  static __always_inline TYPE* own_slot(void) { \
    __u32 zero = 0;                             \
    return bpf_map_lookup_elem(&slots, &zero);  \
  }
