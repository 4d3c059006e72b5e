#include <gmock/gmock.h>

#include <chrono>

#include "compiled.h"

namespace awl {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

std::string value_of(const std::string& expression) {
  Compiled c("begin { $x = " + expression + "; }", "infer");
  return c.type("$x");
}

TEST(Inference, LiteralsTakeTheSmallestSignedType) {
  EXPECT_EQ(value_of("127"), "int8");
  EXPECT_EQ(value_of("128"), "int16");
  EXPECT_EQ(value_of("70000"), "int32");
  EXPECT_EQ(value_of("2147483648"), "int64");
  EXPECT_EQ(value_of("18446744073709551615"), "uint64");
  EXPECT_EQ(value_of("-129"), "int16");
  EXPECT_EQ(value_of("1ms"), "int32");
  EXPECT_EQ(value_of("0xff"), "int16");
}

TEST(Inference, OperatorsOnLiteralsGiveTheTypeOfTheirResult) {
  EXPECT_EQ(value_of("1 + 1"), "int8");
  EXPECT_EQ(value_of("1 << 40"), "int64");
  EXPECT_EQ(value_of("~1"), "uint64");
  EXPECT_EQ(value_of("-7 / 2"), "int8");
  EXPECT_EQ(value_of("\"a\" + \"bc\""), "string[4]");
  EXPECT_EQ(value_of("1 < 2"), "bool");
}

TEST(Inference, NumbersAddedToStringLiteralsDropCharacters) {
  EXPECT_EQ(value_of("\"abcdef\" + 2"), "string[5]");
  EXPECT_EQ(value_of("\"ab\" + 2"), "string[1]");
  EXPECT_EQ(value_of("\"ab\" + 5"), "string[1]");
  EXPECT_THAT(Compiled("begin { $x = \"ab\" + -1; }").messages(), HasSubstr("Type mismatch"));
}

TEST(Inference, BranchesThatAreLeftOutHaveNoSay) {
  Compiled one("begin { if comptime (1) { $x = 5; } else { $x = \"text\"; @m = unknown; $y = $z; } print($x); @m = 1; }", "plan");
  EXPECT_THAT(one.messages(), HasSubstr("$z"));  // names are looked up before
  Compiled two("begin { $x = 1; if comptime (0) { $x = \"text\"; @m = unknown(); let $y = 5; print($y + \"a\"); } @m = $x; }", "plan");
  EXPECT_THAT(two.messages(), IsEmpty());
  EXPECT_EQ(two.type("$x"), "int8");
  EXPECT_EQ(two.type("@m"), "int8");
  EXPECT_EQ(two.type("$y"), "int64");
}

TEST(Inference, ArithmeticIs64BitsWide) {
  EXPECT_EQ(value_of("(uint32)1 + (uint8)1"), "uint64");
  EXPECT_EQ(value_of("(uint32)1 + (int8)1"), "int64");
  EXPECT_EQ(value_of("(uint64)1 * 2"), "uint64");
  EXPECT_EQ(value_of("(uint64)1 - (uint64)2"), "int64");
  EXPECT_EQ(value_of("-(uint8)1"), "uint64");
}

TEST(Inference, VariablesTakeTheCommonTypeOfAllAssignments) {
  EXPECT_EQ(Compiled("begin { $a = 1; $a = (uint64)2; }").type("$a"), "uint64");
  EXPECT_EQ(Compiled("begin { $a = -1; $a = (uint32)2; }").type("$a"), "int64");
  EXPECT_EQ(Compiled("begin { $a = \"a\"; $a = \"abcd\"; }").type("$a"), "string[5]");
  EXPECT_EQ(Compiled("begin { $a = (1, \"a\"); $a = (300, \"abc\"); }").type("$a"), "(int16,string[4])");
  EXPECT_EQ(Compiled("begin { $a = (uint8)255; $a++; }").type("$a"), "uint64");
  EXPECT_EQ(Compiled("begin { $a = 1; $a--; }").type("$a"), "int64");
}

TEST(Inference, MapsTakeTheCommonTypeOfTheWholeProgram) {
  EXPECT_EQ(Compiled("begin { @a = 1; } end { @a = 300; }").type("@a"), "int16");
  EXPECT_EQ(Compiled("begin { @b = @a; @a = nsecs; }").type("@b"), "uint64");
  Compiled keys("begin { @a[1, \"x\"] = 1; @a[pid, comm] = 2; }");
  EXPECT_EQ(keys.key("@a"), "(int64,string[16])");
  EXPECT_EQ(Compiled("begin { print(@r + 1); }").type("@r"), "int64");
  EXPECT_EQ(Compiled("begin { @a++; }").type("@a"), "int64");
}

TEST(Inference, AggregationsReadAsNumbers) {
  Compiled c("begin { @c = count(); @s = sum(-5); $x = @c; $y = @s + 1; @n[@c] = 1; }");
  EXPECT_THAT(c.messages(), IsEmpty());
  EXPECT_EQ(c.type("@c"), "count_t");
  EXPECT_EQ(c.type("$x"), "uint64");
  EXPECT_EQ(c.type("$y"), "int64");
  EXPECT_EQ(c.key("@n"), "uint64");
}

TEST(Inference, FieldsOfKernelTypes) {
  Compiled c("kprobe:vfs_read { $t = (struct task_struct *)arg0; $c = $t.real_parent.comm; $p = $t->real_parent; $w = $t.se.weights[2]; $u = $t.name; }");
  EXPECT_THAT(c.messages(), IsEmpty());
  EXPECT_EQ(c.type("$c"), "string[16]");
  EXPECT_EQ(c.type("$p"), "struct task_struct *");
  EXPECT_EQ(c.type("$w"), "uint32");
  EXPECT_EQ(c.unit->probes[0].variables.at("$p").type->space, AddressSpace::kernel);
  EXPECT_EQ(c.unit->probes[0].variables.at("$u").type->space, AddressSpace::user);
}

TEST(Inference, ArgumentsOfTheProbe) {
  Compiled c("tracepoint:sched:sched_switch { $c = args.prev_comm; $p = args.prev_pid; }");
  EXPECT_THAT(c.messages(), IsEmpty());
  EXPECT_EQ(c.type("$c"), "string[16]");
  EXPECT_EQ(c.type("$p"), "int32");
}

TEST(Inference, SiblingBlocksHaveVariablesOfTheirOwn) {
  Compiled c("begin { if (pid) { $a = 1; } else { $a = \"x\"; } }");
  EXPECT_THAT(c.messages(), IsEmpty());
  EXPECT_EQ(c.type("$a"), "int8");
  EXPECT_EQ(c.type("$a#2"), "string[2]");
}

TEST(Inference, Parameters) {
  CompileOptions options{.parameters_known = true, .parameters = {"300", "abc", "0x10"}};
  Compiled c("begin { $n = $1; $s = $2; $t = str($3); $c = $#; }", "infer", options);
  EXPECT_EQ(c.type("$n"), "int16");
  EXPECT_EQ(c.type("$s"), "string[4]");
  EXPECT_EQ(c.type("$c"), "int8");
  Compiled open("begin { $n = $1; print(str($2)); }", "plan", {});
  EXPECT_EQ(open.type("$n"), "int64");
  ASSERT_EQ(open.unit->meta.params.size(), 2u);
  EXPECT_EQ(open.unit->meta.params[1].kind, artifact::ParamKind::positional_text);
}

TEST(Inference, LargeProgramsTakeLinearTime) {
  std::string script = "begin { $x = 1;";
  for (int i = 0; i < 2000; ++i) script += fmt::format(" @m[{}] = $x + 1;", i);
  auto start = std::chrono::steady_clock::now();
  Compiled c(script + " }");
  EXPECT_EQ(c.diagnostics.all().size(), 0u);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));  // a sanitized build on a busy machine; 0.1 s otherwise
}

}  // namespace
}  // namespace awl
