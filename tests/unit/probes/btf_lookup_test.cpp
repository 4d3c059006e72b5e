#include "probes/btf_lookup.h"

#include <gmock/gmock.h>

#include "fake_host.h"

namespace awl {
namespace {

// Functions a0 ... a39 beside the sample types, and a module with a function a7 of its own.
struct BtfLookup : testing::Test {
  FakeHost host;
  btf* module = nullptr;
  uint32_t first = 0, own = 0;

  BtfLookup() {
    host.vmlinux = make_sample_btf();
    const int number = btf__find_by_name(host.vmlinux, "int");
    const int prototype = btf__add_func_proto(host.vmlinux, number);
    for (int i = 0; i < 40; ++i) {
      const int id = btf__add_func(host.vmlinux, fmt::format("a{}", i).c_str(), BTF_FUNC_STATIC, prototype);
      if (i == 0) first = static_cast<uint32_t>(id);
    }
    btf__add_func(host.vmlinux, "a5", BTF_FUNC_STATIC, prototype);  // a second one of that name
    module = btf__new_empty_split(host.vmlinux);
    own = static_cast<uint32_t>(btf__add_func(module, "a7", BTF_FUNC_STATIC, prototype));
    host.modules["mod"] = module;
  }
};

// The first questions are answered by looking at all types, later ones out of a table: both say the same.
TEST_F(BtfLookup, ManyQuestionsHaveTheAnswersOfTheFirst) {
  for (int round = 0; round < 2; ++round)
    for (uint32_t i = 0; i < 40; ++i) EXPECT_EQ(find_named(host.vmlinux, fmt::format("a{}", i), BTF_KIND_FUNC, host), first + i) << round;
  for (int round = 0; round < 20; ++round) {
    EXPECT_EQ(find_named(host.vmlinux, "a40", BTF_KIND_FUNC, host), 0u);
    EXPECT_EQ(find_named(host.vmlinux, "a1", BTF_KIND_STRUCT, host), 0u);
    EXPECT_EQ(find_named(host.vmlinux, "list_head", BTF_KIND_STRUCT, host), static_cast<uint32_t>(btf__find_by_name(host.vmlinux, "list_head")));
  }
}

TEST_F(BtfLookup, ModulesHaveTheirOwnNamesOnly) {
  for (int round = 0; round < 20; ++round) {
    EXPECT_EQ(find_named(module, "a7", BTF_KIND_FUNC, host), own);
    EXPECT_EQ(find_named(module, "a8", BTF_KIND_FUNC, host), 0u);
    EXPECT_FALSE(find_function(module, "a8", host));
    ASSERT_TRUE(find_function(module, "a7", host));
  }
}

TEST_F(BtfLookup, PrototypesOfFunctionsAndTypedefs) {
  for (int round = 0; round < 20; ++round) {
    EXPECT_TRUE(find_function(host.vmlinux, "vfs_read", host));
    const auto event = find_function_pointer(host.vmlinux, "btf_trace_sched_switch", host);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->parameters.size(), 4u);
    EXPECT_FALSE(find_function_pointer(host.vmlinux, "u64", host));
  }
}

}  // namespace
}  // namespace awl
