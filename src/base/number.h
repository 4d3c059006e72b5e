#pragma once
#include <cstdint>
#include <expected>
#include <string_view>
#include <system_error>

namespace awl {

// A whole number as parameters and files of elements have it.
struct WrittenNumber {
  uint64_t magnitude = 0;
  bool negative = false;
  // In two's complement.
  uint64_t value() const { return negative ? 0 - magnitude : magnitude; }
};

// Digits, or 0x and hexadecimal digits, with a minus sign in front or none. invalid_argument: it is no number; result_out_of_range: one of more than 64 bits.
std::expected<WrittenNumber, std::errc> read_number(std::string_view text);

}  // namespace awl
