#include "runtime/pins.h"

#include <gtest/gtest.h>

#include <memory>

namespace awl {
namespace {

struct Closer {
  void operator()(btf* types) const { btf__free(types); }
};

TEST(Pins, LayoutTellsApartWhatIsLaidOutOtherwise) {
  std::unique_ptr<btf, Closer> types(btf__new_empty());
  btf* t = types.get();
  const int u64 = btf__add_int(t, "unsigned long", 8, 0), i64 = btf__add_int(t, "long", 8, BTF_INT_SIGNED), index = btf__add_int(t, "index", 4, 0), truth = btf__add_int(t, "bool", 1, BTF_INT_BOOL);
  const int text = btf__add_array(t, index, i64, 3);
  const int sum = btf__add_struct(t, "awl_sum", 16);
  btf__add_field(t, "total", u64, 0, 0);
  btf__add_field(t, "updates", u64, 64, 0);
  const int avg = btf__add_struct(t, "awl_avg", 16);
  btf__add_field(t, "total", u64, 0, 0);
  btf__add_field(t, "updates", u64, 64, 0);
  const int name = btf__add_typedef(t, "u64_t", u64);
  const auto layout = [&](int id) { return layout_text(t, static_cast<uint32_t>(id)); };
  EXPECT_EQ(layout(u64), "uint64");
  EXPECT_EQ(layout(i64), "int64");
  EXPECT_EQ(layout(truth), "bool");
  EXPECT_EQ(layout(text), "int64[3]");
  EXPECT_EQ(layout(sum), "awl_sum{uint64 total, uint64 updates}");
  EXPECT_NE(layout(sum), layout(avg));
  EXPECT_EQ(layout(name), layout(u64));
  EXPECT_EQ(layout(0), "?");
  EXPECT_EQ(layout(999), "?");
}

TEST(Pins, LayoutOfATypeThatHoldsItselfEnds) {
  std::unique_ptr<btf, Closer> types(btf__new_empty());
  const int inner = 2;  // the array that is added next
  ASSERT_EQ(btf__add_typedef(types.get(), "t", inner), 1);
  ASSERT_EQ(btf__add_array(types.get(), 1, 1, 1), 2);
  EXPECT_FALSE(layout_text(types.get(), 1).empty());
}

}  // namespace
}  // namespace awl
