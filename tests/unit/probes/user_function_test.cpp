#include <gmock/gmock.h>

#include "probes/list.h"
#include "world.h"

namespace awl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct UserFunction : testing::Test {
  FakeHost host;
  void SetUp() override {
    host.elf["/lib/libc.so.6"] = {{"calloc", 0x2000, 0x1000, 64}, {"malloc", 0x3000, 0x2000, 100}, {"malloc_trim", 0x4000, 0x3000, 10}};
    host.elf["/lib/libm.so.6"] = {{"malloc", 0x9000, 0x9000, 10}, {"sin", 0x9100, 0x9100, 10}};
    host.files["/lib/libc.so.6"] = host.files["/lib/libm.so.6"] = host.files["/lib/readme"] = "";
    host.binaries["libc"] = "/lib/libc.so.6";
    host.code["/lib/libc.so.6"] = std::string(0x4000, '\x90');  // nop
    host.executables = {"/lib/libc.so.6", "/lib/libm.so.6"};
  }
};

TEST_F(UserFunction, Parse) {
  EXPECT_EQ(normalised("u:libc:malloc"), "uprobe:libc:malloc");
  EXPECT_EQ(normalised("uprobe:libc:malloc+0x4"), "uprobe:libc:malloc+4");
  EXPECT_EQ(normalised("uprobe"), "uprobe probe type requires 2 or 3 arguments, found 0\n");
  EXPECT_EQ(normalised("uprobe:a"), "uprobe probe type requires 2 or 3 arguments, found 1\n");
  EXPECT_EQ(normalised("uretprobe:/bin/sh:main+4"), "Offset not allowed\n");
  EXPECT_EQ(normalised("uprobe:libc:malloc+0x"), "Invalid offset: invalid integer: \n");
  EXPECT_EQ(normalised("uprobe:/bin/sh:0"), "uprobe should be attached to a function and/or address\n");
  EXPECT_THAT(normalised("uprobe::main"), HasSubstr("empty binary"));
}

TEST_F(UserFunction, Match) {
  EXPECT_EQ(matches_of("uprobe:libc:malloc", host), "uprobe:/lib/libc.so.6:malloc");
  EXPECT_EQ(matches_of("uprobe:libc:mall*", host), "uprobe:/lib/libc.so.6:malloc uprobe:/lib/libc.so.6:malloc_trim");
  EXPECT_EQ(matches_of("uprobe:/lib/lib*:malloc", host), "uprobe:/lib/libc.so.6:malloc uprobe:/lib/libm.so.6:malloc");
  EXPECT_EQ(matches_of("uprobe:/l*b/*:sin", host), "uprobe:/lib/libm.so.6:sin");
  EXPECT_EQ(matches_of("uprobe:libc:nosuch", host), "");
  EXPECT_EQ(matches_of("uprobe:libc:malloc+4", host), "uprobe:/lib/libc.so.6:malloc+4");
  EXPECT_EQ(matches_of("uprobe:libc:0x3000", host), "uprobe:/lib/libc.so.6:0x3000");
  EXPECT_EQ(matches_of("uprobe:nosuch:x", host), "error: uprobe target file 'nosuch' does not exist or is not executable");
}

TEST_F(UserFunction, Attach) {
  EXPECT_EQ(attachments_of("uprobe:libc:malloc", host), "uprobe /lib/libc.so.6+0x2000 pid -1 cookie 0\n");
  EXPECT_EQ(attachments_of("uprobe:libc:malloc+4", host, false, 7), "uprobe /lib/libc.so.6+0x2004 pid 7 cookie 0\n");
  EXPECT_EQ(attachments_of("uretprobe:libc:malloc", host), "uretprobe /lib/libc.so.6+0x2000 pid -1 cookie 0\n");
  EXPECT_EQ(attachments_of("uprobe:libc:0x77", host), "uprobe /lib/libc.so.6+0x77 pid -1 cookie 0\n");
  EXPECT_THAT(attachments_of("uprobe:libc:malloc+100", host),
              HasSubstr("error: Offset outside the function bounds ('malloc' size is 100)"));
  EXPECT_EQ(attachments_of("uprobe:/lib/lib*:mall*", host, true, 9),
            "uprobe_multi /lib/libc.so.6 pid 9 0x2000=10 0x3000=11\nuprobe_multi /lib/libm.so.6 pid 9 0x9000=12\n");
  host.features.erase(Feature::uprobe_multi);
  EXPECT_EQ(attachments_of("uprobe:libc:mall*", host, true),
            "uprobe /lib/libc.so.6+0x2000 pid -1 cookie 10\nuprobe /lib/libc.so.6+0x3000 pid -1 cookie 11\n");
}

TEST_F(UserFunction, Registers) {
  EXPECT_TRUE(context_of("uprobe:libc:malloc", host)->user_pointers);
  EXPECT_TRUE(context_of("uretprobe:libc:malloc", host)->retval);
}

TEST_F(UserFunction, Listing) {
  add_events(host);
  host.vmlinux = make_sample_btf();
  host.functions = {"tcp_close", "vfs_read"};
  const auto list = [&](const std::string& search, bool verbose = false) {
    return list_probes(search, verbose, host).value_or(std::vector<std::string>{"error"});
  };
  EXPECT_THAT(list("uprobe:/lib/libc.so.6:*alloc"), ElementsAre("uprobe:/lib/libc.so.6:calloc", "uprobe:/lib/libc.so.6:malloc"));
  EXPECT_THAT(list("t:sched_sw*"), ElementsAre("tracepoint:sched:sched_switch"));
  EXPECT_THAT(list("sched_switch"), ElementsAre("rawtracepoint:vmlinux:sched_switch", "tracepoint:sched:sched_switch"));
  EXPECT_THAT(list("vfs_*"), ElementsAre("fentry:vmlinux:vfs_read", "fmod_ret:vmlinux:vfs_read", "kprobe:vfs_read"));
  EXPECT_THAT(list("interval:*,i:s:*"), ElementsAre("interval:hz:", "interval:ms:", "interval:s:", "interval:us:"));
  EXPECT_THAT(list("nosuch*"), ElementsAre());
  EXPECT_THAT(list("nosuch:*"), ElementsAre());
  EXPECT_THAT(list("fexit:vfs_read", true),
              ElementsAre("fexit:vmlinux:vfs_read", "    struct task_struct * file", "    char * buf", "    u64 count", "    int retval"));
  EXPECT_THAT(list("kprobe:vfs_read", true),
              ElementsAre("kprobe:vfs_read", "    struct task_struct * arg0", "    char * arg1", "    u64 arg2"));
  EXPECT_THAT(list("t:irq:*", true), ElementsAre("tracepoint:irq:irq_handler_entry", "    int irq", "    __data_loc char[] name"));
  EXPECT_THAT(list("t:sched:sched_wakeup", true), ElementsAre("tracepoint:sched:sched_wakeup", "    char comm[16]", "    pid_t pid"));
  host.tracefs_path.clear();
  EXPECT_THAT(list("t:sched_*"), ElementsAre("error"));
  EXPECT_THAT(list("sched_switch"), ElementsAre("rawtracepoint:vmlinux:sched_switch"));
}

TEST_F(UserFunction, NearestTarget) {
  add_events(host);
  if (!host.vmlinux) host.vmlinux = make_sample_btf();
  host.functions = {"tcp_close", "vfs_read"};
  const auto nearest = [&](std::string_view text) { return nearest_target(*parse_point(text).target, host).value_or("none"); };
  EXPECT_EQ(nearest("kprobe:vfs_raed"), "kprobe:vfs_read");
  EXPECT_EQ(nearest("tracepoint:sched:sched_swich"), "tracepoint:sched:sched_switch");
  EXPECT_EQ(nearest("tracepoint:shced:sched_switch"), "tracepoint:sched:sched_switch");
  EXPECT_EQ(nearest("kprobe:zzzzzzzzzz"), "none");
  // The module, which is not written, is no part that could be wrong.
  EXPECT_EQ(nearest("rawtracepoint:sched_swich"), "rawtracepoint:sched_switch");
  EXPECT_EQ(nearest("fentry:vfs_raed"), "fentry:vfs_read");
}

}  // namespace
}  // namespace awl
