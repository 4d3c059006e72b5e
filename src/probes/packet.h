#pragma once
// The headers of network packets that scripts can look at: `ip.saddr`, `tcp.dest`. Layouts are those of the wire, which no kernel changes.
#include <cstdint>
#include <span>
#include <string_view>

namespace awl {

struct PacketField {
  enum class Form : uint8_t {
    number,   // big-endian in the packet, read in the machine's order
    address,  // an integer kept in memory order, as ntop() takes it
    bytes,    // an array of bytes
    length,   // of the whole packet; not in any header
  };
  std::string_view name;
  uint8_t offset = 0, size = 0;  // bytes
  Form form = Form::number;
  uint8_t shift = 0, bits = 0;   // bits != 0: the number is (value >> shift) cut to so many bits
};

struct PacketView {
  enum class Kind : uint8_t { eth, vlan, ip, ip6, tcp, udp, icmp, icmp6, whole };
  Kind kind{};
  std::string_view name;
  uint8_t size = 0;  // bytes that must be there
  bool link_layer = false;
  std::span<const PacketField> fields;
};

std::span<const PacketView> packet_views();
// Null for names that are no view.
const PacketView* find_packet_view(std::string_view name);
const PacketField* find_packet_field(const PacketView& view, std::string_view name);

}  // namespace awl
