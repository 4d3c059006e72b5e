#include "runtime/user_symbols.h"

#include <gtest/gtest.h>

#include "fake_host.h"

namespace awl {
namespace {

TEST(SymbolTable, FindsTheInnermostFunctionAround) {
  SymbolTable table;
  table.add("outer", 100, 100);
  table.add("inner", 120, 10);
  table.add("later", 300, 5);
  table.add("empty", 310, 0);
  table.finish();
  EXPECT_EQ(table.size(), 3u);
  EXPECT_FALSE(table.find(99));
  EXPECT_EQ(table.find(100)->name, "outer");
  EXPECT_EQ(table.find(125)->name, "inner");
  EXPECT_EQ(table.find(125)->offset, 5u);
  EXPECT_EQ(table.find(150)->name, "outer");
  EXPECT_FALSE(table.find(200));
  EXPECT_EQ(table.find(304)->name, "later");
  EXPECT_FALSE(table.find(305));
}

TEST(SymbolTable, PrefersTheNameThatProgrammersWrite) {
  SymbolTable table;
  table.add("__libc_malloc", 8, 20);
  table.add("malloc", 8, 20);
  table.add("__malloc", 8, 20);
  table.finish();
  EXPECT_EQ(table.find(9)->name, "malloc");
}

TEST(Demangled, CppRustAndOthers) {
  EXPECT_EQ(demangled("_ZN5space4workEi"), "space::work(int)");
  EXPECT_EQ(demangled("_ZN4unit6engine3run17h0123456789abcdefE"), "unit::engine::run");
  EXPECT_EQ(demangled("_RNvC5crate7started"), "crate::started");
  EXPECT_EQ(demangled("_Znonsense"), "_Znonsense");
  EXPECT_EQ(demangled("main"), "main");
}

TEST(Maps, OnlyCode) {
  std::vector<Mapping> maps = parse_maps(
      "55d0c0000000-55d0c0010000 r--p 00000000 fe:01 77   /usr/bin/a b\n"
      "55d0c0010000-55d0c0020000 r-xp 00010000 fe:01 77                         /usr/bin/a b\n"
      "7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0                          [vdso]\n"
      "7f0000000000-7f0000001000 rwxp 00000000 00:00 0 \n"
      "broken\n");
  ASSERT_EQ(maps.size(), 3u);
  EXPECT_EQ(maps[0].start, 0x55d0c0010000u);
  EXPECT_EQ(maps[0].end, 0x55d0c0020000u);
  EXPECT_EQ(maps[0].offset, 0x10000u);
  EXPECT_EQ(maps[0].inode, 77u);
  EXPECT_EQ(maps[0].path, "/usr/bin/a b");
  EXPECT_EQ(maps[1].path, "[vdso]");
  EXPECT_EQ(maps[2].path, "");
}

TEST(PerfMap, NamesWithBlanksAndPrefixes) {
  SymbolTable table;
  read_perf_map("1000 20 LazyCompile:~run /a b.js\n0x2000 0x10 plain\nnonsense\n", table);
  EXPECT_EQ(table.find(0x1001)->name, "LazyCompile:~run /a b.js");
  EXPECT_EQ(table.find(0x200f)->name, "plain");
  EXPECT_FALSE(table.find(0x2010));
}

struct Processes : ::testing::Test {
  FakeHost host;
  UserSymbols symbols{host, {}};
  std::string module(uint64_t address, uint32_t pid) {
    std::optional<SymbolName> name = symbols.find(address, pid);
    return name ? name->module : "none";
  }
};

TEST_F(Processes, AreReadWhenFirstSeenAndKeptWhenTheyEnd) {
  host.files["/proc/7/maps"] = "1000-2000 r-xp 00000000 00:01 5 /nowhere/program\n";
  symbols.remember(7);
  host.files.clear();
  EXPECT_EQ(module(0x1800, 7), "/nowhere/program");
  EXPECT_EQ(module(0x2800, 7), "none");
  EXPECT_EQ(module(0x1800, 8), "none");
}

TEST_F(Processes, AreKnownFromEventsAlone) {
  symbols.mapped(7, {.start = 0x1000, .end = 0x2000, .path = "/nowhere/first"});
  symbols.executed(7);
  symbols.mapped(7, {.start = 0x3000, .end = 0x4000, .path = "/nowhere/second"});
  symbols.exited(7);
  EXPECT_EQ(module(0x3800, 7), "/nowhere/second");
  EXPECT_EQ(module(0x1800, 7), "/nowhere/first") << "stacks from before the exec";
}

TEST_F(Processes, ChildrenHaveTheirParentsMappings) {
  host.files["/proc/7/maps"] = "1000-2000 r-xp 00000000 00:01 5 /nowhere/program\n";
  symbols.forked(8, 7);
  symbols.exited(8);
  EXPECT_EQ(module(0x1800, 8), "/nowhere/program");
}

TEST_F(Processes, ANewMappingReplacesWhatItOverlaps) {
  symbols.mapped(7, {.start = 0x1000, .end = 0x3000, .path = "/nowhere/old"});
  symbols.mapped(7, {.start = 0x2000, .end = 0x4000, .path = "/nowhere/new"});
  EXPECT_EQ(module(0x2800, 7), "/nowhere/new");
  EXPECT_EQ(module(0x1800, 7), "none");
}

}  // namespace
}  // namespace awl
