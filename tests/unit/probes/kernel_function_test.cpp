#include <gmock/gmock.h>

#include "world.h"

namespace awl {
namespace {

using testing::HasSubstr;

std::string section(std::string_view text) { return parse_point(text).target->provider->section(*parse_point(text).target); }

struct KernelFunction : testing::Test {
  FakeHost host;
  void SetUp() override {
    host.functions = {"do_exit", "fuse_open [fuse]", "fuse_open virtiofs", "tcp_close", "tcp_recvmsg", "tcp_sendmsg", "vfs_read"};
    host.vmlinux = make_sample_btf();
    host.symbols["__x64_sys_getppid"] = 0xffffffff81000000;
  }
};

TEST_F(KernelFunction, Parse) {
  EXPECT_EQ(normalised("k:vfs_read"), "kprobe:vfs_read");
  EXPECT_EQ(normalised("kprobe:fuse:fuse_open"), "kprobe:fuse:fuse_open");
  EXPECT_EQ(normalised("kprobe:vfs_read+0x10"), "kprobe:vfs_read+16");
  EXPECT_EQ(normalised("kprobe:vfs_read+0"), "kprobe:vfs_read");
  EXPECT_EQ(normalised("kprobe"), "kprobe probe type requires 1 or 2 arguments, found 0\n");
  EXPECT_EQ(normalised("kprobe:a:b:c"), "kprobe probe type requires 1 or 2 arguments, found 3\n");
  EXPECT_EQ(normalised("kprobe:vfs_read+foo"), "Invalid offset: invalid integer: foo\n");
  EXPECT_EQ(normalised("kprobe:vfs_read+*"), "Invalid offset: invalid integer: *\n");
  EXPECT_EQ(normalised("kretprobe:vfs_read+4"), "Offset not allowed\n");
  EXPECT_THAT(normalised("kprobe:"), HasSubstr("empty function"));
  EXPECT_THAT(normalised("kprobe:0xzz"), HasSubstr("Invalid address"));
}

TEST_F(KernelFunction, AddressNeedsUnsafe) {
  const auto target = parse_point("kprobe:0xffffffff81000000").target;
  ASSERT_TRUE(target);
  EXPECT_TRUE(target->provider->needs_unsafe(*target));
  EXPECT_FALSE(target->provider->needs_unsafe(*parse_point("kprobe:vfs_read").target));
  EXPECT_EQ(attachments_of("kprobe:0x10", host), "kprobe +16 cookie 0\n");
}

TEST_F(KernelFunction, Match) {
  EXPECT_EQ(matches_of("kprobe:tcp_close", host), "kprobe:tcp_close");
  EXPECT_EQ(matches_of("kprobe:nosuch", host), "");
  EXPECT_EQ(matches_of("kprobe:tcp_*msg", host), "kprobe:tcp_recvmsg kprobe:tcp_sendmsg");
  EXPECT_EQ(matches_of("kprobe:fuse:*", host), "kprobe:fuse:fuse_open");
  EXPECT_EQ(matches_of("kprobe:fuse_open", host), "kprobe:fuse:fuse_open kprobe:virtiofs:fuse_open");
  EXPECT_EQ(matches_of("kprobe:vmlinux:tcp_c*", host), "kprobe:vmlinux:tcp_close");
  EXPECT_EQ(matches_of("kprobe:tcp_close+8", host), "kprobe:tcp_close+8");
  EXPECT_EQ(matches_of("kprobe:__x64_sys_getppid", host), "kprobe:__x64_sys_getppid");
}

TEST_F(KernelFunction, AttachMulti) {
  EXPECT_EQ(attachments_of("kprobe:tcp_*", host, true), "kprobe_multi tcp_close=10 tcp_recvmsg=11 tcp_sendmsg=12\n");
  EXPECT_EQ(attachments_of("kretprobe:tcp_*", host), "kretprobe_multi tcp_close=0 tcp_recvmsg=0 tcp_sendmsg=0\n");
  EXPECT_EQ(attachments_of("kprobe:tcp_close", host), "kprobe tcp_close+0 cookie 0\n");
  host.features.erase(Feature::kprobe_multi);
  EXPECT_EQ(attachments_of("kprobe:tcp_*msg", host, true), "kprobe tcp_recvmsg+0 cookie 10\nkprobe tcp_sendmsg+0 cookie 11\n");
}

TEST_F(KernelFunction, AttachMultiByAddresses) {
  host.functions = {"fuse_open [fuse]", "tcp_close", "type_show", "type_show", "type_store"};
  host.files["/proc/kallsyms"] =
      "ffffffff81000000 t type_show\nffffffff81000040 t type_show\nffffffff81000080 t type_show\nffffffff810000c0 T type_store\n"
      "ffffffff810000f0 d type_show\nffffffffc0000000 t fuse_open\t[fuse]\nffffffffc0000100 t type_show\t[fuse]\n";
  // Names alone where the kernel does not tell addresses.
  EXPECT_EQ(attachments_of("kprobe:type_*", host, true), "kprobe_multi type_show=10 type_store=11\n");
  // The second of that name cannot be traced; the third starts with endbr64.
  host.files["/sys/kernel/tracing/available_filter_functions_addrs"] =
      "ffffffff81000000 type_show\nffffffff81000084 type_show\nffffffff810000c4 type_store\nffffffffc0000004 fuse_open [fuse]\nffffffffc0000104 type_show [fuse]\n";
  EXPECT_EQ(attachments_of("kprobe:type_*", host, true), "kprobe_multi type_show=10@ffffffff81000000 type_show=10@ffffffff81000080 type_store=11@ffffffff810000c0\n");
  // Names that are unique are enough.
  EXPECT_EQ(attachments_of("kprobe:t*e", host), "kprobe_multi tcp_close=0 type_store=0\n");
  // One name in the kernel and in a module.
  host.functions = {"fuse_open [fuse]", "type_show", "type_show [fuse]"};
  EXPECT_EQ(attachments_of("kprobe:*:*_*", host), "kprobe_multi fuse_open=0@ffffffffc0000000 type_show=0@ffffffffc0000100 type_show=0@ffffffff81000000 type_show=0@ffffffff81000080\n");
}

TEST_F(KernelFunction, AttachSession) {
  const Provider& kprobe = *find_provider("kprobe");
  const auto matches = kprobe.match({&kprobe, {"tcp_*msg"}}, host);
  EXPECT_FALSE(kprobe.session->usable(*matches, host));
  host.features.insert(Feature::kprobe_session);
  EXPECT_TRUE(kprobe.session->usable(*matches, host));
  EXPECT_FALSE(kprobe.session->usable(std::span(*matches).first(1), host));
  ASSERT_TRUE(kprobe.attach({.program = 5, .matches = *matches, .cookies = true, .session = true}, host));
  EXPECT_EQ(host.attached.back(), "kprobe_session tcp_recvmsg=0 tcp_sendmsg=1");
  host.features.erase(Feature::kprobe_multi);
  EXPECT_FALSE(kprobe.session->usable(*matches, host));
}

TEST_F(KernelFunction, AttachInModules) {
  EXPECT_EQ(attachments_of("kprobe:fuse_*", host), "kprobe fuse:fuse_open+0 cookie 0\nkprobe virtiofs:fuse_open+0 cookie 0\n");
  // Names that stand for one function each need no module.
  EXPECT_EQ(attachments_of("kprobe:vmlinux:tcp_*msg", host), "kprobe_multi tcp_recvmsg=0 tcp_sendmsg=0\n");
  EXPECT_EQ(attachments_of("kretprobe:vmlinux:tcp_close", host), "kretprobe tcp_close+0 cookie 0\n");
  EXPECT_EQ(attachments_of("kprobe:tcp_close+8", host), "kprobe tcp_close+8 cookie 0\n");
}

TEST_F(KernelFunction, Registers) {
  const auto entry = context_of("kprobe:vfs_read", host);
  ASSERT_EQ(entry->positional.size(), 6u);
  EXPECT_EQ(std::get<RegisterAccess>(entry->positional[0]).offset, 112u);
  EXPECT_EQ(std::get<RegisterAccess>(entry->positional[5]).offset, 64u);
  EXPECT_TRUE(entry->registers);
  EXPECT_FALSE(entry->has_args);
  EXPECT_FALSE(entry->user_pointers);
  const auto exit = context_of("kretprobe:vfs_read", host);
  EXPECT_TRUE(exit->positional.empty());
  EXPECT_EQ(std::get<RegisterAccess>(exit->retval->access).offset, 80u);
}

TEST_F(KernelFunction, Sections) {
  EXPECT_EQ(section("kprobe:vfs_read"), "kprobe/vfs_read");
  EXPECT_EQ(section("kretprobe:vfs_*"), "kretprobe");
  EXPECT_EQ(section("fentry:vmlinux:vfs_read"), "fentry/vfs_read");
  EXPECT_EQ(section("rawtracepoint:vmlinux:sched_switch"), "tp_btf/sched_switch");
}

TEST_F(KernelFunction, TracedFunctions) {
  EXPECT_EQ(matches_of("fentry:vfs_read", host), "fentry:vmlinux:vfs_read");
  EXPECT_EQ(matches_of("kretfunc:vmlinux:vfs_*", host), "fexit:vmlinux:vfs_read");
  EXPECT_EQ(matches_of("fentry:nosuch", host), "");
  EXPECT_EQ(matches_of("fentry:other:vfs_read", host), "");
  EXPECT_THAT(normalised("fentry"), HasSubstr("fentry probe type requires"));
  host.functions.clear();
  EXPECT_EQ(matches_of("fentry:vfs_*", host), "");
  const auto context = context_of("fexit:vmlinux:vfs_read", host);
  ASSERT_TRUE(context);
  ASSERT_EQ(context->args.size(), 3u);
  EXPECT_EQ(context->args[2].name, "count");
  EXPECT_EQ(std::get<ArgumentAccess>(context->args[2].access).index, 2u);
  EXPECT_EQ(std::get<ArgumentAccess>(context->retval->access).index, 3u);
  EXPECT_TRUE(context->direct_loads);
  EXPECT_FALSE(context_of("fentry:vmlinux:vfs_read", host)->retval);
  EXPECT_EQ(attachments_of("fentry:vfs_read", host), "trace cookie 0\n");
}

TEST_F(KernelFunction, FunctionsOfModules) {
  btf* module = btf__new_empty_split(host.vmlinux);
  const int number = btf__find_by_name(host.vmlinux, "int");
  const int prototype = btf__add_func_proto(module, number);
  btf__add_func_param(module, "inode", number);
  btf__add_func(module, "fuse_open", BTF_FUNC_STATIC, prototype);
  host.modules["fuse"] = module;
  EXPECT_EQ(matches_of("fentry:fuse_open", host), "fentry:fuse:fuse_open");
  EXPECT_EQ(matches_of("fentry:fuse:*", host), "fentry:fuse:fuse_open");
  EXPECT_EQ(matches_of("fentry:*:vfs_read", host), "fentry:vmlinux:vfs_read");  // not once more for each module
  const auto context = context_of("fentry:fuse:fuse_open", host);
  ASSERT_TRUE(context);
  EXPECT_EQ(std::get<BtfTypeId>(context->args[0].type).module, "fuse");
}

TEST_F(KernelFunction, RawTracepoints) {
  EXPECT_EQ(matches_of("rt:sched_switch", host), "rawtracepoint:vmlinux:sched_switch");
  EXPECT_EQ(matches_of("rt:*:sched_*", host), "rawtracepoint:vmlinux:sched_switch");
  EXPECT_EQ(matches_of("rt:nosuch", host), "");
  EXPECT_EQ(normalised("rawtracepoint:a:b:c"), "rawtracepoint probe type requires 1 or 2 arguments, found 3\n");
  const auto context = context_of("rawtracepoint:vmlinux:sched_switch", host);
  ASSERT_TRUE(context);
  ASSERT_EQ(context->args.size(), 3u);
  EXPECT_EQ(context->args[0].name, "preempt");
  EXPECT_EQ(std::get<ArgumentAccess>(context->args[1].access).index, 1u);
  EXPECT_EQ(context->positional.size(), 3u);
}

TEST_F(KernelFunction, RawTracepointNamesFromItsFunctions) {
  const int number = btf__find_by_name(host.vmlinux, "int");
  const int untyped = btf__add_ptr(host.vmlinux, 0);
  const int nameless = btf__add_func_proto(host.vmlinux, 0);
  btf__add_func_param(host.vmlinux, nullptr, untyped);
  btf__add_func_param(host.vmlinux, nullptr, number);
  const int pointer = btf__add_ptr(host.vmlinux, nameless);
  btf__add_typedef(host.vmlinux, "btf_trace_x", pointer);
  EXPECT_EQ(context_of("rt:x", host)->args[0].name, "arg0");
  const int named = btf__add_func_proto(host.vmlinux, 0);
  btf__add_func_param(host.vmlinux, "__data", untyped);
  btf__add_func_param(host.vmlinux, "level", number);
  btf__add_func(host.vmlinux, "__traceiter_x", BTF_FUNC_GLOBAL, named);
  EXPECT_EQ(context_of("rt:x", host)->args[0].name, "level");
}

TEST_F(KernelFunction, NoBtf) {
  btf__free(host.vmlinux);
  host.vmlinux = nullptr;
  EXPECT_EQ(matches_of("kprobe:vfs_read", host), "kprobe:vfs_read");
  EXPECT_THAT(matches_of("fentry:vfs_read", host), HasSubstr("error: this kernel has no BTF"));
}

// A name that several functions have means all of them.
TEST_F(KernelFunction, SeveralFunctionsOfOneName) {
  host.functions = {"type_show", "size_show [nvme]"};
  host.ambiguous = {"type_show", "nvme:size_show"};
  host.files["/proc/kallsyms"] =
      "ffff0010 t type_show\nffff0020 t type_show_more\nffff0030 T my_type_show\nffff0040 d type_show\nffff0050 t type_show\n"
      "ffff1000 t type_show\t[nvme]\nffff1010 t size_show\t[nvme]\nffff1020 t size_show\t[nvme]\n";
  EXPECT_EQ(attachments_of("kprobe:type_show", host), "kprobe +4294901776 cookie 0\nkprobe +4294901840 cookie 0\n");
  EXPECT_EQ(attachments_of("kretprobe:nvme:size_show", host), "kretprobe +4294905872 cookie 0\nkretprobe +4294905888 cookie 0\n");
  EXPECT_EQ(attachments_of("kprobe:type_show+4", host), "kprobe +4294901780 cookie 0\nkprobe +4294901844 cookie 0\n");
  host.files.erase("/proc/kallsyms");
  EXPECT_THAT(attachments_of("kprobe:type_show", host), testing::HasSubstr("several functions have the name"));
}

}  // namespace
}  // namespace awl
