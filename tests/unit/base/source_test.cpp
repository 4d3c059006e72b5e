#include "base/source.h"

#include <gtest/gtest.h>

namespace awl {
namespace {

TEST(Sources, NumbersFilesFromOne) {
  Sources sources;
  EXPECT_EQ(sources.count(), 0u);
  EXPECT_EQ(sources.add("a", "x"), 1u);
  EXPECT_EQ(sources.add("b", "y"), 2u);
  EXPECT_EQ(sources.file(2).name, "b");
  EXPECT_THROW(sources.file(0), std::out_of_range);
  EXPECT_THROW(sources.file(3), std::out_of_range);
}

TEST(Sources, KeepsAddresses) {
  Sources sources;
  uint32_t first = sources.add("a", "text");
  const SourceFile* before = &sources.file(first);
  for (int i = 0; i < 1000; ++i) sources.add("more", "");
  EXPECT_EQ(before, &sources.file(first));
}

TEST(Sources, FindsLinesAndColumns) {
  Sources sources;
  uint32_t file = sources.add("a", "one\n\nthree\n");
  auto at = [&](uint32_t offset) {
    Position p = sources.position(file, offset);
    return std::pair(p.line, p.column);
  };
  EXPECT_EQ(at(0), std::pair(1u, 1u));
  EXPECT_EQ(at(3), std::pair(1u, 4u));  // the newline belongs to its line
  EXPECT_EQ(at(4), std::pair(2u, 1u));
  EXPECT_EQ(at(5), std::pair(3u, 1u));
  EXPECT_EQ(at(11), std::pair(4u, 1u));  // behind the last newline
  EXPECT_EQ(sources.line(file, 1), "one");
  EXPECT_EQ(sources.line(file, 2), "");
  EXPECT_EQ(sources.line(file, 3), "three");
  EXPECT_EQ(sources.line(file, 4), "");
  EXPECT_EQ(sources.line(file, 0), "");
  EXPECT_EQ(sources.line(file, 5), "");
}

TEST(Sources, GivesTheTextOfASpan) {
  Sources sources;
  uint32_t file = sources.add("a", "hello world");
  EXPECT_EQ(sources.text({file, 6, 11}), "world");
  EXPECT_EQ(sources.text({file, 6, 600}), "world");
  EXPECT_EQ(sources.text({file, 60, 61}), "");
  EXPECT_EQ(sources.text({}), "");
}

TEST(Sources, KnowsWhereTextWasBroughtIn) {
  Sources sources;
  uint32_t script = sources.add("s.bt", "call"), macros = sources.add("m.bt", "one\ntwo");
  Span call{script, 0, 4};
  uint32_t outer = sources.expand(macros, call), inner = sources.expand(outer, {outer, 0, 3});
  Span text{inner, 4, 7};
  EXPECT_EQ(sources.text(text), "two");
  EXPECT_EQ(sources.position(inner, 4).line, 2u);
  EXPECT_EQ(sources.file(inner).name, "m.bt");
  EXPECT_EQ(sources.written(text), (Span{macros, 4, 7}));
  EXPECT_EQ(sources.expanded_from(text), (Span{outer, 0, 3}));
  EXPECT_EQ(sources.expanded_from(sources.expanded_from(text)), call);
  EXPECT_FALSE(sources.expanded_from(call));
  sources.imported(macros, call);
  EXPECT_EQ(sources.expanded_from({macros, 0, 3}), call);
  EXPECT_EQ(sources.count(), 2u);
}

TEST(Span, JoinsWithinOneFile) {
  EXPECT_EQ(join({1, 2, 4}, {1, 8, 9}), (Span{1, 2, 9}));
  EXPECT_EQ(join({1, 8, 9}, {1, 2, 4}), (Span{1, 2, 9}));
  EXPECT_EQ(join({1, 2, 4}, {2, 8, 9}), (Span{1, 2, 4}));
  EXPECT_EQ(join({}, {2, 8, 9}), (Span{2, 8, 9}));
  EXPECT_EQ(join({1, 2, 4}, {}), (Span{1, 2, 4}));
  EXPECT_FALSE(join({}, {}));
}

}  // namespace
}  // namespace awl
