#include "types/dwarf_types.h"

#include <gmock/gmock.h>

#include "fake_host.h"

namespace awl {
namespace {

struct DwarfTypesTest : testing::TestWithParam<const char*> {
  FakeHost host;
  TypeTable table{host};
  DwarfTypes types{table};
  std::shared_ptr<DwarfFile> file;

  Type parameter(const std::string& program, const char* function, size_t index) {
    auto opened = DwarfFile::open(std::string(AWL_DWARF_SAMPLES) + "/" + program + GetParam());
    if (!opened) throw std::runtime_error(opened.error().text());
    file = *opened;
    auto f = file->function(function, std::nullopt);
    if (!f) throw std::runtime_error(f.error().text());
    return types.type({file, f->parameters.at(index).type}, AddressSpace::user);
  }
  const Member& member(Type structure, const char* name) {
    static const Member none{.type = table.none()};
    const Member* found = table.member(structure, name);
    EXPECT_TRUE(found) << name;
    return found ? *found : none;
  }
};
INSTANTIATE_TEST_SUITE_P(Dwarf, DwarfTypesTest, testing::Values("-O0-dwarf4-pie", "-O2-dwarf5-pie", "-O2-other"), [](const auto& one) { return std::to_string(one.index); });

TEST_P(DwarfTypesTest, Structures) {
  Type pointer = parameter("c", "task_state", 0);
  EXPECT_EQ(TypeTable::text(pointer), "struct task *");
  EXPECT_EQ(pointer->space, AddressSpace::user);
  Type task = pointer->element;
  EXPECT_EQ(task->size, 96u);
  EXPECT_EQ(task->btf_id, 0u);
  EXPECT_EQ(member(task, "name").type, table.string(16));
  EXPECT_EQ(member(task, "grid").type, table.array(table.array(table.integer(2, true), 3), 2));
  EXPECT_EQ(member(task, "next").type, pointer);
  EXPECT_EQ(member(task, "call").type, table.pointer(nullptr, AddressSpace::user));
  EXPECT_EQ(member(task, "high").offset, 28u);
  EXPECT_EQ(member(task, "level").bit_offset, 3);
  EXPECT_EQ(member(task, "level").bit_size, 5);
  EXPECT_EQ(member(task, "real").type, table.integer(4, false));  // its bits
  EXPECT_EQ(TypeTable::text(member(task, "colour").type), "enum colour");
  EXPECT_EQ(member(task, "flag").type, table.boolean());
  EXPECT_EQ(member(task, "tail").type, table.array(table.integer(4, true), 0));
  EXPECT_FALSE(table.describe(task).elements.empty());
}

TEST_P(DwarfTypesTest, ClassesWithBases) {
  Type shape = parameter("cxx", "_ZN6shapes5shape4areaEiRKNS_4baseE", 0)->element;
  EXPECT_EQ(TypeTable::text(shape), "struct shape");
  EXPECT_EQ(member(shape, "shared").type, table.integer(8, true));
  EXPECT_EQ(member(shape, "id").type, table.integer(4, true));
  EXPECT_EQ(TypeTable::text(parameter("cxx", "_ZN6shapes5shape4areaEiRKNS_4baseE", 2)), "struct base *");
}

}  // namespace
}  // namespace awl
