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

// The types of a kernel whose tracefs cannot be read: sched_wakeup's class is told by the names of its parameter, sched_waking's is one of two,
// irq_handler_entry has its own record, and what timer_start's is cannot be known.
btf* types_of_events() {
  btf* types = event_types();
  const int word = static_cast<int>(id_of(types, "u32")), number = static_cast<int>(id_of(types, "int"));
  const int untyped = btf__add_ptr(types, 0), task = btf__add_ptr(types, static_cast<int>(id_of(types, "task_struct")));
  const auto prototype = [&](int parameter, const char* name) {
    const int made = btf__add_func_proto(types, 0);
    btf__add_func_param(types, name ? "__data" : nullptr, untyped);
    btf__add_func_param(types, name, parameter);
    return made;
  };
  const auto event = [&](const std::string& name, int parameter, const char* parameter_name) {
    const int pointer = btf__add_ptr(types, prototype(parameter, nullptr));
    btf__add_typedef(types, ("btf_trace_" + name).c_str(), pointer);
    const int named = prototype(parameter, parameter_name);
    btf__add_func(types, ("__traceiter_" + name).c_str(), BTF_FUNC_STATIC, named);
  };
  const auto event_class = [&](const std::string& name, int parameter, const char* parameter_name) {
    const int named = prototype(parameter, parameter_name);
    btf__add_func(types, ("trace_event_raw_event_" + name).c_str(), BTF_FUNC_STATIC, named);
  };
  const uint32_t comm = btf_members(btf__type_by_id(types, id_of(types, "trace_event_raw_other_template")))[1].type;
  btf__add_struct(types, "trace_event_raw_plain_template", 24);
  btf__add_field(types, "comm", static_cast<int>(comm), 64, 0);
  event_class("sched_wakeup_template", task, "p");
  event_class("other_template", task, "q");
  event_class("plain_template", task, "q");
  event("sched_wakeup_new", task, "p");
  event("sched_waking", task, "q");
  event("irq_handler_entry", number, "irq");
  event("timer_start", word, "timer");
  const int call = btf__add_func_proto(types, 0), registers = btf__add_ptr(types, 0);
  btf__add_func_param(types, "regs", registers);
  btf__add_func(types, "__x64_sys_openat", BTF_FUNC_STATIC, call);
  btf__add_func(types, "__x64_sys_close", BTF_FUNC_STATIC, call);
  const int text = btf__add_ptr(types, static_cast<int>(id_of(types, "char")));
  const int body = btf__add_func_proto(types, 0);
  btf__add_func_param(types, "dfd", number);
  btf__add_func_param(types, "filename", text);
  btf__add_func(types, "__do_sys_openat", BTF_FUNC_STATIC, body);
  return types;
}

std::string names_of(const Context& context) {
  std::string joined;
  for (const ContextField& field : context.args) joined += (joined.empty() ? "" : " ") + field.name;
  for (const auto& [name, reason] : context.unreadable) joined += " !" + name;
  return joined;
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
  EXPECT_THAT(matches_of("tracepoint:sched:*", host), HasSubstr("error: cannot find what tracepoint:sched:* matches: tracefs is not mounted"));
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

TEST(Tracepoint, WithoutTracefsTypesTellOfEvents) {
  FakeHost host;
  host.tracefs_path.clear();
  EXPECT_THAT(matches_of("tracepoint:sched:sched_wakeup_new", host), HasSubstr("error: tracefs is not mounted"));
  host.vmlinux = types_of_events();
  EXPECT_EQ(matches_of("tracepoint:sched:sched_wakeup_new", host), "tracepoint:sched:sched_wakeup_new");
  EXPECT_EQ(matches_of("tracepoint:sched:nosuch", host), "");
  EXPECT_EQ(matches_of("tracepoint:syscalls:sys_enter_openat", host), "tracepoint:syscalls:sys_enter_openat");
  EXPECT_EQ(matches_of("tracepoint:syscalls:sys_enter_nosuch", host), "");
  EXPECT_THAT(matches_of("tracepoint:sched:*", host), HasSubstr("error: cannot find what tracepoint:sched:* matches: tracefs is not mounted"));
  EXPECT_FALSE(find_provider("tracepoint")->usable(host));
}

TEST(Tracepoint, WithoutTracefsTypesTellTheRecord) {
  FakeHost host;
  host.tracefs_path.clear();
  host.vmlinux = types_of_events();
  const auto wakeup = context_of("tracepoint:sched:sched_wakeup_new", host);
  ASSERT_TRUE(wakeup) << wakeup.error().text();
  EXPECT_EQ(names_of(*wakeup), "comm pid");
  const auto& comm = std::get<BytesAccess>(wakeup->args[0].access);
  EXPECT_EQ(comm.core_type, "trace_event_raw_sched_wakeup_template");
  EXPECT_EQ(comm.core_member, "comm");
  EXPECT_EQ(comm.offset, 8u);
  EXPECT_EQ(comm.size, 16u);
  EXPECT_EQ(std::get<BtfTypeId>(wakeup->args[1].type).id, id_of(host.vmlinux, "pid_t"));

  const auto handler = context_of("tracepoint:irq:irq_handler_entry", host);
  ASSERT_TRUE(handler);
  EXPECT_EQ(names_of(*handler), "irq name");
  const auto& word = std::get<DataLocAccess>(handler->args[1].access).word;
  EXPECT_EQ(word.core_member, "__data_loc_name");
  EXPECT_EQ(word.offset, 12u);
  EXPECT_EQ(word.size, 4u);

  const auto unknown = context_of("tracepoint:timer:timer_start", host);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().text(), HasSubstr("tracefs is not mounted (No such file or directory); the kernel's types do not tell which record the event timer:timer_start has"));
}

TEST(Tracepoint, WithoutTracefsSystemCallsHaveWhatTheTypesTell) {
  FakeHost host;
  host.tracefs_path.clear();
  host.vmlinux = types_of_events();
  const auto open = context_of("tracepoint:syscalls:sys_enter_openat", host);
  ASSERT_TRUE(open);
  EXPECT_EQ(names_of(*open), "__syscall_nr dfd filename");
  EXPECT_TRUE(open->user_pointers);
  const auto& name = std::get<BytesAccess>(open->args[2].access);
  EXPECT_EQ(name.core_type, "syscall_trace_enter");
  EXPECT_EQ(name.core_member, "args");
  EXPECT_EQ(name.core_index, 1);
  EXPECT_EQ(name.offset, 24u);
  EXPECT_EQ(name.size, 8u);
  EXPECT_EQ(names_of(*context_of("tracepoint:syscalls:sys_enter_close", host)), "__syscall_nr !");
  EXPECT_EQ(names_of(*context_of("tracepoint:syscalls:sys_exit_close", host)), "__syscall_nr ret");
}

TEST(Tracepoint, WithoutTracefsOnlyWhatAllPossibleRecordsHave) {
  FakeHost host;
  host.tracefs_path.clear();
  host.vmlinux = types_of_events();
  const auto context = context_of("tracepoint:sched:sched_waking", host);
  ASSERT_TRUE(context) << context.error().text();
  EXPECT_EQ(names_of(*context), "comm !pid");
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
