// What network packets hold, and what packet hooks do with them.
#include <algorithm>

#include "base/diag/builtins.h"
#include "base/diag/hooks.h"
#include "base/prefix.h"
#include "builtins/rows.h"

namespace awl {

const PacketView* packet_view_of(const ast::Expr& object) {
  if (auto* call = std::get_if<ast::Call>(&object.node)) return call->builtin && call->builtin->flags & BuiltinFlag::packet_view ? find_packet_view(call->name) : nullptr;
  return nullptr;
}

const PacketField* packet_field_of(const ast::Field& field) {
  const PacketView* view = packet_view_of(*field.object);
  return view ? find_packet_field(*view, field.name) : nullptr;
}

const ContextField* context_field_of(const ast::Field& field, const Context& context) {
  auto* call = std::get_if<ast::Call>(&field.object->node);
  if (!call || !call->builtin || !(call->builtin->flags & BuiltinFlag::context_fields)) return nullptr;
  for (const ContextField& known : context.fields)
    if (known.name == field.name) return &known;
  return nullptr;
}

Type packet_field_type(TypeTable& types, const PacketField& field) {
  if (field.form == PacketField::Form::bytes) return types.array(types.integer(1, false), field.size);
  if (field.bits == 0) return types.integer(field.size, false);
  return types.integer(field.bits <= 8 ? 1 : field.bits <= 16 ? 2 : 4, false);
}

namespace {

void check_view(CallCheck& c) {
  const PacketView* view = find_packet_view(c.call().name);
  const auto& packet = c.context().packet;
  if (!packet) c.diagnostics().report<Diag::packet_not_here>(c.expr().span, c.call().name, kind_of(c)).hint("packets are seen by the probes xdp, tc, cgroup_skb and socket_filter");
  else if (view && view->link_layer && !packet->link_layer) c.diagnostics().report<Diag::packet_link_layer>(c.expr().span, kind_of(c), c.call().name);
}

// Through a map: XDP_PASS where it has nothing at the index.
Value lower_redirect(Emit& e, CallLower& c) {
  if (c.count() == 1) return e.helper(BPF_FUNC_redirect, {c.value64(0), e.imm(0)});
  return e.helper(BPF_FUNC_redirect_map, {c.map(0), c.value64(1), e.imm(XDP_PASS)});
}

Value lower_view(Emit& e, CallLower& c) { return e.compare(Compare::ne, c.packet_view(*find_packet_view(c.call().name)), e.null()); }

void check_redirect(CallCheck& c) {
  const Verdicts* verdicts = c.context().verdicts;
  if (c.count() > 1 && (!verdicts || verdicts->redirect != XDP_REDIRECT)) c.diagnostics().report<Diag::redirect_map_not_here>(c.expr().span, kind_of(c));
  else if (!verdicts || !verdicts->redirect) c.diagnostics().report<Diag::redirect_not_here>(c.expr().span, kind_of(c));
}

void check_skb(CallCheck& c) {
  if (!c.context().skb) c.diagnostics().report<Diag::builtin_not_with>(c.expr().span, "skb", kind_of(c));
}

void check_cidr(CallCheck& c) {
  auto text = c.string(0);
  if (!text) c.diagnostics().report<Diag::prefix_literal>(c.arg(0).span).hint("write it as a literal, or give it as a parameter ($1) of the script when it is compiled");
  else if (auto prefix = parse_prefix(*text); !prefix) c.diagnostics().report<Diag::prefix>(c.arg(0).span, *text, prefix.error()).hint("write \"10.0.0.0/8\" or \"fd00::/16\"");
}

bool is_test(const Target& target) { return target.provider && target.provider->runs == Runs::as_test; }

void check_verdict(CallCheck& c) {
  if (!is_test(c.target())) c.diagnostics().report<Diag::verdict_place>(c.expr().span);
}

constexpr int64_t most_captured = 65000;  // the size of a record of perf events has 16 bits
constexpr int64_t link_type_ethernet = 1, link_type_raw = 101;  // pcap-linktype(7)

void check_capture(CallCheck& c) {
  if (!c.context().packet) c.diagnostics().report<Diag::packet_not_here>(c.expr().span, "what capture() keeps", kind_of(c)).hint("packets are seen by the probes xdp, tc, cgroup_skb and socket_filter");
  auto limit = c.count() > 1 ? c.integer(1) : std::nullopt;
  if (limit && (*limit < 1 || *limit > most_captured)) c.diagnostics().report<Diag::capture_length>(c.arg(1).span, most_captured, *limit);
}

void plan_capture(CallCheck& c, PlanCall& plan) {
  plan.site().text = c.string(0).value_or("");
  plan.site().top = c.context().packet && c.context().packet->link_layer ? link_type_ethernet : link_type_raw;
  plan.site().div = c.count() > 1 ? c.integer(1).value_or(most_captured) : most_captured;
}

Value packet_length(Emit& e, const PacketSource& packet) {
  if (packet.length) return e.resize(e.context_load(32, *packet.length), 64, false);
  Value end = e.resize(e.context_load(32, packet.data_end), 64, false), start = e.resize(e.context_load(32, packet.data), 64, false);
  return e.binary(Op::sub, end, start);
}

// The kernel copies the packet, which may lie in pieces, behind what the program gives.
Value lower_capture(Emit& e, CallLower& c) {
  const Context& context = c.context();
  auto number = std::ranges::find_if(context.fields, [](const ContextField& f) { return f.name == "ifindex" || f.name == "ingress_ifindex"; });
  Value length = packet_length(e, *context.packet);
  Value limit = e.imm(static_cast<uint64_t>(c.count() > 1 ? literal_integer(c.arg(1)).value_or(most_captured) : most_captured));
  Value kept = e.select(e.compare(Compare::ult, length, limit), length, limit);
  Value header = e.slot(artifact::capture_header);
  e.store(header, e.imm(static_cast<uint32_t>(c.call().site), 32), 0);
  e.store(header, e.resize(kept, 32, false), 4);
  e.store(header, e.helper(BPF_FUNC_ktime_get_boot_ns, {}, Effect::reads), 8);
  e.store(header, e.resize(length, 32, false), 16);
  e.store(header, number == context.fields.end() ? e.imm(0, 32) : e.resize(c.access(number->access), 32, false), 20);
  Value flags = e.binary(Op::bit_or, e.binary(Op::shl, kept, e.imm(32)), e.imm(BPF_F_CURRENT_CPU));
  c.check_sent(e.helper(BPF_FUNC_perf_event_output, {e.context(), e.named_map(artifact::packets_map), flags, header, e.imm(artifact::capture_header)}));
  return {};
}

// What the run side gives a step of a test, see artifact::Send.
constexpr BytesAccess last_verdict{.offset = 8, .size = 8};

constexpr BuiltinFlag view_flags = BuiltinFlag::variable | BuiltinFlag::needs_probe | BuiltinFlag::packet_view;

const Builtin rows[] = {
    {.name = "eth",
     .signature = "eth() -> bool",
     .doc = "The Ethernet header of the packet: `eth.src`, `eth.dst`, `eth.proto` (h_source, h_dest, h_proto). True where the packet has one.",
     .example = "xdp:lo { @[macaddr(eth.src)] = count(); }",
     .flags = view_flags,
     .check = check_view,
     .lower = lower_view},
    {.name = "vlan",
     .signature = "vlan() -> bool",
     .doc = "The outermost VLAN tag of the packet: `vlan.id`, `vlan.priority`, `vlan.dei`, `vlan.tci`, `vlan.proto` (what follows the tag).",
     .example = "xdp:lo /vlan/ { @[vlan.id] = count(); }",
     .flags = view_flags,
     .check = check_view,
     .lower = lower_view},
    {.name = "ip",
     .signature = "ip() -> bool",
     .doc =
         "The IPv4 header of the packet, behind VLAN tags: version, ihl, tos, tot_len, id, frag_off, ttl, protocol, check, saddr, daddr (or proto, src, dst). "
         "Numbers are in the machine's order; addresses are kept as they lie in memory, for ntop().",
     .example = "xdp:lo { @[ntop(ip.saddr)] = count(); }",
     .flags = view_flags,
     .check = check_view,
     .lower = lower_view},
    {.name = "ip6",
     .signature = "ip6() -> bool",
     .doc = "The IPv6 header of the packet, behind VLAN tags: version, tclass, flow_lbl, payload_len, nexthdr, hop_limit, saddr, daddr (or src, dst).",
     .example = "xdp:lo { @[ntop(ip6.saddr)] = count(); }",
     .flags = view_flags,
     .check = check_view,
     .lower = lower_view},
    {.name = "tcp",
     .signature = "tcp() -> bool",
     .doc =
         "The TCP header of the packet, behind the options of IPv4 and the extension headers of IPv6: source, dest (or sport, dport), seq, ack_seq, doff, flags, fin, syn, "
         "rst, psh, ack, urg, ece, cwr, window, check, urg_ptr. False in fragments behind the first.",
     .example = "xdp:lo /tcp && tcp.syn/ { @[tcp.dest] = count(); }",
     .flags = view_flags,
     .check = check_view,
     .lower = lower_view},
    {.name = "udp",
     .signature = "udp() -> bool",
     .doc = "The UDP header of the packet: source, dest (or sport, dport), len, check.",
     .example = "xdp:lo /udp/ { @[udp.dest] = sum(udp.len); }",
     .flags = view_flags,
     .check = check_view,
     .lower = lower_view},
    {.name = "icmp",
     .signature = "icmp() -> bool",
     .doc = "The ICMP header of an IPv4 packet: type, code, checksum, id, sequence, mtu, gateway.",
     .example = "xdp:lo /icmp/ { @[icmp.type, icmp.code] = count(); }",
     .flags = view_flags,
     .check = check_view,
     .lower = lower_view},
    {.name = "icmp6",
     .signature = "icmp6() -> bool",
     .doc = "The ICMPv6 header of an IPv6 packet: type, code, checksum, id, sequence, mtu.",
     .example = "xdp:lo /icmp6/ { @[icmp6.type] = count(); }",
     .flags = view_flags,
     .check = check_view,
     .lower = lower_view},
    {.name = "pkt",
     .signature = "pkt() -> bool",
     .doc = "The packet as a whole: `pkt.len`, and its bytes: `pkt[14:20]` are 20 bytes from offset 14 on, fewer where it ends before.",
     .example = "xdp:lo { @ = hist(pkt.len); }",
     .flags = view_flags,
     .check = check_view,
     .lower = lower_view},
    {.name = "skb",
     .signature = "skb() -> pointer",
     .doc = "The packet as the kernel describes it to programs (struct __sk_buff): len, mark, priority, protocol, ifindex, hash ... mark, priority, queue_mapping, tc_index and tc_classid may be assigned to.",
     .example = "tc:lo:ingress { @[skb.mark] = sum(skb.len); }",
     .flags = BuiltinFlag::variable | BuiltinFlag::needs_probe | BuiltinFlag::context_fields,
     .infer = [](CallCheck& c) { return c.types().pointer(c.types().integer(8, false), AddressSpace::kernel); },
     .check = check_skb,
     .lower = [](Emit& e, CallLower&) { return e.resize(e.context(), 64, false); }},
    {.name = "cidr",
     .signature = "cidr(string prefix) -> cidr",
     .doc = "A prefix of IPv4 or IPv6 addresses, the key of an `lpmtrie` map: `@blocked[cidr(\"10.0.0.0/8\")] = 1` is found by `@blocked[ip.saddr]`.",
     .example = "let @blocked = lpmtrie(1000); begin { @blocked[cidr(\"10.0.0.0/8\")] = 1; }",
     .infer = [](CallCheck& c) { return c.types().simple(Kind::cidr); },
     .check = check_cidr,
     .lower_into = [](Emit& e, CallLower& c) {
       const Prefix prefix = parse_prefix(literal_string(c.arg(0)).value_or("")).value_or(Prefix{});
       e.copy(c.destination(), e.bytes(std::string(prefix.begin(), prefix.end())), prefix.size());
     }},
    {.name = "redirect",
     .signature = "redirect(int ifindex) -> int64 | redirect(map map, key index) -> int64",
     .doc =
         "Sends the packet out of another network interface: `return redirect(3)`. Through a `devmap` (interfaces), `cpumap` (CPUs) or `xskmap` (AF_XDP sockets of another process) of xdp probes it goes to where the map says, "
         "many at a time: `let @to = devmap(8); begin { @to[0] = 3; } xdp:eth0 { return redirect(@to, 0); }`; where the map has nothing it passes.",
     .example = "xdp:lo /udp.dport == 9/ { return redirect(2); }",
     .flags = BuiltinFlag::unsafe | BuiltinFlag::needs_probe,
     .check = check_redirect,
     .lower = lower_redirect},
    {.name = "capture",
     .signature = "capture(literal string path, literal int snaplen = 65000)",
     .doc =
         "Adds the packet, at most `snaplen` bytes of it, to a pcapng file, which Wireshark and tcpdump open: with its time in nanoseconds and its interface. The file is made when the "
         "script starts, for its owner alone. Packets that come faster than they are written are counted and told of at the end.",
     .example = "xdp:lo /udp.dport == 53/ { capture(\"dns.pcapng\", 200) }",
     .flags = BuiltinFlag::async | BuiltinFlag::no_value | BuiltinFlag::needs_probe,
     .action = artifact::Action::capture,
     .check = check_capture,
     .plan = plan_capture,
     .lower = lower_capture},
    {.name = "send",
     .signature = "send(packet packet, literal string probe = \"\")",
     .doc =
         "In a test probe: gives a packet() to the program of a probe that sees packets (xdp, tc, cgroup_skb), which need not be attached for that; `verdict` is then what it decided. "
         "`probe` names it as its attach point is written; without, it is the only one of the script. A statement of its own, at the top of the body: the test runs up to "
         "it, then the packet is sent, then the test goes on, with its variables.",
     .example = "xdp:lo /udp.dport == 9/ { return XDP_PASS; } test:discard { send(packet(ip(dst=\"10.0.0.1\"), udp(dport=9))); assert(verdict == XDP_PASS, \"passes\"); }",
     .flags = BuiltinFlag::no_value | BuiltinFlag::needs_probe,
     .lower = [](Emit&, CallLower&) { return Value{}; }},
    {.name = "packet",
     .signature = "packet(any parts...) -> packet",
     .doc =
         "A packet for send(), of headers (eth, vlan, ip, ip6, tcp, udp, icmp, icmp6) with their fields by name, strings that stand for their bytes, and numbers for as many bytes of "
         "zero. Fields have the names that they have elsewhere (`tcp(dport=80, syn=1)`), addresses are strings. What is left open is filled in: lengths, the types of what "
         "follows, checksums; an Ethernet header if there is none. All values must be known when compiling.",
     .example = "xdp:lo { @[vlan.id] = count(); } test:tagged { send(packet(eth(src=\"02:00:00:00:00:09\"), vlan(id=7), ip6(dst=\"fd00::1\"), tcp(dport=80, syn=1), \"GET\", 20)); }",
     .flags = BuiltinFlag::needs_probe,
     .lower = [](Emit&, CallLower&) { return Value{}; }},
    {.name = "verdict",
     .signature = "verdict() -> int64",
     .doc = "In a test probe: what the program returned that got the packet of the last send(). It is compared with XDP_DROP, TC_ACT_SHOT ...",
     .example = "xdp:lo { return XDP_PASS; } test:passes { send(packet(ip())); assert(verdict == XDP_PASS, \"passes\"); }",
     .flags = BuiltinFlag::variable | BuiltinFlag::needs_probe,
     .check = check_verdict,
     .lower = [](Emit& e, CallLower&) { return e.context_load(64, last_verdict); }},
};

}  // namespace

std::span<const Builtin> packet_rows() { return rows; }

}  // namespace awl
