// sysloop [--threads N] [--calls N | --seconds N] [--sleep-us N]   N threads (1) each call getppid N times (1000) or for N seconds, then the program
// prints the number of all calls if it was not given, and ends. The threads are named "sysloop".
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long calls = 1000, sleep_us = 0, seconds = 0;

static long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000 + t.tv_nsec;
}

static void* work(void* number) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET((long)number % sysconf(_SC_NPROCESSORS_ONLN), &set);
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
  long made = 0, until = now() + seconds * 1000000000;
  while (seconds ? made % 64 || now() < until : made < calls) {
    syscall(SYS_getppid);
    made++;
    if (sleep_us) usleep((unsigned)sleep_us);
  }
  return (void*)made;
}

int main(int argc, char** argv) {
  long threads = 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    long value = strtol(argv[i + 1], NULL, 10);
    if (!strcmp(argv[i], "--threads")) threads = value;
    else if (!strcmp(argv[i], "--calls")) calls = value;
    else if (!strcmp(argv[i], "--seconds")) seconds = value;
    else if (!strcmp(argv[i], "--sleep-us")) sleep_us = value;
    else return fprintf(stderr, "sysloop: unknown option %s\n", argv[i]), 2;
  }
  pthread_t* ids = calloc((size_t)threads, sizeof(*ids));
  for (long i = 1; i < threads; i++) pthread_create(&ids[i], NULL, work, (void*)i);
  long all = (long)work(NULL);
  for (long i = 1; i < threads; i++) {
    void* made = NULL;
    pthread_join(ids[i], &made);
    all += (long)made;
  }
  if (seconds) printf("%ld\n", all);
  return 0;
}
