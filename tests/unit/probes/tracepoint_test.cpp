#include <gmock/gmock.h>

#include "probes/tracefs_format.h"
#include "world.h"

namespace awl {
namespace {

using testing::HasSubstr;

uint32_t id_of(const btf* types, const char* name) { return static_cast<uint32_t>(btf__find_by_name(types, name)); }

// Structures of events: a class that sched_wakeup is of, another with the same members, and one that has its event's name but other
// members.
btf* event_types() {
  btf* types = make_sample_btf();
  const int entry = btf__add_struct(types, "trace_entry", 8);
  const int character = static_cast<int>(id_of(types, "char")), number = static_cast<int>(id_of(types, "int")),
            word = static_cast<int>(id_of(types, "u32"));
  const int comm = btf__add_array(types, number, character, 16), rest = btf__add_array(types, number, character, 0);
  const auto wakeup = [&](const char* name) {
    btf__add_struct(types, name, 28);
    btf__add_field(types, "ent", entry, 0, 0);
    btf__add_field(types, "comm", comm, 64, 0);
    btf__add_field(types, "pid", static_cast<int>(id_of(types, "pid_t")), 192, 0);
    btf__add_field(types, "__data", rest, 224, 0);
  };
  wakeup("trace_event_raw_other_template");
  wakeup("trace_event_raw_sched_wakeup_template");
  btf__add_struct(types, "trace_event_raw_sched_wakeup", 16);
  btf__add_field(types, "ent", entry, 0, 0);
  btf__add_field(types, "unlike", number, 64, 0);
  btf__add_struct(types, "trace_event_raw_irq_handler_entry", 16);
  btf__add_field(types, "ent", entry, 0, 0);
  btf__add_field(types, "irq", number, 64, 0);
  btf__add_field(types, "__data_loc_name", word, 96, 0);
  btf__add_field(types, "__data", rest, 128, 0);
  return types;
}

TEST(Tracepoint, Parse) {
  EXPECT_EQ(normalised("t:sched:sched_switch"), "tracepoint:sched:sched_switch");
  EXPECT_EQ(normalised("tracepoint:a"), "tracepoint probe type requires 2 arguments, found 1\n");
  EXPECT_EQ(normalised("t"), "tracepoint probe type requires 2 arguments, found 0\n");
  EXPECT_THAT(normalised("tracepoint::x"), HasSubstr("empty"));
  EXPECT_THAT(normalised("tracepoint:sched:../x"), HasSubstr("does not accept"));
}

TEST(Tracepoint, Match) {
  FakeHost host;
  add_events(host);
  EXPECT_EQ(matches_of("tracepoint:sched:sched_switch", host), "tracepoint:sched:sched_switch");
  EXPECT_EQ(matches_of("tracepoint:sched:nosuch", host), "");
  EXPECT_EQ(matches_of("tracepoint:nosuch:nosuch*", host), "");
  EXPECT_EQ(matches_of("tracepoint:sched:*", host), "tracepoint:sched:sched_switch tracepoint:sched:sched_wakeup");
  EXPECT_EQ(matches_of("tracepoint:*:sched_sw*", host), "tracepoint:sched:sched_switch");
  EXPECT_EQ(matches_of("tracepoint:*:*function*", host), "");
  host.tracefs_path.clear();
  EXPECT_THAT(matches_of("tracepoint:sched:*", host), HasSubstr("error: tracefs is not mounted"));
}

TEST(Tracepoint, ClassStructure) {
  FakeHost host;
  add_events(host);
  host.vmlinux = event_types();
  const auto context = context_of("tracepoint:sched:sched_wakeup", host);
  ASSERT_TRUE(context) << context.error().text();
  EXPECT_TRUE(context->has_args);
  EXPECT_FALSE(context->user_pointers);
  ASSERT_EQ(context->args.size(), 2u);
  EXPECT_EQ(context->args[0].name, "comm");
  const auto& comm = std::get<BytesAccess>(context->args[0].access);
  EXPECT_EQ(comm.core_type, "trace_event_raw_sched_wakeup_template");
  EXPECT_EQ(comm.core_member, "comm");
  EXPECT_EQ(comm.offset, 8u);
  EXPECT_EQ(comm.size, 16u);
  EXPECT_EQ(std::get<BtfTypeId>(context->args[1].type).id, id_of(host.vmlinux, "pid_t"));
}

TEST(Tracepoint, DataLocation) {
  FakeHost host;
  add_events(host);
  host.vmlinux = event_types();
  const auto context = context_of("tracepoint:irq:irq_handler_entry", host);
  ASSERT_TRUE(context);
  const auto& word = std::get<DataLocAccess>(context->args[1].access).word;
  EXPECT_EQ(word.core_member, "__data_loc_name");
  EXPECT_EQ(word.offset, 12u);
  EXPECT_EQ(std::get<CSpelling>(context->args[1].type).text, "char[]");
}

TEST(Tracepoint, WithoutTypesOffsetsAreFixed) {
  FakeHost host;
  add_events(host);
  const auto context = context_of("tracepoint:sched:sched_wakeup", host);
  ASSERT_TRUE(context);
  EXPECT_EQ(std::get<BytesAccess>(context->args[0].access).core_type, "");
  const auto& pid = std::get<CSpelling>(context->args[1].type);
  EXPECT_EQ(pid.text, "pid_t");
  EXPECT_EQ(pid.size, 4u);
  EXPECT_TRUE(pid.is_signed);
}

TEST(Tracepoint, SystemCalls) {
  FakeHost host;
  add_events(host);
  host.vmlinux = make_sample_btf();
  const auto enter = context_of("tracepoint:syscalls:sys_enter_openat", host);
  ASSERT_TRUE(enter);
  ASSERT_EQ(enter->args.size(), 3u);  // the copied file name is no part of what programs see
  EXPECT_TRUE(enter->user_pointers);
  const auto& name = std::get<BytesAccess>(enter->args[2].access);
  EXPECT_EQ(name.core_type, "syscall_trace_enter");
  EXPECT_EQ(name.core_member, "args");
  EXPECT_EQ(name.core_index, 1);
  EXPECT_EQ(std::get<CSpelling>(enter->args[2].type).text, "const char *");
  EXPECT_EQ(std::get<BytesAccess>(enter->args[0].access).core_member, "nr");
  const auto exit = context_of("tracepoint:syscalls:sys_exit_openat", host);
  ASSERT_TRUE(exit);
  EXPECT_EQ(std::get<BytesAccess>(exit->args[1].access).core_member, "ret");
}

TEST(Tracepoint, Attach) {
  FakeHost host;
  add_events(host);
  EXPECT_EQ(attachments_of("tracepoint:sched:*", host, true),
            "tracepoint sched:sched_switch cookie 10\ntracepoint sched:sched_wakeup cookie 11\n");
  EXPECT_EQ(attachments_of("tracepoint:sched:*", host), "tracepoint sched:sched_switch cookie 0\ntracepoint sched:sched_wakeup cookie 0\n");
  host.refuse = "sched_wakeup";
  host.detached.clear();
  EXPECT_THAT(attachments_of("tracepoint:sched:*", host), HasSubstr("error: cannot attach"));
  EXPECT_EQ(host.detached.size(), 1u);
}

TEST(Tracepoint, Section) {
  const auto section = [](std::string_view text) { return parse_point(text).target->provider->section(*parse_point(text).target); };
  EXPECT_EQ(section("tracepoint:sched:sched_switch"), "tracepoint/sched/sched_switch");
  EXPECT_EQ(section("tracepoint:sched:*"), "tracepoint");
}

TEST(Format, OddLines) {
  const auto fields = parse_tracefs_format(
      "\tfield:u8 a[2][3];\toffset:8;\tsize:6;\tsigned:0;\n"
      "\tfield:struct x *p;\toffset:16;\tsize:8;\tsigned:0;\n"
      "\tfield:nonsense\n\tfield:;\toffset:1;\tsize:1;\n\tfield:int x;\toffset:q;\tsize:4;\n"
      "\tfield:__rel_loc char[] r;\toffset:24;\tsize:4;\tsigned:0;\nprint fmt: field:int y;offset:1;size:2;\n");
  ASSERT_EQ(fields.size(), 2u);
  EXPECT_EQ(fields[0].type, "u8[2][3]");
  EXPECT_EQ(fields[1].name, "p");
  EXPECT_EQ(fields[1].type, "struct x *");
}

}  // namespace
}  // namespace awl
