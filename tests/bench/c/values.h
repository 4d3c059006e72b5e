// What the programs keep in an element, and how they put a number in.
#pragma once
#include "log2.h"

struct stats {  // sum and avg keep the same two numbers
  __u64 total, updates;
};
static __always_inline int add(struct stats* value, __u64 number) {
  if (!value) return 0;
  value->total += number;
  value->updates += 1;
  return 0;
}

struct extreme {
  long value;
  __u64 updates;
};
static __always_inline int raise_to(struct extreme* value, long number) {
  if (!value) return 0;
  if (!value->updates || number > value->value) value->value = number;
  value->updates += 1;
  return 0;
}

struct buckets {
  __u64 slots[66];  // negative, 0, 1, [2, 4) ...
};
static __always_inline int count_in(struct buckets* value, __u32 bucket) {
  if (value && bucket < 66) value->slots[bucket] += 1;
  return 0;
}

struct steps {
  __u64 slots[52];  // below 0, 50 steps of 10, 500 and above
};
static __always_inline __u64 step_of(long n) { return n < 0 ? 0 : n >= 500 ? 51 : 1 + (__u64)n / 10; }
static __always_inline int count_step(struct steps* value, __u64 step) {
  if (value && step < 52) value->slots[step] += 1;
  return 0;
}
