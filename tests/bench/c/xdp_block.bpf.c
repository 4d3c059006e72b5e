// let @blocked = lpmtrie(200000); xdp:lo { if (@blocked[ip.saddr]) { return XDP_DROP; } }
#include "packet.h"

struct prefix {
  __u32 bits;
  __u8 address[16];
};

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 200000);
  __type(key, struct prefix);
  __type(value, __u64);
} blocked SEC(".maps");

SEC("xdp")
int program(struct xdp_md* context) {
  struct packet p = {};
  parse((void*)(long)context->data, (void*)(long)context->data_end, &p);
  struct prefix key = {.bits = 128, .address = {[10] = 0xff, [11] = 0xff}};
  if (p.ip) *(__u32*)&key.address[12] = p.ip->saddr;
  __u64* value = bpf_map_lookup_elem(&blocked, &key);
  return value && *value ? XDP_DROP : XDP_PASS;
}
