// files [ROUNDS]   each round: makes, writes (100 bytes), reads and removes a file in the working directory,
// and opens one that does not exist. File name and sizes are fixed, for probes on files and system calls.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char** argv) {
  long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
  // On the stack: in memory when a probe reads them.
  char data[100] = "awl", name[] = "awl-workload-file", absent[] = "awl-workload-absent";
  for (long i = 0; i < rounds; i++) {
    int fd = open(name, O_CREAT | O_RDWR | O_TRUNC, 0600);
    if (fd < 0 || write(fd, data, sizeof(data)) != (long)sizeof(data)) return perror("files"), 1;
    if (pread(fd, data, sizeof(data), 0) != (long)sizeof(data)) return perror("files"), 1;
    close(fd);
    unlink(name);
    if (open(absent, O_RDONLY) >= 0) return 1;
  }
  return 0;
}
