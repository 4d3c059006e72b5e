// begin { exit(); }: one program that is run once by the loader.
#include "common.h"

SEC("raw_tp")
int hello(void* context) {
  (void)context;
  return 0;
}
