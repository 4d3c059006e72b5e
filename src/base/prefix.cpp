#include "base/prefix.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>

namespace awl {

std::expected<Prefix, std::string> parse_prefix(std::string_view text) {
  constexpr unsigned mapped = 96;
  const size_t slash = text.find('/');
  const std::string written(text.substr(0, slash));
  Prefix made{};
  uint8_t* address = &made[4];
  const bool four = inet_pton(AF_INET, written.c_str(), address + mapped / 8) == 1;
  if (four) address[10] = address[11] = 0xff;
  else if (inet_pton(AF_INET6, written.c_str(), address) != 1) return std::unexpected("there is no address in front of the '/'");
  const unsigned most = four ? 32 : 128;
  unsigned bits = most;
  if (slash != text.npos) {
    const char* end = text.data() + text.size();
    auto [stop, error] = std::from_chars(text.data() + slash + 1, end, bits);
    if (error != std::errc() || stop != end || bits > most) return std::unexpected(fmt::format("its length must be 0 to {}", most));
  }
  if (four) bits += mapped;
  for (unsigned i = bits; i < 128; ++i) address[i / 8] = static_cast<uint8_t>(address[i / 8] & ~(0x80 >> i % 8));
  for (unsigned i = 0; i < 4; ++i) made[i] = static_cast<uint8_t>(bits >> 8 * i);
  return made;
}

}  // namespace awl
