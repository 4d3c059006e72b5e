#include "types/type.h"

#include <bpf/btf.h>
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

// struct loop { int own; struct { ... }; struct loop inside; }, whose anonymous members contain it again, several times.
TEST_F(Types, StructuresThatContainThemselvesEnd) {
  btf* broken = btf__new_empty();
  int number = btf__add_int(broken, "int", 4, BTF_INT_SIGNED);
  int loop = btf__add_struct(broken, "loop", 64), nameless = loop + 1;
  btf__add_field(broken, "own", number, 0, 0);
  btf__add_field(broken, "inside", loop, 32, 0);
  btf__add_field(broken, nullptr, nameless, 64, 0);
  btf__add_struct(broken, nullptr, 32);
  for (unsigned i = 0; i < 4; ++i) btf__add_field(broken, nullptr, nameless, i * 64, 0);
  btf__free(host.vmlinux);
  host.vmlinux = broken;
  Type type = types.find_structure("loop");
  ASSERT_TRUE(type);
  EXPECT_EQ(types.member(type, "own")->type, types.integer(4, true));
  EXPECT_EQ(types.members(type).size(), 2u);
  EXPECT_EQ(types.describe(type).elements.size(), 2u);
}

TEST_F(Types, LongChainsOfPointersEnd) {
  btf* broken = btf__new_empty();
  int last = btf__add_int(broken, "int", 4, BTF_INT_SIGNED);
  for (int i = 0; i < 100000; ++i) last = btf__add_ptr(broken, last);
  btf__add_typedef(broken, "deep", last);
  btf__free(host.vmlinux);
  host.vmlinux = broken;
  EXPECT_TRUE(is_pointer(types.find_named("deep")));
}

TEST_F(Types, StructuresOfModulesAreFoundAndReadByNeed) {
  btf* module = btf__new_empty_split(host.vmlinux);
  int own = btf__add_struct(module, "of_module", 8);
  btf__add_field(module, "task", btf__find_by_name_kind(host.vmlinux, "pid_t", BTF_KIND_TYPEDEF), 0, 0);
  host.modules["mod"] = module;
  ASSERT_TRUE(types.find_structure("task_struct"));
  Type type = types.find_structure("of_module");
  ASSERT_TRUE(type);
  EXPECT_EQ(type->module, "mod");
  EXPECT_EQ(type->btf_id, static_cast<uint32_t>(own));
  EXPECT_EQ(types.member(type, "task")->type, types.integer(4, true));
  EXPECT_EQ(types.find_structure("nowhere"), nullptr);
}

TEST_F(Types, WithoutBtfNothingIsFound) {
  btf__free(host.vmlinux);
  host.vmlinux = nullptr;
  EXPECT_EQ(types.find_structure("task_struct"), nullptr);
  EXPECT_FALSE(types.find_enumerator("PIDTYPE_TGID"));
}

}  // namespace
}  // namespace awl
