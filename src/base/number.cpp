#include "base/number.h"

#include <charconv>

namespace awl {

std::expected<WrittenNumber, std::errc> read_number(std::string_view text) {
  WrittenNumber number{.negative = text.starts_with('-')};
  if (number.negative) text.remove_prefix(1);
  const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  if (hexadecimal) text.remove_prefix(2);
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number.magnitude, hexadecimal ? 16 : 10);
  if (stop != end) return std::unexpected(std::errc::invalid_argument);
  if (error != std::errc()) return std::unexpected(error);
  return number;
}

}  // namespace awl
