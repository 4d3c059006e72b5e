// What scripts are lowered to, as the recorder writes it.
#include <gmock/gmock.h>

#include "codegen/codegen.h"
#include "unit/semantic/compiled.h"

namespace awl {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string verbs(const std::string& script) {
  Compiled compiled(script);
  EXPECT_FALSE(compiled.diagnostics.has_errors()) << compiled.messages();
  return compiled.diagnostics.has_errors() ? "" : print_verbs(*compiled.unit);
}

size_t count_of(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(Lower, ScalarMapsAreGlobals) {
  std::string text = verbs("begin { @x = 5; @x++ }");
  EXPECT_THAT(text, HasSubstr("%1 = i64 5:8\n  store64 global+0, %1\n"));
  EXPECT_THAT(text, HasSubstr("store64 global+8, 1\n"));
  EXPECT_THAT(text, HasSubstr("atomic_add global+0, 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("map_")));
}

TEST(Lower, KeyedCountLooksUpOnceWhereTheElementIs) {
  std::string text = verbs("begin { @[cpu] = count() }");
  // Once more only behind the update that makes an absent element.
  EXPECT_EQ(count_of(text, "map_lookup_elem"), 2u);
  EXPECT_EQ(count_of(text, "map_update_elem"), 1u);
  EXPECT_LT(text.find("map_lookup_elem"), text.find("map_update_elem"));
  EXPECT_THAT(text, HasSubstr("zeros(8), 1)"));
}

TEST(Lower, LongBodiesAreCutIntoParts) {
  auto statements = [](int count, std::string_view loop) {
    std::string script = fmt::format("begin {{ $x = nsecs; {} {{", loop);
    for (int i = 0; i < count; ++i) script += fmt::format(" @m[{}] = $x * {};", i, i + 1);
    return verbs(script + (loop.starts_with("for") ? " if ($x == 5) { break; } } }" : " } }"));
  };
  EXPECT_EQ(count_of(statements(100, "if ($x > 1)"), "part {"), 0u);
  size_t parts = count_of(statements(2000, "if ($x > 1)"), "part {");
  EXPECT_GT(parts, 8u);
  EXPECT_LT(parts, 200u);
  // What leaves a turn of the loop stays in the loop's own function.
  std::string loop = statements(2000, "for $i : 0..3");
  EXPECT_GT(count_of(loop, "part {"), 8u);
  EXPECT_LT(loop.rfind("part {"), loop.find("break"));
  EXPECT_GT(count_of(statements(25, "unroll (100)"), "part {"), 8u);
}

TEST(Lower, LoopsByCallback) {
  for (const char* script : {
           "let @q = queue(4); begin { $v = 0; while (pop(@q, $v)) { print($v); } }",
           "begin { $i = 0; while ($i < nsecs) { $i++; if ($i == 5) { continue; } if ($i == 7) { break; } if ($i == 9) { return; } @[$i] = count(); } }",
           "begin { $s = str(1234); while ($s == comm) { $s = \"other\"; $t = ($s, 1); print($t); } }",
           "begin { @a[1] = 2; for ($kv : @a) { for ($i : $kv.0..nsecs) { while ($i < cpu) { $i++; break; } if ($i > 4) { return; } } } }",
           "fn f($n: uint64) : uint64 { $i = (uint64)0; while ($i < $n) { $i++; if ($i == 5) { return $i; } } return $i; } begin { while (f(nsecs) > 3) { print(f(5)); } }",
       }) {
    auto world = sample_world();
    world->features.insert({Feature::callback_loops, Feature::for_each_map});
    Compiled compiled(script, "plan", {.parameters_known = true, .runs_here = true}, std::move(world));
    ASSERT_FALSE(compiled.diagnostics.has_errors()) << compiled.messages();
    EXPECT_THAT(print_verbs(*compiled.unit), HasSubstr("repeat by callback"));
    const auto made = generate(*compiled.unit, {.verify_ir = true});
    EXPECT_TRUE(made) << script << ": " << (made ? "" : made.error().text());
  }
}

TEST(Lower, PredicateComesBeforeAllElse) {
  std::string text = verbs("begin /pid == 5/ { @[comm] = count() }");
  EXPECT_LT(text.find("get_current_pid_tgid"), text.find("get_current_comm"));
  EXPECT_EQ(count_of(text, "get_current_comm"), 1u);
}

TEST(Lower, EventsAreWrittenInPlace) {
  std::string text = verbs("begin { printf(\"%s %d\\n\", comm, cpu) }");
  // 8 bytes of header, 16 of comm, 8 of cpu.
  EXPECT_THAT(text, HasSubstr("ringbuf_reserve(awl_events, 32, 0)"));
  EXPECT_THAT(text, Not(HasSubstr("copy")));
  EXPECT_LT(text.find("ringbuf_reserve"), text.find("get_current_comm"));
  EXPECT_THAT(text, HasSubstr("ringbuf_submit(%1, 1)"));
  EXPECT_THAT(text, HasSubstr("atomic_add global+"));
}

TEST(Lower, EffectsInArgumentsHappenWithoutRoomForTheEvent) {
  std::string text = verbs("begin { $i = (int64)1; printf(\"%d\\n\", $i++) }");
  EXPECT_LT(text.find("add "), text.find("ringbuf_reserve"));
}

TEST(Lower, ExitWakesTheReaderAndLeaves) {
  std::string text = verbs("begin { exit() }");
  EXPECT_THAT(text, HasSubstr("ringbuf_submit(%1, 2)"));
  EXPECT_THAT(text, HasSubstr("leave"));
}

TEST(Lower, DivisionByWhatMayBeZeroGivesOne) {
  std::string text = verbs("begin { $a = (uint64)7; $b = (uint64)0; print($a / $b); }");
  EXPECT_EQ(count_of(text, "udiv"), 1u);
  EXPECT_THAT(text, HasSubstr(" = 1\n"));
  EXPECT_THAT(verbs("begin { $a = (uint64)7; $c = $a / 2; print($c); }"), Not(HasSubstr("runtime")));
  EXPECT_EQ(count_of(verbs("begin { $a = (uint64)7; $c = $a / 2; print($c); }"), "if "), 1u);  // the event's
}

TEST(Lower, SignsChooseTheOperation) {
  EXPECT_THAT(verbs("begin { $a = (int64)-8; print($a >> 1); }"), HasSubstr("ashr"));
  EXPECT_THAT(verbs("begin { $a = (uint64)8; print($a >> 1); }"), HasSubstr("lshr"));
  EXPECT_THAT(verbs("begin { $a = (int64)-8; print($a / 3); }"), HasSubstr("sdiv"));
  EXPECT_THAT(verbs("begin { $a = (int64)-8; $b = (uint64)1; print($a < $b); }"), HasSubstr("slt"));
  EXPECT_THAT(verbs("begin { $b = (uint64)1; print($b < 5); }"), HasSubstr("ult"));
}

TEST(Lower, StringsCompareWithLiteralsByWords) {
  std::string text = verbs("begin /comm == \"sysloop\"/ { exit() }");
  EXPECT_EQ(count_of(text, "load64"), 2u);  // of comm and of the literal with its NUL
  EXPECT_THAT(text, Not(HasSubstr("for ")));
}

TEST(Lower, KernelFunctionsAreOneWord) {
  std::string text = verbs("kprobe:vfs_read { @[func] = count() }");
  EXPECT_THAT(text, HasSubstr("map_lookup_elem"));
  EXPECT_THAT(text, HasSubstr("param"));
}

TEST(Lower, HistogramsHaveNoBranchForEachBit) {
  std::string text = verbs("begin { @ = hist(nsecs) }");
  EXPECT_EQ(count_of(text, "map_lookup_elem"), 1u);
  // Below zero or not, the element's null check, the bound of the bucket.
  EXPECT_EQ(count_of(text, "if "), 3u);
}

TEST(Lower, MapLoopsKeepWhatTheyChangeOffTheStack) {
  // On the stack kernels before 6.7 would take the value before the loop for that of each turn.
  std::string text = verbs("begin { @a[1] = 2; $n = (int64)0; $m = (int64)0; for ($kv : @a) { $n++; $own = $kv.1; print($m + $own); } print($n); }");
  EXPECT_EQ(count_of(text, "scratch 8"), 1u) << text;
  EXPECT_THAT(text, HasSubstr("each "));
}

TEST(Lower, MapLoopsCopyTheElementWhereItIsUsed) {
  EXPECT_THAT(verbs("begin { @a[1] = 2; for ($kv : @a) { @n++; } }"), Not(HasSubstr("load64 %")));
  EXPECT_THAT(verbs("begin { @a[(int64)1] = (int64)2; for ($kv : @a) { print($kv); } }"), HasSubstr("each "));
}

TEST(Lower, LoopsWithoutAKnownEndAskForIterators) {
  std::string text = verbs("begin { for ($i : 0..pid) { print($i); } }");
  EXPECT_THAT(text, HasSubstr("repeat (iterators: param"));
  EXPECT_THAT(text, HasSubstr("} cut {\n    %"));
  EXPECT_THAT(verbs("begin { for ($i : 0..20) { print($i); } }"), Not(HasSubstr("repeat")));
}

TEST(Lower, NestedLoopsShareTheTurnsOfOldKernels) {
  std::string text = verbs("begin { $i = 0; while ($i < pid) { $i++; $j = 0; while ($j < pid) { $j++; } } }");
  EXPECT_EQ(count_of(text, "repeat "), 2u);
  EXPECT_THAT(text, Not(HasSubstr("else at most 1024")));
}

TEST(Lower, FunctionsAreMadeOnceForAProgram) {
  std::string text = verbs("fn add($a: uint64, $b: uint64) : uint64 { return $a + $b; } begin { @x = add(1, 2); @y = add(3, 4); }");
  EXPECT_EQ(count_of(text, "function add("), 1u);
  EXPECT_EQ(count_of(text, "call add("), 2u);
}

TEST(Lower, FunctionsTakeStringsByAddress) {
  std::string text = verbs("fn show($s: string) { print($s); } begin { $t = str((int8 *)5); show($t); }");
  EXPECT_EQ(count_of(text, "call show("), 1u);
}

}  // namespace
}  // namespace awl
