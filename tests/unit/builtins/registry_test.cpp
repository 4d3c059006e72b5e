#include <gtest/gtest.h>

#include "builtins/rows.h"

namespace awl {
namespace {

TEST(Registry, FindsEveryRowByName) {
  ASSERT_FALSE(builtins().empty());
  for (const Builtin* row : builtins()) {
    if (row->name != "argN") {
      EXPECT_EQ(find_builtin(row->name), row) << row->name;
    }
  }
  EXPECT_EQ(find_builtin("nosuch"), nullptr);
  EXPECT_EQ(find_builtin(""), nullptr);
}

TEST(Registry, NamesAreUnique) {
  for (size_t i = 1; i < builtins().size(); ++i) EXPECT_LT(builtins()[i - 1]->name, builtins()[i]->name);
}

TEST(Registry, PositionalArgumentsAreOneRow) {
  ASSERT_NE(find_builtin("arg0"), nullptr);
  EXPECT_EQ(find_builtin("arg0"), find_builtin("arg11"));
  EXPECT_EQ(find_builtin("argN"), nullptr);
  EXPECT_EQ(find_builtin("arg"), nullptr);
  EXPECT_EQ(find_builtin("argx"), nullptr);
}

TEST(Registry, EveryRowIsDocumentedAndLowered) {
  for (const Builtin* row : builtins()) {
    SCOPED_TRACE(row->name);
    EXPECT_TRUE(row->doc.ends_with(".") || row->doc.ends_with("strftime(3).")) << row->doc;
    EXPECT_FALSE(row->example.empty());
    EXPECT_FALSE(signatures(*row).empty());
    bool lowered = (row->lower != nullptr) != (row->lower_into != nullptr);
    EXPECT_TRUE(lowered || row->flags & BuiltinFlag::arguments || row->constant);
    EXPECT_EQ(row->flags & BuiltinFlag::no_value, signatures(*row)[0].result.empty());
  }
}

TEST(Signatures, PartsOfOne) {
  auto all = signatures(*find_builtin("str"));
  ASSERT_EQ(all.size(), 1u);
  ASSERT_EQ(all[0].parameters.size(), 2u);
  EXPECT_EQ(all[0].parameters[0].type, "pointer|int|string");
  EXPECT_EQ(all[0].parameters[0].name, "address");
  EXPECT_FALSE(all[0].parameters[0].optional);
  EXPECT_EQ(all[0].parameters[1].type, "int");
  EXPECT_TRUE(all[0].parameters[1].optional);
  EXPECT_EQ(all[0].result, "string");
}

TEST(Signatures, OverloadsRestAndLiterals) {
  EXPECT_EQ(signatures(*find_builtin("kstack")).size(), 2u);
  auto printf_signature = signatures(*find_builtin("printf")).at(0);
  ASSERT_EQ(printf_signature.parameters.size(), 2u);
  EXPECT_EQ(printf_signature.parameters[0].type, "literal string");
  EXPECT_TRUE(printf_signature.parameters[1].rest);
  EXPECT_EQ(printf_signature.parameters[1].type, "any");
  EXPECT_TRUE(signatures(*find_builtin("pid")).at(0).parameters.at(0).optional);
  EXPECT_TRUE(signatures(*find_builtin("cpu")).at(0).parameters.empty());
}

std::string letters(std::string_view format) {
  std::string text;
  for (const Conversion& c : parse_conversions(format).conversions) text += std::string(1, c.letter) + std::string(c.variant);
  return text;
}

TEST(Format, Conversions) {
  EXPECT_EQ(letters("%d %5.2s %-08lld %%%c"), "dsdc");
  EXPECT_EQ(letters("%r %rx %rh %gr %hhx"), "rrxrhrgx");
  EXPECT_EQ(letters("100%"), "");
  EXPECT_EQ(letters("%y%d"), "d");
  EXPECT_EQ(parse_conversions("%f").error, "unsupported format specifier: f");
}

}  // namespace
}  // namespace awl
