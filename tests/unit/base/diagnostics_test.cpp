#include "base/diag/builtins.h"
#include "base/diag/calls.h"
#include "base/diag/syntax.h"
#include "base/diagnostics.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace awl {
namespace {

struct DiagnosticsTest : testing::Test {
  Sources sources;
  Diagnostics diagnostics{sources};
  uint32_t file = 0;

  void text(std::string source) { file = sources.add("t.bt", std::move(source)); }
  Diagnostic& error(uint32_t begin, uint32_t end, std::string_view message = "bad") { return diagnostics.report<Diag::syntax>(Span{file, begin, end}, message); }
  std::string rendered(RenderOptions options = {}) { return render(diagnostics, options); }
};

TEST_F(DiagnosticsTest, UnderlinesTheSpan) {
  text("begin { print(x) }\n");
  error(14, 15);
  EXPECT_EQ(rendered(), "t.bt:1:15-16: ERROR: syntax: bad\nbegin { print(x) }\n              ~\n");
}

TEST_F(DiagnosticsTest, ShowsATabAsFourBlanks) {
  text("\tx\ty;\n");
  error(3, 4);
  EXPECT_EQ(rendered(), "t.bt:1:4-5: ERROR: syntax: bad\n    x    y;\n         ~\n");
}

TEST_F(DiagnosticsTest, UnderlinesATabInsideTheSpan) {
  text("a\tb;\n");
  error(0, 3);
  EXPECT_EQ(rendered(), "t.bt:1:1-4: ERROR: syntax: bad\na    b;\n~~~~~~\n");
}

TEST_F(DiagnosticsTest, ShowsAllLinesOfALongSpan) {
  text("one\n\ttwo\nthree\n");
  error(2, 11);
  EXPECT_EQ(rendered(), "t.bt:1-3: ERROR: syntax: bad\none\n    two\nthree\n");
}

TEST_F(DiagnosticsTest, PointsBehindTheEndOfInput) {
  text("begin");
  error(5, 5);
  EXPECT_EQ(rendered(), "t.bt:1:6-6: ERROR: syntax: bad\nbegin\n     \n");
}

TEST_F(DiagnosticsTest, PointsBehindTheLastNewline) {
  text("begin\n");
  error(6, 6);
  EXPECT_EQ(rendered(), "t.bt:2:1-1: ERROR: syntax: bad\n\n\n");
}

TEST_F(DiagnosticsTest, WorksWithoutAPlace) {
  diagnostics.report<Diag::unknown_function>({}, "f");
  EXPECT_EQ(rendered(), "ERROR: Unknown function: 'f'\n");
}

TEST_F(DiagnosticsTest, AddsNotesAndHints) {
  text("a b\n");
  error(2, 3).note({file, 0, 1}, "first here").hint("say it once");
  EXPECT_EQ(rendered(), "t.bt:1:3-4: ERROR: syntax: bad\na b\n  ~\nt.bt:1:1-2: ERROR: first here\na b\n~\nHINT: say it once\n");
}

TEST_F(DiagnosticsTest, ColorsTheFirstLine) {
  text("a\n");
  error(0, 1);
  EXPECT_EQ(rendered({.color = true}), "\033[31mt.bt:1:1-2: ERROR: syntax: bad\033[0m\na\n~\n");
}

TEST_F(DiagnosticsTest, ReportsTheSameOnce) {
  text("a b\n");
  error(0, 1);
  error(0, 1).hint("lost with the repetition");
  error(0, 1, "other");
  error(2, 3);
  EXPECT_EQ(diagnostics.error_count(), 3u);
  EXPECT_EQ(diagnostics.all().size(), 3u);
  EXPECT_TRUE(diagnostics.all()[0].hints.empty());
}

TEST_F(DiagnosticsTest, PutsErrorsBeforeWarnings) {
  text("a b\n");
  diagnostics.report<Diag::length_shortened>(Span{file, 0, 1}, 1, 2);
  EXPECT_FALSE(diagnostics.has_errors());
  error(2, 3);
  std::string all = rendered();
  EXPECT_LT(all.find("ERROR"), all.find("WARNING"));
  EXPECT_EQ(rendered({.warnings = false}).find("WARNING"), std::string::npos);
}

TEST_F(DiagnosticsTest, NamesIds) { EXPECT_EQ(Diag::unknown_identifier.name, "unknown_identifier"); }

TEST_F(DiagnosticsTest, RendersJson) {
  text("a\nb \"c\"\n");
  error(2, 3, "quote \"").note({file, 0, 1}, "here").note({}, "nowhere").hint("do");
  diagnostics.report<Diag::unknown_function>({}, "\xff");
  std::string all = render_json(diagnostics);
  size_t end = all.find('\n');
  auto first = nlohmann::json::parse(all.substr(0, end)), second = nlohmann::json::parse(all.substr(end + 1));
  EXPECT_EQ(first["id"], "syntax");
  EXPECT_EQ(first["severity"], "error");
  EXPECT_EQ(first["message"], "syntax: quote \"");
  EXPECT_EQ(first["span"]["file"], "t.bt");
  EXPECT_EQ(first["span"]["start"]["line"], 2);
  EXPECT_EQ(first["span"]["start"]["column"], 1);
  EXPECT_EQ(first["span"]["end"]["column"], 2);
  EXPECT_EQ(first["notes"].size(), 2u);
  EXPECT_FALSE(first["notes"][1].contains("span"));
  EXPECT_EQ(first["hints"][0], "do");
  EXPECT_FALSE(second.contains("span"));
  EXPECT_FALSE(second.contains("hints"));
}

}  // namespace
}  // namespace awl
