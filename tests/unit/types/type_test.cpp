#include "types/type.h"

#include <gmock/gmock.h>

#include "fake_host.h"

namespace awl {
namespace {

struct Types : testing::Test {
  FakeHost host;
  TypeTable types{host};
  Types() { host.vmlinux = make_sample_btf(); }
};

TEST_F(Types, EqualTypesAreOneNode) {
  EXPECT_EQ(types.integer(4, true), types.integer(4, true));
  EXPECT_NE(types.integer(4, true), types.integer(4, false));
  Type elements[] = {types.integer(1, true), types.string(2)};
  EXPECT_EQ(types.tuple(elements), types.tuple(elements));
  EXPECT_NE(types.pointer(nullptr, AddressSpace::user), types.pointer(nullptr, AddressSpace::kernel));
}

TEST_F(Types, TextIsWhatTheUserSees) {
  Type int8 = types.integer(1, true);
  Type pair[] = {int8, types.string(2)};
  EXPECT_EQ(TypeTable::text(types.integer(8, false)), "uint64");
  EXPECT_EQ(TypeTable::text(types.string(16)), "string[16]");
  EXPECT_EQ(TypeTable::text(types.tuple(pair)), "(int8,string[2])");
  EXPECT_EQ(TypeTable::text(types.pointer(types.find_structure("task_struct"))), "struct task_struct *");
  EXPECT_EQ(TypeTable::text(types.pointer(nullptr)), "void *");
  std::pair<std::string, Type> fields[] = {{"a", int8}, {"b", types.string(2)}};
  EXPECT_EQ(TypeTable::text(types.record(fields)), "record { .a = int8, .b = string[2] }");
  EXPECT_EQ(TypeTable::text(types.stack(Kind::kstack, 127, StackMode::bpftrace)), "kstack_bpftrace_127");
  EXPECT_EQ(TypeTable::text(types.aggregation(Kind::sum, false)), "usum_t");
  EXPECT_EQ(TypeTable::text(types.aggregation(Kind::count, true)), "count_t");
}

TEST_F(Types, TuplesAreLaidOutAsInC) {
  Type elements[] = {types.integer(1, true), types.integer(8, true), types.string(3)};
  Type tuple = types.tuple(elements);
  EXPECT_EQ(tuple->size, 24u);
  EXPECT_EQ(tuple->members[1].offset, 8u);
  EXPECT_EQ(tuple->members[2].offset, 16u);
}

TEST_F(Types, NoBtfIsReadWithoutAKernelType) {
  types.integer(4, true);
  types.find_named("uint32_t");
  EXPECT_EQ(host.btf_loads, 0u);
}

TEST_F(Types, MembersFromBtf) {
  Type task = types.find_structure("task_struct");
  ASSERT_TRUE(task);
  EXPECT_EQ(task->size, 128u);
  EXPECT_EQ(types.member(task, "comm")->type, types.string(16));
  EXPECT_EQ(types.member(task, "comm")->offset, 16u);
  EXPECT_EQ(types.member(task, "__state")->type, types.integer(4, false));
  EXPECT_EQ(types.member(task, "real_parent")->type, types.pointer(task));
  EXPECT_EQ(types.member(task, "name")->type->space, AddressSpace::user);
  EXPECT_EQ(types.member(task, "nosuch"), nullptr);
}

TEST_F(Types, AnonymousMembersAreFlattened) {
  Type task = types.find_structure("task_struct");
  EXPECT_EQ(types.member(task, "whole")->offset, 72u);
  EXPECT_EQ(types.member(task, "half")->offset, 72u);
  EXPECT_EQ(types.member(task, "deep")->offset, 80u);
}

TEST_F(Types, BitFields) {
  const Member* b = types.member(types.find_structure("task_struct"), "flag_b");
  ASSERT_TRUE(b);
  EXPECT_EQ(b->offset, 64u);
  EXPECT_EQ(b->bit_offset, 1);
  EXPECT_EQ(b->bit_size, 3);
}

TEST_F(Types, EnumeratorsOfBothWidths) {
  auto tgid = types.find_enumerator("PIDTYPE_TGID");
  ASSERT_TRUE(tgid);
  EXPECT_EQ(tgid->first, 1u);
  EXPECT_EQ(TypeTable::text(tgid->second), "enum pid_type");
  EXPECT_EQ(types.find_enumerator("BIG")->first, uint64_t{1} << 40);
  EXPECT_FALSE(types.find_enumerator("NOSUCH"));
}

TEST_F(Types, DescribeNestsStructures) {
  artifact::Type entity = types.describe(types.find_structure("sched_entity"));
  EXPECT_EQ(entity.size, 24u);
  ASSERT_EQ(entity.elements.size(), 2u);
  EXPECT_EQ(entity.elements[1].name, "weights");
  EXPECT_EQ(entity.elements[1].type[0].count, 4u);
  EXPECT_EQ(entity.elements[1].type[0].elements[0].type[0].kind, Kind::integer);
}

TEST_F(Types, WithoutBtfNothingIsFound) {
  btf__free(host.vmlinux);
  host.vmlinux = nullptr;
  EXPECT_EQ(types.find_structure("task_struct"), nullptr);
  EXPECT_FALSE(types.find_enumerator("PIDTYPE_TGID"));
}

}  // namespace
}  // namespace awl
