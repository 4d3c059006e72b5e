#include <gtest/gtest.h>

#include "base/glob.h"
#include "base/near_names.h"
#include "base/result.h"

namespace awl {
namespace {

TEST(Glob, StarsStandForAnyRun) {
  EXPECT_TRUE(glob_match("tcp_*", "tcp_sendmsg"));
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("**", "x"));
  EXPECT_TRUE(glob_match("*_*_*", "a_b_c"));
  EXPECT_TRUE(glob_match("a*b*c", "a.b.b.c"));
  EXPECT_TRUE(glob_match("", ""));
  EXPECT_FALSE(glob_match("tcp_*", "udp_sendmsg"));
  EXPECT_FALSE(glob_match("", "x"));
  EXPECT_FALSE(glob_match("a*b", "a"));
  EXPECT_FALSE(glob_match("*a", "ab"));
}

TEST(Glob, NothingElseIsSpecial) {
  EXPECT_TRUE(glob_match("a?[b]\\", "a?[b]\\"));
  EXPECT_FALSE(glob_match("a?", "ab"));
  EXPECT_FALSE(is_glob("a?"));
  EXPECT_TRUE(is_glob("a*"));
}

TEST(Glob, IsFastOnHostilePatterns) {
  std::string pattern, text(20000, 'a');
  for (int i = 0; i < 100; ++i) pattern += "a*";
  EXPECT_FALSE(glob_match(pattern + "b", text));
}

TEST(NearestName, FindsSlips) {
  constexpr std::string_view names[] = {"printf", "print", "strftime", "count", "kstack", "ustack"};
  EXPECT_EQ(nearest_name("prinft", names), "printf");
  EXPECT_EQ(nearest_name("pritn", names), "print");
  EXPECT_EQ(nearest_name("strtime", names), "strftime");
  EXPECT_EQ(nearest_name("cuont", names), "count");
}

TEST(NearestName, LeavesStrangersAlone) {
  constexpr std::string_view names[] = {"printf", "count", "hist"};
  EXPECT_EQ(nearest_name("zebra", names), std::nullopt);
  EXPECT_EQ(nearest_name("x", names), std::nullopt);
  EXPECT_EQ(nearest_name("", names), std::nullopt);
  EXPECT_EQ(nearest_name("count", {}), std::nullopt);
}

TEST(Error, TellsWhatWasTried) {
  Error error = Error{2, "cannot open 'x'", "create it"}.context("reading the list");
  EXPECT_EQ(error.text(), "reading the list: cannot open 'x' (No such file or directory)");
  EXPECT_EQ((Error{0, "odd", {}}.text()), "odd");
  auto failed = [&]() -> Result<int> { return fail(22, "bad {}", 7); }();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, 22);
  EXPECT_EQ(failed.error().message, "bad 7");
}

}  // namespace
}  // namespace awl
