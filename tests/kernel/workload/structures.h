// What structures.bpf.c reads and structures.c prints.
#pragma once

#define SOCKET 40  // descriptor of the socket

struct values {
  long long process;  // set by the loader
  long long reset_on_fork, subreaper, soft, hard, extent, state, type, no_check, locks, ipv6_only, port, last_byte, last_word;
};
