#include <gmock/gmock.h>

#include "probes/list.h"
#include "world.h"

namespace awl {
namespace {

using testing::Contains;

TEST(Counter, Parse) {
  EXPECT_EQ(normalised("s:faults"), "software:faults");
  EXPECT_EQ(normalised("software:faults:1e3"), "software:faults:1000");
  EXPECT_EQ(normalised("software:faults:"), "software:faults");
  EXPECT_EQ(normalised("software:faults:0"), "software:faults");
  EXPECT_EQ(normalised("software:bogus"), "bogus is not a software probe\n");
  EXPECT_EQ(normalised("hardware:bogus:1"), "bogus is not a hardware probe\n");
  EXPECT_EQ(normalised("software:faults:x"), "Invalid count for software probe: invalid integer: x\n");
  EXPECT_EQ(normalised("software"), "software probe type requires 1 or 2 arguments, found 0\n");
  EXPECT_EQ(normalised("software:a:b:c"), "software probe type requires 1 or 2 arguments, found 3\n");
}

TEST(Counter, Attach) {
  FakeHost host;
  EXPECT_EQ(attachments_of("software:page-faults", host), "perf_event type 1 config 2 period 1 frequency 0 pid -1 cpus 0 1\n");
  EXPECT_EQ(attachments_of("hardware:instructions:50", host, false, 9), "perf_event type 0 config 1 period 50 frequency 0 pid 9 cpus\n");
}

TEST(Counter, List) {
  FakeHost host;
  EXPECT_THAT(list_probes("software:*", false, host).value(), Contains("software:cpu-clock:"));
  EXPECT_THAT(list_probes("h:*cycles", false, host).value(),
              testing::ElementsAre("hardware:bus-cycles:", "hardware:cpu-cycles:", "hardware:cycles:", "hardware:ref-cycles:"));
}

}  // namespace
}  // namespace awl
