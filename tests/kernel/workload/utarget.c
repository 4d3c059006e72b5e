// utarget [ROUNDS] [WAIT_MS] [STAY_MS]   calls the functions below ROUNDS (1) times with known arguments, for uprobes.
// WAIT_MS (0): first sleeps, so that `-p` finds a living process that then acts. STAY_MS (0): stays afterwards, so
// that its symbols can be looked up.
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define PROBED __attribute__((noinline, noclone)) __attribute__((used))

struct point {
  int x, y;
  const char* label;
  struct point* next;
};

PROBED long ut_add(long a, long b) { return a + b; }
PROBED long ut_six(long a, long b, long c, long d, long e, long f) { return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f; }
PROBED const char* ut_text(const char* text) { return text + 6; }
PROBED int ut_negative(int value) { return -value; }
PROBED int ut_point(struct point* p) { return p->x + p->next->y; }
PROBED int ut_leaf(int depth) { return depth * 2; }
PROBED int ut_middle(int depth) { return ut_leaf(depth) + 1; }
PROBED int ut_outer(int depth) { return ut_middle(depth) + 1; }
PROBED int ut_loop(int i) { return i; }

volatile unsigned ut_counter = 7;
volatile long ut_watched;  // written once in each round, and once by another thread

static void* write_watched(void* value) {
  ut_watched = (long)value;
  return NULL;
}

int main(int argc, char** argv) {
  long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
  if (argc > 2) usleep((unsigned)strtol(argv[2], NULL, 10) * 1000);
  char text[] = "hello world";  // on the stack: read before, so that a probe can read it
  struct point second = {30, 40, "second", NULL}, first = {10, 20, "first", &second};
  long sum = 0;
  for (long i = 0; i < rounds; i++) {
    ut_watched = i;
    sum += ut_add(3, 4) + (ut_counter == 0);
    sum += ut_six(1, 2, 3, 4, 5, 6);
    sum += ut_text(text)[0];
    sum += ut_negative(5);
    sum += ut_point(&first);
    sum += ut_outer(20);
    for (int k = 0; k < 10; k++) sum += ut_loop(k);
  }
  pthread_t writer;
  if (pthread_create(&writer, NULL, write_watched, (void*)rounds) == 0) pthread_join(writer, NULL);
  if (argc > 3) usleep((unsigned)strtol(argv[3], NULL, 10) * 1000);
  return sum == 0;
}
