// Puts a socket of its own into a pinned map, says "ready" and uses it:
//   pinnedsocket PIN INDEX frames INTERFACE COUNT SECONDS   an AF_XDP socket (linux/if_xdp.h): length and last five bytes of each frame that it gets
//   pinnedsocket PIN INDEX serve ADDRESS PORT               a listening TCP socket: answers one connection with its own port
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { chunk = 4096, chunks = 64 };

static long check(long result, const char* what) {
  if (result >= 0) return result;
  perror(what);
  exit(1);
}

static void put(const char* pin, uint32_t index, uint32_t descriptor) {
  union bpf_attr open = {.pathname = (uintptr_t)pin};
  uint32_t map = (uint32_t)check(syscall(SYS_bpf, BPF_OBJ_GET, &open, sizeof open), pin);
  union bpf_attr update = {.map_fd = map, .key = (uintptr_t)&index, .value = (uintptr_t)&descriptor};
  check(syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &update, sizeof update), "the map does not take the socket");
  close((int)map);
  puts("ready");
  fflush(stdout);
}

static void set(int socket, int option, const void* value, socklen_t size) { check(setsockopt(socket, SOL_XDP, option, value, size), "setsockopt"); }

static char* ring(int socket, uint64_t size, int64_t offset) {
  char* at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, socket, offset);
  check(at == MAP_FAILED ? -1 : 0, "mmap");
  return at;
}

static void frames(const char* pin, uint32_t index, const char* interface, int count, int seconds) {
  int taker = (int)check(socket(AF_XDP, SOCK_RAW, 0), "socket");
  char* memory = mmap(NULL, chunks * chunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct xdp_umem_reg area = {.addr = (uintptr_t)memory, .len = chunks * chunk, .chunk_size = chunk};
  set(taker, XDP_UMEM_REG, &area, sizeof area);
  uint32_t slots = chunks;
  set(taker, XDP_UMEM_FILL_RING, &slots, sizeof slots);
  set(taker, XDP_UMEM_COMPLETION_RING, &slots, sizeof slots);
  set(taker, XDP_RX_RING, &slots, sizeof slots);
  struct xdp_mmap_offsets at;
  socklen_t size = sizeof at;
  check(getsockopt(taker, SOL_XDP, XDP_MMAP_OFFSETS, &at, &size), "getsockopt");
  char* fill = ring(taker, at.fr.desc + chunks * sizeof(uint64_t), XDP_UMEM_PGOFF_FILL_RING);
  char* taken = ring(taker, at.rx.desc + chunks * sizeof(struct xdp_desc), XDP_PGOFF_RX_RING);
  for (uint32_t i = 0; i < chunks; ++i) ((uint64_t*)(fill + at.fr.desc))[i] = (uint64_t)i * chunk;
  __atomic_store_n((uint32_t*)(fill + at.fr.producer), chunks, __ATOMIC_RELEASE);
  struct sockaddr_xdp address = {.sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY, .sxdp_ifindex = if_nametoindex(interface)};
  check(bind(taker, (struct sockaddr*)&address, sizeof address), "bind");
  put(pin, index, (uint32_t)taker);
  struct pollfd wait = {.fd = taker, .events = POLLIN};
  for (uint32_t seen = 0; seen < (uint32_t)count;) {
    if (poll(&wait, 1, seconds * 1000) <= 0) break;
    for (uint32_t end = __atomic_load_n((uint32_t*)(taken + at.rx.producer), __ATOMIC_ACQUIRE); seen != end; ++seen) {
      struct xdp_desc* frame = &((struct xdp_desc*)(taken + at.rx.desc))[seen % chunks];
      printf("%u bytes: %.5s\n", frame->len, memory + frame->addr + frame->len - 5);
    }
    __atomic_store_n((uint32_t*)(taken + at.rx.consumer), seen, __ATOMIC_RELEASE);
  }
}

static void serve(const char* pin, uint32_t index, const char* host, const char* port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr.s_addr = inet_addr(host)};
  int server = (int)check(socket(AF_INET, SOCK_STREAM, 0), "socket"), yes = 1;
  check(setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), "setsockopt");
  check(bind(server, (struct sockaddr*)&address, sizeof address), "bind");
  check(listen(server, 8), "listen");
  put(pin, index, (uint32_t)server);
  int connection = (int)check(accept(server, NULL, NULL), "accept");
  dprintf(connection, "served by %s\n", port);
}

int main(int argc, char** argv) {
  if (argc == 7 && !strcmp(argv[3], "frames")) frames(argv[1], (uint32_t)atoi(argv[2]), argv[4], atoi(argv[5]), atoi(argv[6]));
  else if (argc == 6 && !strcmp(argv[3], "serve")) serve(argv[1], (uint32_t)atoi(argv[2]), argv[4], argv[5]);
  else return 2;
}
