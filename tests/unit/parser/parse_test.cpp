#include "parser/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "parser/walk.h"

namespace awl {
namespace {

using namespace ast;

struct Parsed {
  Sources sources;
  Diagnostics diagnostics{sources};
  Script script;
  explicit Parsed(std::string text, IsBuiltin is_builtin = nullptr) { script = parse(sources, sources.add("t.bt", std::move(text)), diagnostics, is_builtin); }
  std::vector<std::string> errors() const {
    std::vector<std::string> out;
    for (const Diagnostic& d : diagnostics.all()) out.push_back(d.text);
    return out;
  }
};

std::string repeat(std::string_view text, size_t n) {
  std::string out;
  for (size_t i = 0; i < n; ++i) out += text;
  return out;
}

TEST(Parse, SplitsAttachPoints) {
  Parsed p("x=usdt:\"/opt/a b:c\":prov:name { }");
  ASSERT_EQ(p.script.probes.size(), 1u);
  EXPECT_EQ(p.script.probes[0].name, "x");
  const AttachPoint& point = p.script.probes[0].attach_points.at(0);
  EXPECT_EQ(point.text, "usdt:\"/opt/a b:c\":prov:name");
  EXPECT_THAT(point.parts, testing::ElementsAre("usdt", "/opt/a b:c", "prov", "name"));
  EXPECT_EQ(p.sources.text(point.part_spans[1]), "\"/opt/a b:c\"");
  EXPECT_EQ(p.sources.text(point.part_spans[3]), "name");
  EXPECT_EQ(p.sources.text(p.script.probes[0].span), "x=usdt:\"/opt/a b:c\":prov:name { }");
}

TEST(Parse, KeepsEmptyPartsOfAttachPoints) {
  Parsed p("kprobe: { } :x { } a::b { }");
  EXPECT_THAT(p.script.probes.at(0).attach_points[0].parts, testing::ElementsAre("kprobe", ""));
  EXPECT_THAT(p.script.probes.at(1).attach_points[0].parts, testing::ElementsAre("", "x"));
  EXPECT_THAT(p.script.probes.at(2).attach_points[0].parts, testing::ElementsAre("a", "", "b"));
}

TEST(Parse, SpansOfExpressionsLeaveOutParentheses) {
  Parsed p("begin { print((1)+$x.y[2]); }");
  const auto& call = std::get<Call>(std::get<ExprStmt>(p.script.probes.at(0).body.statements.at(0)->node).value->node);
  EXPECT_EQ(p.sources.text(call.name_span), "print");
  const Expr& sum = *call.args.at(0);
  EXPECT_EQ(p.sources.text(sum.span), "1)+$x.y[2]");
  EXPECT_EQ(p.sources.text(std::get<Binary>(sum.node).right->span), "$x.y[2]");
}

TEST(Parse, CastsDependOnBuiltins) {
  auto first = [](const Parsed& p) { return print_ast(*std::get<ExprStmt>(p.script.probes.at(0).body.statements.at(0)->node).value); };
  std::string text = "begin { (pid)*2 }";
  Parsed cast(text), product(text, [](std::string_view name) { return name == "pid"; });
  EXPECT_EQ(first(cast), "cast\n  type pid\n  unary *\n    int 2\n");
  EXPECT_EQ(first(product), "binary *\n  name pid\n  int 2\n");
}

TEST(Parse, GivesTheTreeBesideErrors) {
  Parsed p("begin { $x = ; print(1); }\nend { print(2); }");
  EXPECT_THAT(p.errors(), testing::ElementsAre("syntax: expected expression"));
  ASSERT_EQ(p.script.probes.size(), 2u);
  EXPECT_EQ(p.script.probes[0].body.statements.size(), 1u);
}

TEST(Parse, SaysWhichBraceIsOpen) {
  Parsed p("begin {\n  if (1) {\n    print(1);\n}\n");
  ASSERT_EQ(p.diagnostics.all().size(), 1u);
  ASSERT_EQ(p.diagnostics.all()[0].notes.size(), 1u);
  EXPECT_EQ(p.sources.position(1, p.diagnostics.all()[0].notes[0].span.begin).line, 1u);
}

TEST(Parse, IsReentrant) {
  Parsed a("begin { print(1) }");
  Parsed b("end { @x = count(); }");
  Parsed again("begin { print(1) }");
  EXPECT_EQ(print_ast(a.script), print_ast(again.script));
}

struct Deep : testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(Deep, IsRefused) {
  auto [open, close] = GetParam();
  for (size_t n : {600u, 100000u}) {
    Parsed p("begin { $x = " + repeat(open, n) + "1" + repeat(close, n) + "; }");
    EXPECT_TRUE(p.diagnostics.has_errors()) << open << n;
    EXPECT_LT(p.diagnostics.all().size(), 300u);
    print_ast(p.script);
  }
}

TEST_P(Deep, IsAcceptedWhenModerate) {
  auto [open, close] = GetParam();
  if (open == "(int8*") return;
  Parsed p("begin { $x = " + repeat(open, 200) + "1" + repeat(close, 200) + "; }");
  EXPECT_THAT(p.errors(), testing::IsEmpty());
  Block copy = clone(p.script.probes.at(0).body);
  EXPECT_EQ(copy.statements.size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Parse, Deep,
                         testing::Values(std::pair("!", ""), std::pair("- ", ""), std::pair("(int8)", ""), std::pair("{", "}"), std::pair("f(", ")"), std::pair("@a[", "]"),
                                         std::pair("(1,", ")"), std::pair("1 + ", ""), std::pair("1 ? 2 : ", ""), std::pair("1 ?: ", ""), std::pair("sizeof(1+", ")"),
                                         std::pair("", ".x"), std::pair("", "[1]"), std::pair("(a=", ")"), std::pair("{ let $x : typeof(1) = 1; ", "}")));

TEST(Parse, ParenthesesAloneMayNestFreely) {
  Parsed p("begin { $x = " + repeat("(", 100000) + "1" + repeat(")", 100000) + "; }");
  EXPECT_FALSE(p.diagnostics.has_errors());
}

TEST(Parse, RefusesDeepStatements) {
  for (std::string text : {"begin " + repeat("{", 100000) + repeat("}", 100000), "begin { " + repeat("if 1 { } else ", 100000) + "{ } }", "begin { " + repeat("while 1 {", 100000) + repeat("}", 100000) + "}",
                           "begin " + repeat("{", 100000), "begin { " + repeat("print(", 100000), "begin { x" + repeat("typeof(", 100000)}) {
    Parsed p(text);
    EXPECT_TRUE(p.diagnostics.has_errors());
  }
}

TEST(Parse, GivesUpAfterManyErrors) {
  Parsed p("begin { " + repeat("$x = ; ", 100000) + "}");
  EXPECT_TRUE(p.diagnostics.has_errors());
  EXPECT_LT(p.diagnostics.all().size(), 300u);
}

TEST(Ast, CloneIsEqualAndSeparate) {
  std::string everything = R"(begin {
    let $a: typeof(pid)[3] = -1; $a += 0x10; _ = "s"; @m[1, true] = { let $b; $b++; $b };
    if comptime 1 { break; } else if (2) { continue; } else { return 1; }
    for $kv : @m { } for $i : 0..$1 { while !$i { } } unroll 2 { { } }
    f(typeof(struct x*), sizeof(int8), offsetof(struct x, a.b), typeinfo($a), (int8[])$a, ($a ?: 1), $a ? 2 : 3, (a=1, b=(1, 2).0), $a.b[1], args->c);
  })";
  Parsed p(everything);
  ASSERT_THAT(p.errors(), testing::IsEmpty());
  std::string before = print_ast(p.script);
  Probe& probe = p.script.probes.at(0);
  Block copy = clone(probe.body);
  std::swap(copy, probe.body);
  EXPECT_EQ(print_ast(p.script), before);
  copy.statements.clear();
  EXPECT_EQ(print_ast(p.script), before);
}

// Counts nodes with for_each_child, which must reach each of them once.
size_t count(const Expr& e);
size_t count(const Stmt& s) {
  size_t n = 1;
  for_each_child(s, Overloaded{[&](const ExprPtr& c) { n += count(*c); }, [&](const StmtPtr& c) { n += count(*c); }});
  return n;
}
size_t count(const Expr& e) {
  size_t n = 1;
  for_each_child(e, Overloaded{[&](const ExprPtr& c) { n += count(*c); }, [&](const StmtPtr& c) { n += count(*c); }});
  return n;
}
size_t nodes(std::string statement) {
  Parsed p("begin { " + statement + " }");
  EXPECT_THAT(p.errors(), testing::IsEmpty()) << statement;
  return count(*p.script.probes.at(0).body.statements.at(0));
}

TEST(Walk, ReachesEveryChild) {
  EXPECT_EQ(nodes("1"), 2u);
  EXPECT_EQ(nodes("1 + 2 * 3"), 6u);
  EXPECT_EQ(nodes("@a[1, 2] = $x"), 5u);
  EXPECT_EQ(nodes("f(1, -2)"), 5u);
  EXPECT_EQ(nodes("$x ? 1 : 2"), 5u);
  EXPECT_EQ(nodes("$x ?: 2"), 4u);
  EXPECT_EQ(nodes("let $x: typeof($y) = 1"), 3u);
  EXPECT_EQ(nodes("(typeof($y))1"), 4u);
  EXPECT_EQ(nodes("sizeof(1 + 1)"), 5u);
  EXPECT_EQ(nodes("offsetof($x, y)"), 3u);
  EXPECT_EQ(nodes("(a=1, b=2)"), 4u);
  EXPECT_EQ(nodes("(1, 2).0"), 5u);
  EXPECT_EQ(nodes("if $x { f() } else { g(); h() }"), 8u);
  EXPECT_EQ(nodes("for $x : @m { f() }"), 4u);
  EXPECT_EQ(nodes("for $x : 0..1 { f() }"), 5u);
  EXPECT_EQ(nodes("while 1 { break }"), 3u);
  EXPECT_EQ(nodes("unroll 1 { break }"), 3u);
  EXPECT_EQ(nodes("return { f(); 1 }"), 5u);
  EXPECT_EQ(nodes("{ _ = 1; $x++ }"), 6u);
}

TEST(Walk, MayReplaceChildren) {
  Parsed p("begin { f(1 + 2, 3) }");
  Stmt& s = *p.script.probes.at(0).body.statements.at(0);
  auto& call = std::get<ExprStmt>(s.node).value;
  for_each_child(*call, Overloaded{[](ExprPtr& c) { c = make(c->span, Integer{7}); }, [](StmtPtr&) {}});
  EXPECT_EQ(print_ast(*call), "call f\n  int 7\n  int 7\n");
}

TEST(Ast, SpellsOperators) {
  EXPECT_EQ(spelling(BinaryOp::multiply), "*");
  EXPECT_EQ(spelling(BinaryOp::logical_or), "||");
  EXPECT_EQ(spelling(BinaryOp::shift_right), ">>");
  EXPECT_EQ(spelling(UnaryOp::address_of), "&");
}

}  // namespace
}  // namespace awl
