#include "base/short_bytes.h"

#include <gtest/gtest.h>

#include <numeric>

namespace awl {
namespace {

std::vector<uint8_t> bytes(size_t count) {
  std::vector<uint8_t> made(count);
  std::iota(made.begin(), made.end(), uint8_t{1});
  return made;
}

std::vector<uint8_t> content(std::span<const uint8_t> from) { return {from.begin(), from.end()}; }

// On both sides of the length that needs memory of its own.
TEST(ShortBytes, HoldWhatTheyAreGiven) {
  for (size_t count : {size_t{0}, size_t{1}, ShortBytes::room, ShortBytes::room + 1, size_t{1000}}) {
    ShortBytes held(bytes(count));
    EXPECT_EQ(held.size(), count);
    EXPECT_EQ(held.empty(), count == 0);
    EXPECT_EQ(content(held), bytes(count));
  }
}

TEST(ShortBytes, AreCopiedMovedAndAssigned) {
  for (size_t count : {ShortBytes::room, ShortBytes::room + 1}) {
    ShortBytes first(bytes(count)), copy(first), moved(std::move(first));
    EXPECT_EQ(content(copy), bytes(count));
    EXPECT_EQ(content(moved), bytes(count));
    EXPECT_EQ(copy, moved);
    for (size_t other : {size_t{3}, size_t{100}}) {
      ShortBytes target(bytes(other));
      target = copy;
      EXPECT_EQ(content(target), bytes(count));
      target = ShortBytes(bytes(other));
      EXPECT_EQ(content(target), bytes(other));
    }
    const ShortBytes& itself = copy;
    copy = itself;
    EXPECT_EQ(content(copy), bytes(count));
  }
  EXPECT_FALSE(ShortBytes({1, 2}) == ShortBytes({1, 3}));
}

}  // namespace
}  // namespace awl
