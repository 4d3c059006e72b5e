#include <gmock/gmock.h>

#include "world.h"

namespace awl {
namespace {

using testing::HasSubstr;

TEST(OwnProbes, Forms) {
  EXPECT_EQ(normalised("self:signal:SIGUSR1"), "self:signal:SIGUSR1");
  EXPECT_EQ(normalised("self:signal:SIGUSR2"), "SIGUSR2 is not a supported signal\n");
  EXPECT_EQ(normalised("self:x:SIGUSR1"), "x is not a supported trigger\n");
  EXPECT_EQ(normalised("test:a"), "test:a");
  EXPECT_EQ(normalised("bench:a"), "bench:a");
  EXPECT_EQ(normalised("test:"), "test probe type does not accept an empty name\n");
  EXPECT_EQ(normalised("bench"), "bench probe type requires 1 arguments, found 0\n");
  EXPECT_EQ(find_provider("test")->runs, Runs::as_test);
  EXPECT_EQ(find_provider("bench")->runs, Runs::as_benchmark);
  EXPECT_EQ(find_provider("self")->runs, Runs::on_signal);
}

TEST(Iterator, Forms) {
  EXPECT_EQ(normalised("iter:task"), "iter:task");
  EXPECT_EQ(normalised("it:task:list"), "iter:task:list");
  EXPECT_EQ(normalised("iter:task:/sys/fs/bpf/list"), "iter:task:/sys/fs/bpf/list");
  EXPECT_EQ(normalised("iter:task:/tmp/list"), "/tmp/list is not a place below /sys/fs/bpf\n");
  EXPECT_EQ(normalised("iter:task:../list"), "../list is not a place below /sys/fs/bpf\n");
  EXPECT_EQ(normalised("iter:task:"), "iter probe type does not accept an empty pin\n");
  EXPECT_EQ(normalised("iter"), "iter probe type requires 1 or 2 arguments, found 0\n");
  EXPECT_TRUE(find_provider("iter")->stands_alone);
}

TEST(Iterator, MatchesAndContext) {
  FakeHost host;
  host.vmlinux = make_sample_btf();
  const Provider& iter = *find_provider("iter");
  auto matches = iter.match({&iter, {"t*k"}}, host);
  ASSERT_TRUE(matches);
  ASSERT_EQ(matches->size(), 1u);
  EXPECT_EQ(matches->front().text(), "iter:task");
  EXPECT_TRUE(iter.match({&iter, {"tusk"}}, host)->empty());
  auto context = iter.context(matches->front(), host);
  ASSERT_TRUE(context);
  ASSERT_TRUE(context->whole);
  EXPECT_EQ(context->whole->id, static_cast<uint32_t>(btf__find_by_name_kind(host.vmlinux, "bpf_iter__task", BTF_KIND_STRUCT)));
  EXPECT_EQ(iter.section(matches->front()), "iter/task");
}

TEST(Iterator, RunOrPinned) {
  FakeHost host;
  const Provider& iter = *find_provider("iter");
  const Target plain{&iter, {"task"}}, pinned{&iter, {"task", "list"}};
  ASSERT_TRUE(iter.iterate({.program = 3, .matches = std::span(&plain, 1)}, host));
  auto pin = iter.iterate({.program = 3, .matches = std::span(&pinned, 1)}, host);
  ASSERT_TRUE(pin);
  EXPECT_EQ(pin->pin, "/sys/fs/bpf/list");
  EXPECT_EQ(host.attached, (std::vector<std::string>{"iterator", "iterator pinned to /sys/fs/bpf/list"}));
}

TEST(ProgramFunctions, Match) {
  FakeHost host;
  host.loaded_functions = {{7, "one"}, {7, "helper"}, {12, "one"}};
  const Provider& fentry = *find_provider("fentry");
  EXPECT_EQ(normalised("fentry:bpf:one"), "fentry:bpf:one");
  EXPECT_EQ(normalised("fexit:bpf:7:one"), "fexit:bpf:7:one");
  EXPECT_EQ(normalised("fentry:bpf:x:one"), "x is not the id of a BPF program\n");
  EXPECT_EQ(normalised("fentry:bpf"), "fentry probe type requires 2 or 3 arguments, found 1\n");
  EXPECT_EQ(normalised("fentry:a:b:c"), "fentry probe type requires 1 or 2 arguments, found 3\n");
  auto names = [&](std::vector<std::string> parts) {
    std::string text;
    auto found = fentry.match({&fentry, std::move(parts)}, host);
    if (found)
      for (const Target& target : *found) text += target.text() + " ";
    return text;
  };
  EXPECT_EQ(names({"bpf", "one"}), "fentry:bpf:12:one fentry:bpf:7:one ");
  EXPECT_EQ(names({"bpf", "7", "*"}), "fentry:bpf:7:helper fentry:bpf:7:one ");
  EXPECT_EQ(names({"bpf", "*", "h*"}), "fentry:bpf:7:helper ");
  EXPECT_EQ(names({"bpf", "8", "*"}), "");
  EXPECT_EQ(fentry.section({&fentry, {"bpf", "7", "one"}}), "fentry");
}

}  // namespace
}  // namespace awl
