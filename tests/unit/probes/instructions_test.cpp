#include "probes/instructions.h"

#include <gtest/gtest.h>

namespace awl {
namespace {

using std::literals::operator""sv;

TEST(Instructions, Begins) {
  constexpr std::string_view code = "\xf3\x0f\x1e\xfa\x55\x48\x89\xe5\xc3"sv;  // endbr64; push; mov; ret
  for (const uint64_t begin : {0, 4, 5, 8}) EXPECT_TRUE(instruction_begins_at(code, begin)) << begin;
  for (const uint64_t within : {1, 2, 3, 6, 7}) EXPECT_FALSE(instruction_begins_at(code, within)) << within;
  EXPECT_TRUE(instruction_begins_at("\x06\x06"sv, 1));  // no instructions of 64-bit code: nothing is known
}

TEST(Instructions, Returns) {
  EXPECT_EQ(return_instructions("\x74\x01\xc3\x48\x89\xe5\xc2\x08\x00"sv), (std::vector<uint64_t>{2, 6}));
  EXPECT_TRUE(return_instructions("\x48\x89\xe5"sv).empty());
  EXPECT_TRUE(return_instructions(""sv).empty());
}

}  // namespace
}  // namespace awl
