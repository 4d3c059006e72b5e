// sysloop [--threads N] [--calls N] [--sleep-us N]   N threads (1) each call getppid N times (1000), then the program ends.
// The threads are named "sysloop".
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static long calls = 1000, sleep_us = 0;

static void* work(void* number) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET((long)number % sysconf(_SC_NPROCESSORS_ONLN), &set);
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
  for (long i = 0; i < calls; i++) {
    syscall(SYS_getppid);
    if (sleep_us) usleep((unsigned)sleep_us);
  }
  return NULL;
}

int main(int argc, char** argv) {
  long threads = 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    long value = strtol(argv[i + 1], NULL, 10);
    if (!strcmp(argv[i], "--threads")) threads = value;
    else if (!strcmp(argv[i], "--calls")) calls = value;
    else if (!strcmp(argv[i], "--sleep-us")) sleep_us = value;
    else return fprintf(stderr, "sysloop: unknown option %s\n", argv[i]), 2;
  }
  pthread_t* ids = calloc((size_t)threads, sizeof(*ids));
  for (long i = 1; i < threads; i++) pthread_create(&ids[i], NULL, work, (void*)i);
  work(NULL);
  for (long i = 1; i < threads; i++) pthread_join(ids[i], NULL);
  return 0;
}
