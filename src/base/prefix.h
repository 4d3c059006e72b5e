#pragma once
// Prefixes of addresses as text.
#include <array>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace awl {

// u32 bits (little-endian), then the address in network order with the bits behind the prefix zero; IPv4 lies in ::ffff:0:0/96, so its prefixes are
// 96 bits longer (artifact::Kind::cidr).
using Prefix = std::array<uint8_t, 20>;

// "10.0.0.0/8", "fd00::/16", or an address alone; otherwise what is wrong with it.
std::expected<Prefix, std::string> parse_prefix(std::string_view text);

}  // namespace awl
