#include "probes/kernel_facts.h"

#include "fake_host.h"
#include "gtest/gtest.h"

namespace awl {
namespace {

struct KernelFacts : testing::Test {
  FakeHost host;
  KernelFacts() { host.vmlinux = make_sample_btf(); }
  bool holds(const std::string& question) { return kernel_fact(question, host).value(); }
};

TEST_F(KernelFacts, Types) {
  EXPECT_TRUE(holds(type_question("struct task_struct")));
  EXPECT_TRUE(holds(type_question("enum pid_type")));
  EXPECT_FALSE(holds(type_question("union task_struct")));
  EXPECT_FALSE(holds(type_question("struct nosuch")));
}

TEST_F(KernelFacts, FieldsAlsoInAnonymousMembersAndByPath) {
  EXPECT_TRUE(holds(field_question("struct task_struct", "__state")));
  EXPECT_FALSE(holds(field_question("struct task_struct", "state")));
  EXPECT_TRUE(holds(field_question("struct task_struct", "deep")));
  EXPECT_TRUE(holds(field_question("struct task_struct", "tasks.next")));
  EXPECT_FALSE(holds(field_question("struct task_struct", "tasks.nosuch")));
  EXPECT_FALSE(holds(field_question("struct nosuch", "a")));
}

TEST_F(KernelFacts, Probes) {
  EXPECT_TRUE(holds(probe_question("fentry:vfs_read")));
  EXPECT_FALSE(holds(probe_question("fentry:nosuch")));
  EXPECT_FALSE(holds(probe_question("nosuch:a")));
  EXPECT_TRUE(holds(probe_question("interval:s:1")));
}

TEST_F(KernelFacts, WhatIsNoQuestionFails) {
  EXPECT_FALSE(kernel_fact("what is it", host).has_value());
  EXPECT_FALSE(kernel_fact("type nothing", host).has_value());
  EXPECT_FALSE(kernel_fact("field x", host).has_value());
}

}  // namespace
}  // namespace awl
