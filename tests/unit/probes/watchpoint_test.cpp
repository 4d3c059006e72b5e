#include <gmock/gmock.h>

#include "world.h"

namespace awl {
namespace {

using testing::HasSubstr;

struct Watchpoint : testing::Test {
  FakeHost host;
  void SetUp() override {
    host.symbols["jiffies"] = 0xffff0010;
    host.elf["/bin/shop"] = {{"stock", 0x4010, 0, 8}};
    host.files["/bin/shop"] = "";
    host.executables = {"/bin/shop"};
    host.files["/proc/7/maps"] = "55550000-55551000 r--p 00000000 08:01 9    /bin/shop\n55551000-55552000 r-xp 00001000 08:01 9    /bin/shop\n";
  }
};

TEST_F(Watchpoint, Parse) {
  EXPECT_EQ(normalised("w:0x1000:8:w"), "watchpoint:0x1000:8:w");
  EXPECT_EQ(normalised("watchpoint:0x1000:4:wr"), "watchpoint:0x1000:4:wr");
  EXPECT_EQ(normalised("watchpoint:0x1000:3:w"), "watchpoint length must be one of (1,2,4,8)\n");
  EXPECT_EQ(normalised("watchpoint:0x1000:8:q"), "invalid watchpoint mode: q\n");
  EXPECT_EQ(normalised("watchpoint:0x1000:8:r"), "invalid watchpoint mode: r\n");
  EXPECT_EQ(normalised("watchpoint:0x1000:8:ww"), "watchpoint mode must be combination of (r,w,x)\n");
  EXPECT_EQ(normalised("watchpoint:0x1000:8"), "watchpoint probe type requires 3 or 4 arguments, found 2\n");
  EXPECT_THAT(normalised("watchpoint:0x1001:8:w"), HasSubstr("divisible by 8"));
  EXPECT_THAT(normalised("watchpoint:0:8:w"), HasSubstr("address 0"));
  EXPECT_THAT(normalised("watchpoint:0x10000:4:x"), HasSubstr("length 8"));
}

TEST_F(Watchpoint, Attach) {
  EXPECT_EQ(attachments_of("watchpoint:0x1000:8:w", host), "perf_event type 5 config 0 period 1 frequency 0 pid -1 cpus 0 1 watches 0x1000+8 2\n");
  EXPECT_EQ(attachments_of("watchpoint:jiffies:8:rw", host), "perf_event type 5 config 0 period 1 frequency 0 pid -1 cpus 0 1 watches 0xffff0010+8 3\n");
  EXPECT_EQ(attachments_of("watchpoint:/bin/shop:stock:4:w", host, false, 7),
            "perf_event type 5 config 0 period 1 frequency 0 pid 7 cpus watches 0x55554010+4 2\nperf_event type 5 config 0 period 1 frequency 0 pid 8 cpus watches 0x55554010+4 2\n");
  EXPECT_THAT(attachments_of("watchpoint:/bin/shop:stock:4:w", host), HasSubstr("differs from process to process"));
  EXPECT_THAT(attachments_of("watchpoint:nosuch:4:w", host), HasSubstr("no kernel symbol 'nosuch'"));
}

// Where it is comes from a running program: nothing is attached before.
TEST_F(Watchpoint, PlacedLater) {
  EXPECT_EQ(normalised("aw:/bin/shop:buy+arg0:8:w"), "asyncwatchpoint:/bin/shop:buy+arg0:8:w");
  EXPECT_THAT(normalised("w:@:8:w"), HasSubstr("@NAME"));
  EXPECT_THAT(normalised("w:/bin/shop:@x:8:w"), HasSubstr("without a binary"));
  EXPECT_EQ(attachments_of("w:/bin/shop:buy+arg0:8:w", host), "");
  EXPECT_EQ(attachments_of("w:@x:8:w", host), "");
  EXPECT_THAT(matches_of("w:buy+arg0:8:w", host), HasSubstr("which program has the function?"));
  host.process = 7;
  EXPECT_EQ(matches_of("w:buy+arg0:8:w", host), "watchpoint:buy+arg0:8:w");

  const Target target = *parse_point("w:/bin/shop:buy+arg12:4:rw").target;
  const std::optional<Placement> placement = target.provider->placement(target);
  ASSERT_TRUE(placement && placement->setter);
  EXPECT_EQ(placement->name, "watchpoint:/bin/shop:buy+arg12:4:rw");
  EXPECT_EQ(placement->setter->text(), "uprobe:/bin/shop:buy");
  EXPECT_EQ(placement->argument, "arg12");
  EXPECT_TRUE(placement->stops);
  EXPECT_TRUE(target.provider->needs_unsafe(target));
  EXPECT_EQ(target.provider->place_at(target, 0x7000).text(), "watchpoint:0x7000:4:rw");

  const Target named = *parse_point("w:@stock:8:w").target;
  EXPECT_EQ(named.provider->placement(named)->name, "stock");
  EXPECT_FALSE(named.provider->placement(named)->setter);
  EXPECT_FALSE(named.provider->needs_unsafe(named));
  const Target async = *parse_point("aw:/bin/shop:buy+arg0:8:w").target;
  EXPECT_FALSE(async.provider->placement(async)->stops);
  // An offset of a variable is none, nor is a name that only begins so.
  for (const char* text : {"w:/bin/shop:stock:8:w", "w:/bin/shop:stock+arg:8:w", "w:/bin/shop:stock+argx:8:w", "w:0x1000:8:w"}) {
    const Target fixed = *parse_point(text).target;
    EXPECT_FALSE(fixed.provider->placement(fixed)) << text;
  }
}

}  // namespace
}  // namespace awl
