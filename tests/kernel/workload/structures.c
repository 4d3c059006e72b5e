// structures [OBJECT]   brings its task and a socket into a state that can be told from the kernel's structures, then calls getppid(). With OBJECT
// (structures.bpf.o, loaded by libbpf) it prints what a program in C saw of them at that call.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "structures.h"

static int prepare(void) {
  const int one = 1, size = 10000;
  const struct sched_param parameters = {0};
  const struct rlimit limit = {60, 61};
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(9997), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  const int made = socket(AF_INET6, SOCK_DGRAM, 0);
  return made < 0 || dup2(made, SOCKET) < 0 || setsockopt(SOCKET, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) ||
         setsockopt(SOCKET, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) || setsockopt(SOCKET, SOL_SOCKET, SO_NO_CHECK, &one, sizeof one) ||
         bind(SOCKET, (struct sockaddr*)&address, sizeof address) || prctl(PR_SET_CHILD_SUBREAPER, 1) || setrlimit(RLIMIT_NOFILE, &limit) ||
         sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &parameters);
}

static int quiet(enum libbpf_print_level level, const char* format, va_list arguments) {
  return level == LIBBPF_WARN ? vfprintf(stderr, format, arguments) : 0;
}

int main(int argc, char** argv) {
  if (prepare()) return perror("structures: cannot prepare"), 1;
  if (argc < 2) return syscall(SYS_getppid) < 0;
  libbpf_set_print(quiet);
  struct bpf_object* object = bpf_object__open_file(argv[1], NULL);
  if (!object || bpf_object__load(object)) return 1;
  const int zero = 0;
  struct values values = {.process = getpid()};
  const int map = bpf_object__find_map_fd_by_name(object, ".bss");
  if (map < 0 || bpf_map_update_elem(map, &zero, &values, 0)) return perror("structures: cannot set the process"), 1;
  if (!bpf_program__attach(bpf_object__next_program(object, NULL))) return 1;
  syscall(SYS_getppid);
  if (bpf_map_lookup_elem(map, &zero, &values)) return perror("structures: cannot read the values"), 1;
  const struct values* v = &values;
  printf("%lld %lld %lld %lld %lld\n", v->reset_on_fork, v->subreaper, v->soft, v->hard, v->extent);
  printf("%lld %lld %lld %lld %lld %lld %lld %lld\n", v->state, v->type, v->no_check, v->locks, v->ipv6_only, v->port, v->last_byte, v->last_word);
  return 0;
}
