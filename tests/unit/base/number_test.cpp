#include "base/number.h"

#include <gtest/gtest.h>

namespace awl {
namespace {

TEST(ReadNumber, DecimalAndHexadecimal) {
  EXPECT_EQ(read_number("12").value().value(), 12U);
  EXPECT_EQ(read_number("-12").value().value(), static_cast<uint64_t>(-12));
  EXPECT_EQ(read_number("0xFf").value().value(), 255U);
  EXPECT_EQ(read_number("-0X10").value().magnitude, 16U);
  EXPECT_EQ(read_number("18446744073709551615").value().value(), UINT64_MAX);
}

TEST(ReadNumber, Mistakes) {
  for (const char* text : {"", "-", "0x", "x", "1x", "--1", " 1", "1 ", "99999999999999999999x"}) EXPECT_EQ(read_number(text).error(), std::errc::invalid_argument) << text;
  for (const char* text : {"18446744073709551616", "-0x10000000000000000"}) EXPECT_EQ(read_number(text).error(), std::errc::result_out_of_range) << text;
}

}  // namespace
}  // namespace awl
