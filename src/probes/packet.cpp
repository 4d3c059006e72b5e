#include "probes/packet.h"

namespace awl {
namespace {

using enum PacketField::Form;

// Names are those of the kernel's header structures, with the short ones that everybody uses beside them.
constexpr PacketField eth[] = {
    {"h_dest", 0, 6, bytes}, {"dst", 0, 6, bytes}, {"h_source", 6, 6, bytes}, {"src", 6, 6, bytes}, {"h_proto", 12, 2}, {"proto", 12, 2},
};
constexpr PacketField vlan[] = {
    {"tci", 0, 2}, {"id", 0, 2, number, 0, 12}, {"dei", 0, 2, number, 12, 1}, {"priority", 0, 2, number, 13, 3}, {"proto", 2, 2},
};
constexpr PacketField ip[] = {
    {"version", 0, 1, number, 4, 4}, {"ihl", 0, 1, number, 0, 4}, {"tos", 1, 1},      {"tot_len", 2, 2},       {"id", 4, 2},
    {"frag_off", 6, 2},              {"ttl", 8, 1},               {"protocol", 9, 1}, {"proto", 9, 1},         {"check", 10, 2},
    {"saddr", 12, 4, address},       {"src", 12, 4, address},     {"daddr", 16, 4, address}, {"dst", 16, 4, address},
};
constexpr PacketField ip6[] = {
    {"version", 0, 1, number, 4, 4}, {"tclass", 0, 2, number, 4, 8}, {"flow_lbl", 0, 4, number, 0, 20}, {"payload_len", 4, 2}, {"nexthdr", 6, 1},
    {"hop_limit", 7, 1},             {"saddr", 8, 16, bytes},        {"src", 8, 16, bytes},             {"daddr", 24, 16, bytes}, {"dst", 24, 16, bytes},
};
constexpr PacketField tcp[] = {
    {"source", 0, 2},                 {"sport", 0, 2},                 {"dest", 2, 2},                   {"dport", 2, 2},
    {"seq", 4, 4},                    {"ack_seq", 8, 4},               {"doff", 12, 1, number, 4, 4},    {"flags", 13, 1},
    {"fin", 13, 1, number, 0, 1},     {"syn", 13, 1, number, 1, 1},    {"rst", 13, 1, number, 2, 1},     {"psh", 13, 1, number, 3, 1},
    {"ack", 13, 1, number, 4, 1},     {"urg", 13, 1, number, 5, 1},    {"ece", 13, 1, number, 6, 1},     {"cwr", 13, 1, number, 7, 1},
    {"window", 14, 2},                {"check", 16, 2},                {"urg_ptr", 18, 2},
};
constexpr PacketField udp[] = {{"source", 0, 2}, {"sport", 0, 2}, {"dest", 2, 2}, {"dport", 2, 2}, {"len", 4, 2}, {"check", 6, 2}};
constexpr PacketField icmp[] = {{"type", 0, 1}, {"code", 1, 1}, {"checksum", 2, 2}, {"id", 4, 2}, {"sequence", 6, 2}, {"mtu", 6, 2}, {"gateway", 4, 4, address}};
constexpr PacketField icmp6[] = {{"type", 0, 1}, {"code", 1, 1}, {"checksum", 2, 2}, {"id", 4, 2}, {"sequence", 6, 2}, {"mtu", 4, 4}};
constexpr PacketField whole[] = {{"len", 0, 4, length}};

constexpr PacketView views[] = {
    {PacketView::Kind::eth, "eth", 14, true, eth},    {PacketView::Kind::vlan, "vlan", 4, true, vlan},  {PacketView::Kind::ip, "ip", 20, false, ip},
    {PacketView::Kind::ip6, "ip6", 40, false, ip6},   {PacketView::Kind::tcp, "tcp", 20, false, tcp},   {PacketView::Kind::udp, "udp", 8, false, udp},
    {PacketView::Kind::icmp, "icmp", 8, false, icmp}, {PacketView::Kind::icmp6, "icmp6", 8, false, icmp6}, {PacketView::Kind::whole, "pkt", 0, false, whole},
};

}  // namespace

std::span<const PacketView> packet_views() { return views; }

const PacketView* find_packet_view(std::string_view name) {
  for (const PacketView& view : views)
    if (view.name == name) return &view;
  return nullptr;
}

const PacketField* find_packet_field(const PacketView& view, std::string_view name) {
  for (const PacketField& field : view.fields)
    if (field.name == name) return &field;
  return nullptr;
}

}  // namespace awl
