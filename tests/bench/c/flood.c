// flood INTERFACE SECONDS < FRAME   sends an Ethernet frame again and again, as fast as it goes, and prints how many were sent.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { batch = 64 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  static char frame[1514];
  const ssize_t size = read(STDIN_FILENO, frame, sizeof frame);
  const int out = socket(AF_PACKET, SOCK_RAW, 0), yes = 1;
  const struct sockaddr_ll place = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(argv[1])};
  if (size <= 0 || out < 0 || bind(out, (const struct sockaddr*)&place, sizeof place)) return perror("flood"), 1;
  setsockopt(out, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof yes);
  struct iovec part = {frame, (size_t)size};
  struct mmsghdr messages[batch] = {0};
  for (int i = 0; i < batch; i++) messages[i].msg_hdr = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1};
  unsigned long sent = 0;
  for (const double until = now() + atof(argv[2]); now() < until;) {
    const int some = sendmmsg(out, messages, batch, 0);
    if (some > 0) sent += (unsigned long)some;
  }
  printf("%lu\n", sent);
  return 0;
}
