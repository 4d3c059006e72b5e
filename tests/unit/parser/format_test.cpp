#include "parser/format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "parser/parse.h"

namespace awl {
namespace {

struct Source {
  Sources sources;
  Diagnostics diagnostics{sources};
  ast::Script script;
  explicit Source(std::string text) {
    script = parse(sources, sources.add("t.bt", std::move(text)), diagnostics, [](std::string_view name) { return name == "pid"; });
    EXPECT_FALSE(diagnostics.has_errors()) << render(diagnostics, {});
  }
};

// Formats, and checks that nothing was lost and that formatting again changes nothing.
std::string formatted(std::string text) {
  Source first(text);
  std::string out = format(first.sources, first.script);
  Source second(out);
  EXPECT_EQ(print_ast(first.script), print_ast(second.script)) << out;
  EXPECT_EQ(format(second.sources, second.script), out);
  return out;
}
// The same for one statement.
std::string statement(std::string text) {
  std::string out = formatted("begin { " + text + " }");
  std::string_view head = "begin\n{\n  ", tail = "\n}\n";
  EXPECT_TRUE(out.starts_with(head) && out.ends_with(tail)) << out;
  return out.substr(head.size(), out.size() - head.size() - tail.size());
}

TEST(Format, Probes) {
  EXPECT_EQ(formatted("kprobe:a,  kprobe:b/pid==1/{print(1)}"), "kprobe:a,\nkprobe:b/pid==1/\n{\n  print(1);\n}\n");
  EXPECT_EQ(formatted("begin,end / pid==1&&comm==\"x\" / {}"), "begin,\nend\n/pid == 1 && comm == \"x\"/\n{}\n");
  EXPECT_EQ(formatted("x = begin {}\nusdt:\"a b\":c {}"), "x=begin\n{}\nusdt:\"a b\":c\n{}\n");
  EXPECT_EQ(formatted("begin / *$x / {}"), "begin\n/ *$x/\n{}\n");
}

TEST(Format, MapsFromFilesAndPins) {
  EXPECT_EQ(formatted("let @a=hash( 10 )pin( \"x\" )\nload  @a /* c */ from\"a b.txt\" ;load @a from $1;begin {}"), "let @a = hash(10) pin(\"x\");\nload @a from \"a b.txt\";\n// c\nload @a from $1;\nbegin\n{}\n");
}

TEST(Format, KeepsWhatParenthesesMean) {
  EXPECT_EQ(statement("print((1+2)*3-4)"), "print((1 + 2) * 3 - 4);");
  EXPECT_EQ(statement("print(1-(2-3))"), "print(1 - (2 - 3));");
  EXPECT_EQ(statement("print((1))"), "print(1);");
  EXPECT_EQ(statement("print((1 && 2) || 3)"), "print((1 && 2) || 3);");
  EXPECT_EQ(statement("print(1 && 2 || 3)"), "print(1 && 2 || 3);");
  EXPECT_EQ(statement("print(-(1+2)); "), "print(-(1 + 2));");
  EXPECT_EQ(statement("print(- -$x, - --$x)"), "print(- -$x, - --$x);");
  EXPECT_EQ(statement("print((a ? b : c) ? d : e)"), "print((a ? b : c) ? d : e);");
  EXPECT_EQ(statement("print((*$p).x, *$p.x, ((struct s*)arg0)->x)"), "print((*$p).x, *$p.x, ((struct s*)arg0).x);");
  EXPECT_EQ(statement("print((pid)*2, (x)*2)"), "print(pid * 2, (x)*2);");
  EXPECT_EQ(statement("print(sizeof((x)[1]), sizeof(x[1]), sizeof((x)), sizeof(pid))"), "print(sizeof((x[1])), sizeof(x[1]), sizeof((x)), sizeof(pid));");
  EXPECT_EQ(statement("($x == 0) ? f() : g()"), "($x == 0) ? f() : g();");
  EXPECT_EQ(formatted("begin / 4 / ({ 2 }) / { }"), "begin\n/4 / ({\n  2\n})/\n{}\n");
  EXPECT_EQ(statement("({ 1 }) + 2"), "({\n    1\n  } + 2);");
}

TEST(Format, Heads) {
  EXPECT_EQ(statement("if (@a) { } else if ($x==1) { f() } else { }"), "if @a {} else if ($x == 1) {\n    f();\n  } else {}");
  EXPECT_EQ(statement("while (1) { } while ($x<2) { break }"), "while 1 {}\n  while ($x < 2) {\n    break;\n  }");
  EXPECT_EQ(statement("for ($i : 0..(1+2)) { } for ($kv : @m) { }"), "for $i : 0..(1 + 2) {}\n  for $kv : @m {}");
  EXPECT_EQ(statement("unroll 2 { continue }"), "unroll (2) {\n    continue;\n  }");
  EXPECT_EQ(statement("if ({ 1 }) { }"), "if ({\n    1\n  }) {}");
  EXPECT_EQ(statement("if 1 { } else { if 2 { } }"), "if 1 {} else {\n    if 2 {}\n  }");
}

TEST(Format, Spellings) {
  EXPECT_EQ(statement("$x+=0x10+1ms+1_000; print(\"a\\x41\\n\", $1, $#)"), "$x += 0x10 + 1ms + 1_000;\n  print(\"a\\x41\\n\", $1, $#);");
  EXPECT_EQ(statement("let $a; let $b:uint64* =1; _=2; return"), "let $a;\n  let $b : uint64* = 1;\n  _ = 2;\n  return;");
  EXPECT_EQ(statement("@[1,\"b\"]=(1,); @x=(a=1,b=()); $y?:2; $x++; --$x"), "@[1, \"b\"] = (1,);\n  @x = (a=1, b=());\n  $y ?: 2;\n  $x++;\n  --$x;");
  EXPECT_EQ(statement("f(typeof($x), typeof(uint8*), offsetof(struct s,a.b), (typeof($x)*)1, typeinfo(1), true)"),
            "f(typeof($x), typeof(uint8*), offsetof(struct s, a.b), (typeof($x)*)1, typeinfo(1), true);");
}

TEST(Format, BlockExpressions) {
  EXPECT_EQ(statement("$a={let $b=1;$b+1}"), "$a = {\n    let $b = 1;\n    $b + 1\n  };");
  EXPECT_EQ(statement("f({g();2})"), "f({\n    g();\n    2\n  });");
}

TEST(Format, BranchesThatGiveAValue) {
  EXPECT_EQ(statement("$a=if $b {1} else if $c {2;3} else {4}"), "$a = if $b {\n    1\n  } else if $c {\n    2;\n    3\n  } else {\n    4\n  };");
  EXPECT_EQ(formatted("macro f(x){if x {1} else {2}}"), "macro f(x)\n{\n  if x {\n    1\n  } else {\n    2\n  }\n}\n");
  EXPECT_EQ(formatted("macro f(x){if x {1} else {2};}"), "macro f(x)\n{\n  if x {\n    1;\n  } else {\n    2;\n  }\n}\n");
  EXPECT_EQ(statement("if $a { print(1) } else { print(2) }"), "if $a {\n    print(1);\n  } else {\n    print(2);\n  }");
}

TEST(Format, ComptimeStays) {
  EXPECT_EQ(statement("print(comptime 5)"), "print(comptime 5);");
  EXPECT_EQ(statement("$a=comptime(1+2)*3"), "$a = comptime (1 + 2) * 3;");
  EXPECT_EQ(statement("if comptime(1==2){print(1)}"), "if comptime (1 == 2) {\n    print(1);\n  }");
}

TEST(Format, PointersInDeclarations) { EXPECT_EQ(statement("let $b: uint64*=1"), "let $b : uint64* = 1;"); }

TEST(Format, Header) {
  EXPECT_EQ(formatted("#!/usr/bin/awl\n#define X  1\nstruct s { int x;\n  }; // after\nimport  \"a\\\"b\" ;config={a=1;b=\"c d\"}\nlet @a=hash(10) macro m($a,@b,c){$a}fn f($x:uint64,$y:string[4]):uint64{return 1}"),
            "#!/usr/bin/awl\n#define X  1\nstruct s { int x;\n  };\n// after\nimport \"a\\\"b\";\nconfig = {\n  a = 1;\n  b = \"c d\";\n}\nlet @a = hash(10);\n"
            "macro m($a, @b, c)\n{\n  $a\n}\nfn f($x : uint64, $y : string[4]) : uint64\n{\n  return 1;\n}\n");
}

TEST(Format, CommentsGetTheirOwnLines) {
  EXPECT_EQ(formatted("// a\nbegin { // b\n  f(/* c */ 1); // d\n  /* e\n   * f\n   */\n}\n/* g"), "// a\nbegin\n{\n  // b\n  f(1);\n  // c\n  // d\n  // e\n  // f\n}\n// g\n");
  EXPECT_EQ(formatted("struct s { int x; /* in */ }\n// out\nbegin { }"), "struct s { int x; /* in */ }\n// out\nbegin\n{}\n");
  EXPECT_EQ(formatted("begin { /* only */ }"), "begin\n{\n  // only\n}\n");
  EXPECT_EQ(formatted("config = { /* x */ a = 1; // y\n}\nbegin { $a = { 1 // z\n}; }"), "config = {\n  // x\n  a = 1;\n  // y\n}\nbegin\n{\n  $a = {\n    1\n    // z\n  };\n}\n");
}

TEST(Format, OneEmptyLineStays) {
  EXPECT_EQ(formatted("begin {\n\n\n  f();\n\n\n\n  g();\n  h();\n\n}\n\n\n// x\n\nend { }\n\n"), "begin\n{\n  f();\n\n  g();\n  h();\n}\n\n// x\n\nend\n{}\n");
}

}  // namespace
}  // namespace awl
