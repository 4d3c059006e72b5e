// xdp:lo { @[tcp.dport] = count(); }
#include "packet.h"

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 4096);
  __type(key, __u64);
  __type(value, __u64);
} counts SEC(".maps");

SEC("xdp")
int program(struct xdp_md* context) {
  struct packet p = {};
  parse((void*)(long)context->data, (void*)(long)context->data_end, &p);
  __u64 key = p.protocol == IPPROTO_TCP ? p.dest : 0;
  __u64* value = bpf_map_lookup_elem(&counts, &key);
  if (value) {
    *value += 1;
    return XDP_PASS;
  }
  __u64 one = 1;
  bpf_map_update_elem(&counts, &key, &one, BPF_NOEXIST);
  return XDP_PASS;
}
