#include <gmock/gmock.h>

#include "compiled.h"

namespace awl {
namespace {

using testing::HasSubstr;

TEST(Definitions, OwnStructures) {
  Compiled c("struct pair { int first; long second[2]; char name[8]; };\nkprobe:vfs_read { $p = (struct pair *)arg0; $a = $p->second[1]; $b = $p->name; $c = sizeof(struct pair); $d = offsetof(struct pair, name); }");
  EXPECT_EQ(c.messages(), "");
  EXPECT_EQ(c.type("$a"), "int64");
  EXPECT_EQ(c.type("$b"), "string[8]");
  EXPECT_EQ(c.type("$p"), "struct pair *");
}

TEST(Definitions, ConstantsReplaceTheirNames) {
  Compiled c("#define EIGHT (1 << 3)\n#define NAME \"abc\"\n#define TASK curtask\n#define PRIO TASK->prio\nenum e { red = 300 };\nbegin { $a = EIGHT; $b = NAME; $c = PRIO; $d = red; $e = -EIGHT; if (pid == EIGHT) { print(NAME) } }");
  EXPECT_EQ(c.messages(), "");
  EXPECT_EQ(c.type("$a"), "int8");
  EXPECT_EQ(c.type("$b"), "string[4]");
  EXPECT_EQ(c.type("$c"), "int32");
}

TEST(Definitions, BuiltinsAreNotReplaced) {
  Compiled c("#define pid 5\nbegin { $a = pid; }");
  EXPECT_EQ(c.messages(), "");
  EXPECT_EQ(c.type("$a"), "uint32");
}

TEST(Definitions, WhatIsNoExpressionIsRefused) {
  Compiled c("#define DOUBLE 1 +\nbegin { print(DOUBLE); }");
  EXPECT_THAT(c.messages(), HasSubstr("stdin:2:15-21: ERROR: unable to expand macro as an expression: 1 +"));
}

TEST(Definitions, AMacroThatNamesItselfEnds) {
  Compiled c("#define LOOP LOOP + 1\nbegin { print(LOOP); }");
  EXPECT_THAT(c.messages(), HasSubstr("unable to expand macro as an expression: LOOP + 1"));
}

TEST(Definitions, MistakesInCAreShown) {
  Compiled c("struct a { nosuch x; };\nbegin { print(1); }");
  EXPECT_THAT(c.messages(), HasSubstr("stdin:1:12-18: ERROR: unknown type name 'nosuch'"));
}

TEST(Definitions, IncludedByOption) {
  Compiled c("begin { $a = sizeof(struct stat); }", "plan", {.parameters_known = true, .include_files = {"sys/stat.h"}});
  EXPECT_EQ(c.messages(), "");
}

}  // namespace
}  // namespace awl
