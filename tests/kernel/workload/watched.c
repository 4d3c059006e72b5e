// watched CELLS [PAUSE_MS]   for each of CELLS numbers: calls wt_begin with its address, waits PAUSE_MS (0), writes it three times, the last time
// in another thread, calls wt_end with its address, and writes it once more.
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define PROBED __attribute__((noinline, noclone)) __attribute__((used))

enum { MOST_CELLS = 16 };
static volatile long cells[MOST_CELLS];

PROBED long wt_begin(volatile long* cell) { return *cell; }
PROBED long wt_end(volatile long* cell) { return *cell; }

static void* write_cell(void* cell) {
  *(volatile long*)cell = 3;
  return NULL;
}

int main(int argc, char** argv) {
  long count = argc > 1 ? strtol(argv[1], NULL, 10) : 1, pause = argc > 2 ? strtol(argv[2], NULL, 10) : 0, sum = 0;
  if (count > MOST_CELLS) return 2;
  for (long i = 0; i < count; i++) {
    volatile long* cell = &cells[i];
    sum += wt_begin(cell);
    if (pause) usleep((unsigned)pause * 1000);
    *cell = 1;
    *cell = 2;
    pthread_t thread;
    if (pthread_create(&thread, NULL, write_cell, (void*)cell) != 0) return 1;
    pthread_join(thread, NULL);
    sum += wt_end(cell);
    usleep(50000);  // an event of wt_end is handled
    *cell = 4;
  }
  return sum != 3 * count;
}
