// Network addresses, sockets and packets.
#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/diag/builtins.h"
#include "builtins/rows.h"

namespace awl {
namespace {

std::string family_name(Type t) { return is_pointer(t) ? "pointer" : TypeTable::text(t); }

// inet: u32 family, 16 bytes of address.
void lower_ntop(Emit& e, CallLower& c) {
  Value to = c.destination();
  size_t last = c.count() - 1;
  Type source = c.type(last);
  bool six = !is_integer(source) && source->size >= 16;
  e.zero(to, c.type()->size);
  Value family = c.count() > 1 ? e.resize(c.value64(0), 32, false) : e.imm(six ? AF_INET6 : AF_INET, 32);
  e.store(to, family, 0);
  if (is_integer(source)) {
    e.store(to, e.resize(c.value64(last), 32, false), 4);
    return;
  }
  Value address = c.address(last);
  e.copy(e.offset(to, uint64_t{4}), address, std::min<uint32_t>(source->size, 16));
}

void check_ntop(CallCheck& c) {
  Type t = c.type(c.count() - 1);
  if (t && !is_integer(t) && t->kind != Kind::array && !is_string(t)) c.diagnostics().report<Diag::address_argument>(c.arg(c.count() - 1).span, "ntop", family_name(t));
  bool bytes = t && (t->kind == Kind::array || is_string(t));
  if (bytes && t->size != 4 && t->size != 16) c.diagnostics().report<Diag::address_size>(c.arg(c.count() - 1).span, "ntop", "4 or 16", t->size);
}

void lower_macaddr(Emit& e, CallLower& c) {
  Type source = c.type(0);
  if (source->kind == Kind::array || is_string(source)) {
    e.copy(c.destination(), c.address(0), 6);
    return;
  }
  c.probe_read(c.destination(), 6, c.value64(0), space_of(c, source));
}

void check_macaddr(CallCheck& c) {
  Type t = c.type(0);
  if (t && (t->kind == Kind::array || is_string(t)) && t->size < 6) c.diagnostics().report<Diag::address_size>(c.arg(0).span, "macaddr", "6", t->size);
}

// The bytes of an address in network order: 4, 16, or none if the text is no address.
std::string parse_address(const std::string& text) {
  std::string bytes(sizeof(in6_addr), '\0');
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) bytes.resize(sizeof(in_addr));
  else if (inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) bytes.clear();
  return bytes;
}

Type pton_type(CallCheck& c) {
  size_t size = c.count() ? parse_address(c.string(0).value_or("")).size() : 0;
  return c.types().array(c.types().integer(1, false), size ? static_cast<uint32_t>(size) : sizeof(in_addr));
}

void check_pton(CallCheck& c) {
  if (auto text = c.string(0); text && parse_address(*text).empty()) c.diagnostics().report<Diag::valid_address>(c.arg(0).span, *text);
}

void lower_pton(Emit& e, CallLower& c) {
  std::string bytes = parse_address(*literal_string(c.arg(0)));
  e.copy(c.destination(), e.bytes(bytes), static_cast<uint32_t>(bytes.size()));
}

// What the verifier knows to be a socket or a packet: pointers of programs that read the kernel's types directly.
void check_direct(CallCheck& c) {
  if (!c.context().direct_loads)
    c.diagnostics().report<Diag::only_with_probes>(c.expr().span, c.call().name, "'fentry', 'fexit' and other BTF", c.target().provider ? c.target().provider->name : "");
}

// Takes an event's way of its own: the kernel puts the packet, which may lie in pieces, behind what the program gives.
Value lower_skboutput(Emit& e, CallLower& c) {
  Value packet = c.place(1);
  Value length = e.binary(Op::bit_and, c.value64(2), e.imm(0xffffffff)), skip = e.resize(c.value64(3), 32, false);
  Value header = e.slot(artifact::packet_header);
  e.store(header, e.imm(static_cast<uint32_t>(c.call().site), 32), 0);
  e.store(header, skip, 4);
  e.store(header, e.helper(BPF_FUNC_ktime_get_boot_ns, {}, Effect::reads), 8);
  Value flags = e.binary(Op::bit_or, e.binary(Op::shl, length, e.imm(32)), e.imm(BPF_F_CURRENT_CPU));
  return c.check_sent(e.helper(BPF_FUNC_skb_output, {packet, e.named_map(artifact::packets_map), flags, header, e.imm(artifact::packet_header)}));
}

const Builtin rows[] = {
    {.name = "ntop",
     .signature = "ntop(any address) -> inet | ntop(int family, any address) -> inet",
     .doc = "An IPv4 address (integer in memory order, or 4 bytes) or IPv6 address (16 bytes) as text.",
     .example = "begin { print(ntop(0x0100007f)) }",
     .prints = "127.0.0.1",
     .infer = [](CallCheck& c) { return c.types().simple(Kind::inet); },
     .check = check_ntop,
     .lower_into = lower_ntop},
    {.name = "macaddr",
     .signature = "macaddr(any address) -> macaddr",
     .doc = "Six bytes as the text of a hardware address.",
     .example = "begin { print(macaddr(\"abcdef\")) }",
     .prints = "61:62:63:64:65:66",
     .infer = [](CallCheck& c) { return c.types().simple(Kind::macaddr); },
     .check = check_macaddr,
     .lower_into = lower_macaddr},
    {.name = "pton",
     .signature = "pton(literal string address) -> uint8[]",
     .doc = "An IPv4 or IPv6 address as an array of 4 or 16 bytes in network order.",
     .example = "begin { print(ntop(pton(\"127.0.0.1\"))) }",
     .prints = "127.0.0.1",
     .infer = pton_type,
     .check = check_pton,
     .lower_into = lower_pton},
    {.name = "socket_cookie",
     .signature = "socket_cookie(pointer socket) -> uint64",
     .doc = "A number that names a socket (struct sock *) as long as the machine runs; 0 for a null pointer.",
     .example = "fentry:tcp_connect { print(socket_cookie(args.sk)) }",
     .flags = BuiltinFlag::needs_probe,
     .check = check_direct,
     .plan = [](CallCheck&, PlanCall& plan) { plan.need(Feature::socket_cookie, "socket_cookie()"); },
     .lower = [](Emit& e, CallLower& c) { return e.helper(BPF_FUNC_get_socket_cookie, {c.place(0)}, Effect::reads); }},
    {.name = "skboutput",
     .signature = "skboutput(literal string path, pointer packet, int length, int offset) -> uint32",
     .doc = "Adds `length` bytes of a packet (struct sk_buff *) to a pcap file of IP packets, without the first `offset` (14 are those of an Ethernet header); 0 if that went well.",
     .example = "fentry:__netif_receive_skb { skboutput(\"received.pcap\", args.skb, args.skb.len, 0) }",
     .flags = BuiltinFlag::async | BuiltinFlag::needs_probe,
     .action = artifact::Action::skboutput,
     .check = check_direct,
     .plan = [](CallCheck& c, PlanCall& plan) { plan.site().text = c.string(0).value_or(""); },
     .lower = lower_skboutput},
};

}  // namespace

std::span<const Builtin> network_rows() { return rows; }

}  // namespace awl
