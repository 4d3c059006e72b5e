// forks [CHILDREN]   starts CHILDREN (1) processes one after the other; each calls getppid once and ends with status 3.
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
  long children = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
  for (long i = 0; i < children; i++) {
    pid_t child = fork();
    if (child == 0) {
      syscall(SYS_getppid);
      _exit(3);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 3) return 1;
  }
  return 0;
}
