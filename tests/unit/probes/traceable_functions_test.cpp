#include "probes/traceable_functions.h"

#include <gmock/gmock.h>

#include "base/sort_texts.h"

namespace awl {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> read(std::string text, FunctionList kind, std::string_view refused = "") {
  std::vector<std::string> lines;
  const auto all = read_traceable_functions(std::move(text), kind, refused);
  for (const TraceableFunction& function : all->functions)
    lines.push_back(fmt::format("{}|{}", function.name, function.module));
  return lines;
}

TEST(TraceableFunctions, LinesOfFunctions) {
  EXPECT_THAT(read("vfs_read\nfuse_open [fuse]\nfuse_open\tvirtiofs\nvfs_read\n\n__ftrace_invalid_address___12\nabc", FunctionList::functions),
              ElementsAre("abc|", "fuse_open|fuse", "fuse_open|virtiofs", "vfs_read|"));
  EXPECT_THAT(read("", FunctionList::functions), IsEmpty());
}

TEST(TraceableFunctions, LinesOfSymbols) {
  EXPECT_THAT(read("ffffffff81000000 T vfs_read\nffffffff81000010 t fuse_open\t[fuse]\nffffffff81000020 D jiffies\nffffffff81000030 W weak\n"
                   "ffffffff81000040 t __pfx_vfs_read\nffffffff81000050 t vfs_read.cold\nffffffff81000060 t\nffffffff81000070 \nshort\n",
                   FunctionList::symbols),
              ElementsAre("fuse_open|fuse", "vfs_read|", "weak|"));
}

TEST(TraceableFunctions, RefusedOnesAreLeftOut) {
  EXPECT_THAT(read("a\nb [m]\nc\n", FunctionList::functions, "0x1-0x2\tc\n\n0x3-0x4\tb [m]\nrest"), ElementsAre("a|"));
}

TEST(SortTexts, AsTextsAreOrdered) {
  std::vector<std::string_view> texts{"abcdefghijklmnopz", "b", "abcdefghijklmnopa", "", "abcdefgh", "abcdefgh_", "\xff", "b", "abcdefghijklmnop"};
  std::vector<std::string_view> expected = texts;
  std::ranges::sort(expected);
  expected.erase(std::ranges::unique(expected).begin(), expected.end());
  sort_texts(texts, [](std::string_view text) { return text; });
  EXPECT_EQ(texts, expected);
}

}  // namespace
}  // namespace awl
