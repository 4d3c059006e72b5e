#include "probes/list_types.h"

#include "fake_host.h"
#include "gtest/gtest.h"

namespace awl {
namespace {

TEST(ListTypes, IsAskedByKeyword) {
  EXPECT_TRUE(is_type_search("struct task_struct"));
  EXPECT_TRUE(is_type_search("enum *"));
  EXPECT_FALSE(is_type_search("structure"));
  EXPECT_FALSE(is_type_search("tracepoint:sched:*"));
}

TEST(ListTypes, NamesByPattern) {
  FakeHost host;
  host.vmlinux = make_sample_btf();
  EXPECT_EQ(list_types("struct task_st*", false, host).value(), std::vector<std::string>{"struct task_struct"});
  EXPECT_TRUE(list_types("union task_struct", false, host)->empty());
  EXPECT_TRUE(list_types("struct nothing*", true, host)->empty());
}

TEST(ListTypes, DefinitionsStandBehindTheirOrigin) {
  FakeHost host;
  host.vmlinux = make_sample_btf();
  auto lines = list_types("struct list_head", true, host).value();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(lines[0].starts_with("vmlinux: struct list_head {\n\tstruct list_head *next;\n")) << lines[0];
  EXPECT_TRUE(lines[0].ends_with("\n};\n")) << lines[0];
  // One that holds others: only itself is shown.
  auto task = list_types("struct task_struct", true, host).value();
  ASSERT_EQ(task.size(), 1u);
  EXPECT_EQ(task[0].find("struct list_head {"), std::string::npos);
  EXPECT_NE(task[0].find("\tunsigned int flag_b: 3;\n"), std::string::npos) << task[0];
}

TEST(ListTypes, NoBtfIsAnError) {
  FakeHost host;
  EXPECT_FALSE(list_types("struct x", false, host).has_value());
}

}  // namespace
}  // namespace awl
