// measure FILE ROOT CMD...   runs CMD and writes to FILE: wall time in microseconds, peak resident memory in KiB, exit status.
// ROOT other than / is entered first (chroot, with this machine's /proc, /sys, /dev and /tmp in a mount namespace of its
// own), before the clock starts. This program is small because a child's peak memory counts from its parent's.
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void enter(const char* root) {
  if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) perror("measure: unshare"), exit(125);
  const char* shared[] = {"/proc", "/sys", "/dev", "/tmp"};
  for (int i = 0; i < 4; i++) {
    char target[4096];
    snprintf(target, sizeof(target), "%s%s", root, shared[i]);
    if (mount(shared[i], target, NULL, MS_BIND | MS_REC, NULL)) perror(target), exit(125);
  }
  if (chroot(root) || chdir("/")) perror("measure: chroot"), exit(125);
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  FILE* result = fopen(argv[1], "w");
  if (!result) return perror(argv[1]), 125;
  if (strcmp(argv[2], "/")) enter(argv[2]);
  struct timespec start, end;
  clock_gettime(CLOCK_MONOTONIC, &start);
  pid_t child = vfork();
  if (child == 0) {
    execvp(argv[3], argv + 3);
    _exit(127);
  }
  int status = 0;
  struct rusage usage;
  wait4(child, &status, 0, &usage);
  clock_gettime(CLOCK_MONOTONIC, &end);
  long micros = (end.tv_sec - start.tv_sec) * 1000000 + (end.tv_nsec - start.tv_nsec) / 1000;
  fprintf(result, "%ld %ld %d\n", micros, usage.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return fclose(result) ? 125 : 0;
}
