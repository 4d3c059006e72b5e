// burn [MILLISECONDS] [THREADS]   keeps THREADS (1) CPUs busy in user code for MILLISECONDS (300), for timers and stacks.
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

static double limit = 0.3;

__attribute__((noinline)) static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

__attribute__((noinline)) void* burn_inner(void* start) {
  volatile unsigned long value = 1;
  while (seconds() - *(double*)start < limit)
    for (int i = 0; i < 20000; i++) value = value * 3 + 1;
  return NULL;
}

int main(int argc, char** argv) {
  if (argc > 1) limit = strtod(argv[1], NULL) / 1000;
  long threads = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
  double start = seconds();
  pthread_t ids[64];
  for (long i = 1; i < threads && i < 64; i++) pthread_create(&ids[i], NULL, burn_inner, &start);
  burn_inner(&start);
  for (long i = 1; i < threads && i < 64; i++) pthread_join(ids[i], NULL);
  return 0;
}
