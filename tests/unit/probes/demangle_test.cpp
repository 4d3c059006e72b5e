#include "probes/demangle.h"

#include <gtest/gtest.h>

namespace awl {
namespace {

TEST(Demangle, CxxAndRust) {
  EXPECT_EQ(demangle("_ZN2ns1fEi"), "ns::f(int)");
  EXPECT_EQ(demangle("_ZN10rusttarget4shop5price17h90b926589bf7ab3aE"), "rusttarget::shop::price");
  EXPECT_EQ(demangle("_RNvNtCs1234_7mycrate3foo3bar"), "mycrate::foo::bar");
  EXPECT_EQ(demangle("main"), "");
  EXPECT_EQ(demangle("_Znonsense"), "");
}

TEST(Demangle, NamesAFunction) {
  EXPECT_TRUE(names_function("ns::f", "ns::f(int)"));
  EXPECT_TRUE(names_function("ns::f(int)", "ns::f(int)"));
  EXPECT_FALSE(names_function("ns::f(long)", "ns::f(int)"));
  EXPECT_FALSE(names_function("f", "ns::f(int)"));
  EXPECT_TRUE(names_function("*::f", "ns::f(int)"));
  EXPECT_TRUE(names_function("S::m", "int S::m<int>(int) const"));
  EXPECT_TRUE(names_function("S::m<int>", "int S::m<int>(int) const"));
  EXPECT_TRUE(names_function("S::m<int>(int) const", "int S::m<int>(int) const"));
  EXPECT_TRUE(names_function("(anonymous namespace)::f", "(anonymous namespace)::f(int)"));
  EXPECT_TRUE(names_function("S::operator()", "S::operator()(int)"));
  EXPECT_TRUE(names_function("operator new", "operator new(unsigned long)"));
  EXPECT_FALSE(names_function("*", ""));
}

}  // namespace
}  // namespace awl
