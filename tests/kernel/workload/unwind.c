// unwind HOW [ARGS]   calls getppid() from uw_leaf() below a known chain of functions, in code that keeps no frame pointers (it is built so, at -O2):
//   sort TURNS SLEEP_MS     main, uw_outer, the C library's qsort, uw_compare, uw_leaf
//   signal                  main, uw_interrupted, the return from a signal handler, uw_handler, uw_leaf
//   bare                    main, uw_bare (which no .eh_frame speaks of), uw_leaf
//   late LIBRARY MS         main, uw_late, late_call of a library that is loaded when the program runs (MS before the call), uw_leaf
//   spin MS                 as sort, again and again
//   busy MS                 main, uw_busy, without system calls
//   exec HOW [ARGS]         becomes itself
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OWN __attribute__((noinline, noclone))

// A frame pointer of 0 is where a walk by frame pointers ends.
OWN long uw_leaf(void) {
  long result;
  __asm__ volatile("xor %%ebp, %%ebp\n\tsyscall" : "=a"(result) : "0"(110L) : "rcx", "r11", "rbp", "memory");  // getppid
  return result + 1;
}

OWN int uw_compare(const void* a, const void* b) {
  const long* left = a;
  const long* right = b;
  volatile long result = uw_leaf();
  return (*left > *right) - (*left < *right) + 0 * (int)result;
}

OWN long uw_outer(void) {
  long values[] = {2, 1};
  qsort(values, 2, sizeof values[0], uw_compare);
  volatile long first = values[0];
  return first;
}

OWN void uw_handler(int signal) {
  volatile long result = uw_leaf() + signal;
  (void)result;
}

OWN long uw_interrupted(void) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "0"(62L), "D"((long)getpid()), "S"((long)SIGUSR1) : "rcx", "r11", "memory");  // kill
  return result + 1;
}

// No directives for .eh_frame stand around it.
void uw_bare(long (*function)(void));
__asm__(".text\n.type uw_bare, @function\nuw_bare:\n\tsub $8, %rsp\n\tcall *%rdi\n\tadd $8, %rsp\n\tret\n.size uw_bare, . - uw_bare\n");

OWN int uw_late(const char* library, unsigned wait_ms) {
  void* handle = dlopen(library, RTLD_NOW);
  if (!handle) return 1;
  void* symbol = dlsym(handle, "late_call");
  void (*call)(long (*)(void));
  memcpy(&call, &symbol, sizeof call);
  usleep(wait_ms * 1000);
  call(uw_leaf);
  return 0;
}

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

OWN int uw_spin(long ms) {
  for (const long end = now_ms() + ms; now_ms() < end;) uw_outer();
  return 0;
}

OWN int uw_busy(long ms) {
  for (const long end = now_ms() + ms; now_ms() < end;)
    for (volatile int i = 0; i < 100000; ++i) continue;
  return 0;
}

int main(int argc, char** argv) {
  const char* how = argc > 1 ? argv[1] : "";
  const char* first = argc > 2 ? argv[2] : "1";
  const char* second = argc > 3 ? argv[3] : "0";
  if (strcmp(how, "sort") == 0) {
    for (long i = atol(first); i > 0; --i) {
      uw_outer();
      usleep((unsigned)atol(second) * 1000);
    }
    return 0;
  }
  if (strcmp(how, "signal") == 0) {
    signal(SIGUSR1, uw_handler);
    return uw_interrupted() == 0;
  }
  if (strcmp(how, "bare") == 0) return uw_bare(uw_leaf), 0;
  if (strcmp(how, "late") == 0) return uw_late(first, (unsigned)atol(second));
  if (strcmp(how, "spin") == 0) return uw_spin(atol(first));
  if (strcmp(how, "busy") == 0) return uw_busy(atol(first));
  if (strcmp(how, "exec") == 0) return execv("/proc/self/exe", argv + 1), 1;
  fprintf(stderr, "usage: unwind sort|signal|bare|late|spin|busy|exec ...\n");
  return 2;
}
