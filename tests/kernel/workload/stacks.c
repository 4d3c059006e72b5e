// stacks N   calls getppid() once from each of N (at most 65536) different call stacks, writes a line, and stays until its input ends.
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static long left(unsigned long path, int depth);
static long right(unsigned long path, int depth);

// The bits of `path` choose the functions on the way down. What is added behind the calls keeps them from being jumps.
static __attribute__((noinline)) long down(unsigned long path, int depth) {
  if (depth == 0) return syscall(SYS_getppid);
  return (path & 1 ? left(path >> 1, depth - 1) : right(path >> 1, depth - 1)) + 1;
}
static __attribute__((noinline)) long left(unsigned long path, int depth) { return down(path, depth) + 2; }
static __attribute__((noinline)) long right(unsigned long path, int depth) { return down(path, depth) + 3; }

int main(int argc, char** argv) {
  unsigned long stacks = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
  for (unsigned long path = 0; path < stacks && path < 65536; path++) down(path, 16);
  puts("made");
  fflush(stdout);
  while (getchar() != EOF) {
  }
  return 0;
}
