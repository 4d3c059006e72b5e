#include <gtest/gtest.h>

#include "lexer/token.h"

namespace awl {
namespace {

struct LiteralTest : testing::Test {
  Sources sources;
  Diagnostics diagnostics{sources};

  uint64_t integer(std::string text) {
    uint32_t file = sources.add("t", text);
    return parse_integer(text, {file, 0, static_cast<uint32_t>(text.size())}, diagnostics);
  }
  std::string string(std::string text) {
    uint32_t file = sources.add("t", text);
    return parse_string(text, {file, 0, static_cast<uint32_t>(text.size())}, diagnostics);
  }
  std::string mistake(std::string text) {
    size_t before = diagnostics.all().size();
    EXPECT_EQ(integer(text), 0u) << text;
    if (diagnostics.all().size() != before + 1) return "no mistake reported";
    const Diagnostic& d = diagnostics.all().back();
    return fmt::format("{}-{} {}", d.span.begin, d.span.end, d.text);
  }
};

TEST_F(LiteralTest, ReadsIntegers) {
  EXPECT_EQ(integer("0"), 0u);
  EXPECT_EQ(integer("1_000"), 1000u);
  EXPECT_EQ(integer("1__0"), 10u);
  EXPECT_EQ(integer("010"), 8u);
  EXPECT_EQ(integer("0_1"), 1u);
  EXPECT_EQ(integer("0777"), 511u);
  EXPECT_EQ(integer("0xfF"), 255u);
  EXPECT_EQ(integer("0X1f_0"), 0x1f0u);
  EXPECT_EQ(integer("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(integer("0xffffffffffffffff"), UINT64_MAX);
  EXPECT_EQ(integer("9e18"), 9'000'000'000'000'000'000u);
  EXPECT_EQ(integer("1E3"), 1000u);
  EXPECT_EQ(integer("3d"), 259'200'000'000'000u);
  EXPECT_EQ(integer("2h"), 7'200'000'000'000u);
  EXPECT_EQ(integer("5ull"), 5u);
  EXPECT_EQ(integer("0x5UL"), 5u);
  EXPECT_FALSE(diagnostics.has_errors());
}

TEST_F(LiteralTest, TellsWhatIsWrongWithAnInteger) {
  EXPECT_EQ(mistake("0b11"), "1-4 syntax: invalid integer suffix 'b11'");
  EXPECT_EQ(mistake("5x"), "1-2 syntax: invalid integer suffix 'x'");
  EXPECT_EQ(mistake("0x1s"), "3-4 syntax: invalid integer suffix 's'");
  EXPECT_EQ(mistake("1_"), "1-2 syntax: trailing underscore in integer literal");
  EXPECT_EQ(mistake("08"), "0-2 syntax: invalid trailing bytes: 08");
  EXPECT_EQ(mistake("0x"), "0-2 syntax: invalid integer: 0x");
  EXPECT_EQ(mistake("1e0"), "0-3 syntax: invalid trailing bytes: 1e0");
  EXPECT_EQ(mistake("12e2"), "0-4 syntax: coefficient part of scientific literal must be 1-9: 12e2");
  EXPECT_EQ(mistake("1e20"), "0-4 syntax: overflow error, maximum value is 18446744073709551615: 1e20");
  EXPECT_EQ(mistake("1e99999999999999999999999"), "0-25 syntax: overflow error, maximum value is 18446744073709551615: 1e99999999999999999999999");
  EXPECT_EQ(mistake("18446744073709551616"), "0-20 syntax: overflow error, maximum value is 18446744073709551615: 18446744073709551616");
  EXPECT_EQ(mistake("300000000d"), "0-10 syntax: overflow error, maximum value is 18446744073709551615: 300000000d");
}

TEST_F(LiteralTest, ResolvesEscapes) {
  EXPECT_EQ(string(R"(a\n\t\r\\\"b)"), "a\n\t\r\\\"b");
  EXPECT_EQ(string(R"(\101\0\033[0m)"), std::string("A\0\033[0m", 6));
  EXPECT_EQ(string(R"(\x41\x4g\xff)"), "A\x04g\xff");
  EXPECT_EQ(string("\xc3\xa4"), "\xc3\xa4");
  EXPECT_FALSE(diagnostics.has_errors());
}

TEST_F(LiteralTest, TellsWhatIsWrongWithAnEscape) {
  string(R"(a\e)");
  EXPECT_EQ(diagnostics.all().back().text, "syntax: invalid escape character '\\e'");
  EXPECT_EQ(diagnostics.all().back().span.begin, 2u);
  string(R"(\xg)");
  EXPECT_EQ(diagnostics.all().back().text, "syntax: invalid hex escape sequence");
  string(R"(\400)");
  EXPECT_EQ(diagnostics.all().back().text, "syntax: octal escape sequence out of range, maximum is '\\377'");
}

TEST(Lex, SpansCoverTheSource) {
  Sources sources;
  Diagnostics diagnostics(sources);
  std::string text = "kprobe:f / pid == 1 /\n{ @a[\"k\\n\"] = $x->y; }\n";
  uint32_t file = sources.add("t", text);
  TokenList list = lex(sources, file, diagnostics);
  std::string all;
  uint32_t last = 0;
  for (const Token& t : list.tokens) {
    EXPECT_GE(t.span.begin, last);
    last = t.span.end;
    all += std::string(sources.text(t.span)) + "|";
  }
  EXPECT_EQ(all, "kprobe:f|/|pid|==|1|/|{|@a|[|\"k\\n\"|]|=|$x|->|y|;|}||");
}

TEST(Lex, TakesAnyByte) {
  std::string text = "begin { print(";
  for (int c = 0; c < 256; ++c) text += static_cast<char>(c);
  Sources sources;
  Diagnostics diagnostics(sources);
  uint32_t file = sources.add("t", text);
  EXPECT_EQ(lex(sources, file, diagnostics).tokens.back().kind, Tok::end);
}

}  // namespace
}  // namespace awl
