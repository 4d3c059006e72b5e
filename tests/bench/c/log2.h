// The bucket of a number in a histogram of powers of two: 0 for negative ones, 1 for 0, 2 for 1, 3 for [2, 4) ...
#pragma once
#include "common.h"

static __always_inline __u32 bucket(long number) {
  if (number <= 0) return number < 0 ? 0 : 1;
  __u64 n = (__u64)number;
  __u32 log = 0;
  if (n >> 32) log += 32, n >>= 32;
  if (n >> 16) log += 16, n >>= 16;
  if (n >> 8) log += 8, n >>= 8;
  if (n >> 4) log += 4, n >>= 4;
  if (n >> 2) log += 2, n >>= 2;
  if (n >> 1) log += 1;
  return log + 2;
}
