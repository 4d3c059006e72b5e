// tc:lo:ingress { @[ip.saddr, ip.daddr, tcp.sport, tcp.dport] = sum(skb.len); }
#include <linux/pkt_cls.h>

#include "packet.h"

struct flow {
  __u32 source, dest;
  __u16 source_port, dest_port;
};
struct total {
  __u64 sum, updates;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct flow);
  __type(value, struct total);
} flows SEC(".maps");

SEC("tc")
int program(struct __sk_buff* context) {
  struct packet p = {};
  parse((void*)(long)context->data, (void*)(long)context->data_end, &p);
  struct flow key = {p.ip ? p.ip->saddr : 0, p.ip ? p.ip->daddr : 0, p.source, p.dest};
  struct total* value = bpf_map_lookup_elem(&flows, &key);
  if (value) {
    value->sum += context->len;
    value->updates += 1;
    return TC_ACT_UNSPEC;
  }
  struct total one = {context->len, 1};
  bpf_map_update_elem(&flows, &key, &one, BPF_NOEXIST);
  return TC_ACT_UNSPEC;
}
