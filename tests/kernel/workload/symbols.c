// symbols [jit] [WAIT_MS]   calls getppid() from functions with names of C, C++ and Rust; `jit`: from code that it makes itself and lists in
// /tmp/perf-PID.map. Then stays for WAIT_MS (0).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static long enter(void) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "0"(110L) : "rcx", "r11", "memory");  // getppid
  return result;
}

long sy_leaf(void);
long sy_cpp(int depth) __asm__("_ZN5space4workEi");
long sy_rust(void) __asm__("_ZN4unit6engine3run17h0123456789abcdefE");
long sy_rust_new(void) __asm__("_RNvC5crate7started");

long sy_leaf(void) { return enter() + 1; }
long sy_cpp(int depth) { return sy_leaf() + depth; }
long sy_rust(void) { return sy_cpp(3) + 1; }
long sy_rust_new(void) { return sy_rust() + 1; }

static int run_made_code(void) {
  // push rbp; mov rbp, rsp; mov eax, 110; syscall; pop rbp; ret
  static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0xb8, 0x6e, 0, 0, 0, 0x0f, 0x05, 0x5d, 0xc3};
  void* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return 1;
  memcpy(page, code, sizeof code);
  char path[64];
  snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
  FILE* list = fopen(path, "w");
  if (!list) return 1;
  fprintf(list, "%lx %zx made by hand\n", (unsigned long)page, sizeof code);
  fclose(list);
  long (*made)(void);
  memcpy(&made, &page, sizeof made);
  made();
  return 0;
}

int main(int argc, char** argv) {
  int failed = argc > 1 && strcmp(argv[1], "jit") == 0 ? run_made_code() : sy_rust_new() == 0;
  if (argc > 2) usleep((unsigned)strtol(argv[2], NULL, 10) * 1000);
  return failed;
}
