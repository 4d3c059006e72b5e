// What the hand-written packet programs share: Ethernet, up to two VLAN tags, IPv4 and IPv6, TCP and UDP.
#pragma once
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct packet {
  struct iphdr* ip;
  struct ipv6hdr* ip6;
  __u16 source, dest;
  __u8 protocol;
};

static __always_inline void parse(void* data, void* end, struct packet* p) {
  struct ethhdr* eth = data;
  if ((void*)(eth + 1) > end) return;
  __u16 type = eth->h_proto;
  void* at = eth + 1;
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD)) break;
    if (at + 4 > end) return;
    type = *(__u16*)(at + 2);
    at += 4;
  }
  if (type == bpf_htons(ETH_P_IP)) {
    struct iphdr* ip = at;
    if ((void*)(ip + 1) > end || ip->ihl < 5) return;
    p->ip = ip;
    if (ip->frag_off & bpf_htons(0x1fff)) return;
    p->protocol = ip->protocol;
    at += ip->ihl * 4;
  } else if (type == bpf_htons(ETH_P_IPV6)) {
    struct ipv6hdr* ip6 = at;
    if ((void*)(ip6 + 1) > end) return;
    p->ip6 = ip6;
    p->protocol = ip6->nexthdr;
    at += sizeof *ip6;
  } else {
    return;
  }
  if (p->protocol == IPPROTO_TCP) {
    struct tcphdr* tcp = at;
    if ((void*)(tcp + 1) > end) return;
    p->source = bpf_ntohs(tcp->source);
    p->dest = bpf_ntohs(tcp->dest);
  } else if (p->protocol == IPPROTO_UDP) {
    struct udphdr* udp = at;
    if ((void*)(udp + 1) > end) return;
    p->source = bpf_ntohs(udp->source);
    p->dest = bpf_ntohs(udp->dest);
  }
}

char LICENSE[] SEC("license") = "GPL";
