#include "runtime/stacks.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include "support.h"

namespace awl::test {
namespace {

using artifact::StackKey;

constexpr uint32_t value_bytes = 8 * 4;

struct StacksTest : ::testing::Test {
  void SetUp() override {
    map = bpf_map_create(BPF_MAP_TYPE_HASH, "stacks", sizeof(StackKey), value_bytes, 1024, nullptr);
    if (map < 0) GTEST_SKIP() << "needs root";
    stacks.open(map, value_bytes);
  }
  void TearDown() override {
    if (map >= 0) close(map);
  }
  StackKey store(uint64_t hash, std::initializer_list<uint64_t> frames) {
    Bytes value;
    for (uint64_t frame : frames) add(value, frame);
    StackKey key{.hash = hash, .frames = static_cast<uint32_t>(frames.size()), .frame_bytes = 8};
    value.resize(value_bytes, 0xff);  // old bytes behind the frames
    EXPECT_EQ(bpf_map_update_elem(map, &key, value.data(), BPF_ANY), 0);
    return key;
  }
  size_t stored() const {
    StackKey key, next;
    size_t count = 0;
    for (bool first = true; bpf_map_get_next_key(map, first ? nullptr : &key, &next) == 0; first = false, key = next) ++count;
    return count;
  }
  Bytes found(const StackKey& key) {
    auto frames = stacks.find(key);
    return {frames.begin(), frames.end()};
  }
  int map = -1;
  Stacks stacks;
};

TEST_F(StacksTest, FramesAreFoundInTheMapAndAfterCollecting) {
  StackKey one = store(1, {0x10}), two = store(2, {0x20, 0x21});
  EXPECT_EQ(found(one), bytes_of(uint64_t{0x10}));
  stacks.collect();
  EXPECT_EQ(stored(), 0u);
  EXPECT_EQ(found(one), bytes_of(uint64_t{0x10}));
  EXPECT_EQ(found(two), bytes_of(uint64_t{0x20}, uint64_t{0x21}));
  EXPECT_EQ(stacks.missing(), 0u);
}

TEST_F(StacksTest, ManyAreCollectedAtOnceAndAgain) {
  std::vector<StackKey> keys;
  for (int round = 0; round < 3; ++round) {
    for (uint64_t i = 0; i < 1000; ++i) keys.push_back(store(static_cast<uint64_t>(round) * 1000 + i, {i}));
    stacks.collect();
    EXPECT_EQ(stored(), 0u);
  }
  for (const StackKey& key : keys) EXPECT_EQ(found(key), bytes_of(key.hash % 1000));
  EXPECT_EQ(stacks.missing(), 0u);
}

TEST_F(StacksTest, AMissingStackIsCountedOnce) {
  StackKey key{.hash = 9, .frames = 1, .frame_bytes = 8};
  EXPECT_TRUE(found(key).empty());
  EXPECT_TRUE(found(key).empty());
  EXPECT_EQ(stacks.missing(), 1u);
}

TEST_F(StacksTest, MoreFramesThanTheValueHoldsEndWithIt) {
  StackKey key = store(1, {1, 2, 3, 4});
  StackKey odd{.hash = 1, .frames = UINT32_MAX, .frame_bytes = 8};
  ASSERT_EQ(bpf_map_update_elem(map, &odd, Bytes(value_bytes).data(), BPF_ANY), 0);
  EXPECT_EQ(found(odd).size(), value_bytes);
  EXPECT_EQ(found(key).size(), value_bytes);
}

}  // namespace
}  // namespace awl::test
