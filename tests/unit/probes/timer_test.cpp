#include <gmock/gmock.h>

#include "world.h"

namespace awl {
namespace {

using testing::HasSubstr;

TEST(Timer, Forms) {
  EXPECT_EQ(normalised("interval:s:1"), "interval:s:1");
  EXPECT_EQ(normalised("i:ms:1_000"), "interval:ms:1000");
  EXPECT_EQ(normalised("profile:us:1e3"), "profile:us:1000");
  EXPECT_EQ(normalised("P:hz:99"), "profile:hz:99");
  EXPECT_EQ(normalised("interval:10ms"), "interval:us:10000");
  EXPECT_EQ(normalised("interval:2s"), "interval:us:2000000");
  EXPECT_EQ(normalised("interval:1m"), "interval:us:60000000");
  EXPECT_EQ(normalised("interval:1d"), "interval:us:86400000000");
  EXPECT_EQ(normalised("interval:5000ns"), "interval:us:5");
  EXPECT_EQ(normalised("interval:1234567"), "interval:us:1234");
  EXPECT_EQ(normalised("interval:1e9"), "interval:us:1000000");
  EXPECT_EQ(normalised("interval:0x10000"), "interval:us:65");
  EXPECT_EQ(normalised("interval:ms:$1"), "interval:ms:$1");
}

TEST(Timer, Mistakes) {
  EXPECT_EQ(normalised("interval"), "interval probe type requires 1 or 2 arguments, found 0\n");
  EXPECT_EQ(normalised("interval:a:b:c"), "interval probe type requires 1 or 2 arguments, found 3\n");
  EXPECT_EQ(normalised("interval:S:5"), "S is not an accepted unit of time\n");
  EXPECT_EQ(normalised("interval:s:0"), "interval frequency should be a positive integer\n");
  EXPECT_EQ(normalised("profile:hz:-1"), "profile frequency should be a positive integer\n");
  EXPECT_EQ(normalised("interval:s:x"), "Invalid rate of interval probe: invalid integer: x\n");
  EXPECT_EQ(normalised("interval:ms:"), "Invalid rate of interval probe: invalid integer: \n");
  EXPECT_EQ(normalised("interval:5q"), "Invalid rate of interval probe: invalid trailing bytes: 5q\n");
  EXPECT_EQ(normalised("interval:5ns"), "Invalid rate of interval probe. Minimum is 1000 or 1us. Found: 5 nanoseconds\n");
  EXPECT_EQ(normalised("profile:5"), "Invalid rate of profile probe. Minimum is 1000 or 1us. Found: 5 nanoseconds\n");
  EXPECT_THAT(normalised("interval:hz:18446744073709551616"),
              HasSubstr("overflow error, maximum value is 18446744073709551615: 18446744073709551616"));
  EXPECT_THAT(normalised("interval:s:99999999999"), HasSubstr("longer than 292 years"));
  EXPECT_THAT(normalised("interval:99999999999999d"), HasSubstr("overflow error"));
}

TEST(Timer, Attach) {
  FakeHost host;
  host.cpus = {0, 2, 3};
  EXPECT_EQ(attachments_of("interval:s:2", host), "perf_event type 1 config 0 period 2000000000 frequency 0 pid -1 cpus 0\n");
  EXPECT_EQ(attachments_of("interval:s:2", host, false, 77), "perf_event type 1 config 0 period 2000000000 frequency 0 pid -1 cpus 0\n");
  EXPECT_EQ(attachments_of("profile:hz:99", host), "perf_event type 1 config 0 period 0 frequency 99 pid -1 cpus 0 2 3\n");
  EXPECT_EQ(attachments_of("profile:us:50", host, false, 77), "perf_event type 1 config 0 period 50000 frequency 0 pid 77 cpus\n");
  EXPECT_EQ(host.detached.size(), 4u);
}

TEST(Special, BeginAndEnd) {
  EXPECT_EQ(normalised("BEGIN"), "begin");
  EXPECT_EQ(normalised("end"), "end");
  EXPECT_EQ(normalised("begin:x"), "begin probe type requires 0 arguments, found 1\n");
  EXPECT_EQ(find_provider("Begin")->runs, Runs::at_start);
  EXPECT_EQ(find_provider("END")->runs, Runs::at_end);
}

TEST(Registry, RowsAreComplete) {
  for (const Provider* provider : providers()) {
    EXPECT_FALSE(provider->syntax.empty()) << provider->name;
    EXPECT_FALSE(provider->doc.empty()) << provider->name;
    EXPECT_FALSE(provider->example.empty()) << provider->name;
    EXPECT_TRUE(provider->parse && provider->match && provider->section) << provider->name;
    EXPECT_TRUE(provider->attach || provider->iterate || run_by_session(provider->runs)) << provider->name;
    EXPECT_EQ(find_provider(provider->name), provider);
    for (const std::string_view alias : provider->aliases) EXPECT_EQ(find_provider(alias), provider) << alias;
  }
  EXPECT_EQ(find_provider("nosuch"), nullptr);
  EXPECT_EQ(find_provider("kfunc"), find_provider("fentry"));
}

TEST(Registry, Numbers) {
  EXPECT_EQ(parse_unsigned("0"), 0u);
  EXPECT_EQ(parse_unsigned("010"), 8u);
  EXPECT_EQ(parse_unsigned("0xff"), 255u);
  EXPECT_EQ(parse_unsigned("1_0"), 10u);
  EXPECT_EQ(parse_unsigned("18446744073709551615"), UINT64_MAX);
  for (const char* bad : {"", "x", "0x", "-1", "1x", "1e99", "18446744073709551616", "_1", "1e"}) EXPECT_FALSE(parse_unsigned(bad)) << bad;
}

}  // namespace
}  // namespace awl
