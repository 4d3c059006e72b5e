// Every row of the language (builtins, probe kinds) carries its documentation and an example that compiles, and a test names it.
#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "builtins/builtin.h"
#include "driver/compile.h"
#include "driver/doc.h"
#include "driver/options.h"
#include "probes/host.h"
#include "probes/provider.h"

namespace awl {
namespace {

// The text of all tests, these rules excepted.
const std::string& tests() {
  static const std::string all = [] {
    std::ostringstream text;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(AWL_TESTS)) {
      std::string path = entry.path().string();
      if (!entry.is_regular_file() || path.find("/arch/") != path.npos || path.find("/fuzz/") != path.npos || path.find("/bench/") != path.npos) continue;
      text << std::ifstream(entry.path()).rdbuf() << '\n';
    }
    return text.str();
  }();
  return all;
}

bool named_by_a_test(std::string_view name) {
  auto word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  for (size_t at = tests().find(name); at != std::string::npos; at = tests().find(name, at + 1)) {
    size_t end = at + name.size();
    if ((at == 0 || !word(tests()[at - 1])) && (end >= tests().size() || !word(tests()[end]))) return true;
  }
  return false;
}

// What is wrong with an example; empty: it compiles.
std::string compile_example(std::string_view example, Host& host) {
  if (example.empty()) return "there is none";
  Sources sources;
  Diagnostics diagnostics(sources);
  CompileOptions options;
  options.unsafe = true;
  Result<artifact::Bytes> bytes = compile(sources, sources.add("example", std::string(example)), options, host, diagnostics);
  if (diagnostics.has_errors()) return render(diagnostics, {});
  return bytes ? "" : bytes.error().text();
}

TEST(Rows, OptionsAreInTheUsageAndInTheManual) {
  std::ostringstream text;
  text << std::ifstream(AWL_TESTS "/../man/awl.8").rdbuf();
  std::string manual = text.str();
  std::erase(manual, '\\');  // dashes are written \-
  ASSERT_FALSE(manual.empty());
  for (std::string_view name : option_names()) {
    std::string option = fmt::format("--{}", name);
    EXPECT_TRUE(usage_text.contains(option)) << option;
    EXPECT_TRUE(manual.contains(option)) << option;
  }
}

TEST(Rows, Builtins) {
  auto host = make_linux_host({});
  for (const Builtin* row : builtins()) {
    SCOPED_TRACE(row->name);
    EXPECT_FALSE(row->signature.empty());
    EXPECT_GT(row->doc.size(), 10u);
    EXPECT_EQ(compile_example(row->example, *host), "");
    EXPECT_TRUE(named_by_a_test(row->name)) << "no test names it";
  }
}

TEST(Rows, Macros) {
  auto host = make_linux_host({});
  for (const DocFamily& family : documentation()) {
    EXPECT_GT(family.title.size(), 3u);
    for (const DocEntry& entry : family.entries) {
      SCOPED_TRACE(entry.name);
      EXPECT_GT(entry.text.size(), 10u);
      EXPECT_FALSE(entry.signatures.empty());
      EXPECT_EQ(compile_example(entry.example, *host), "");
      EXPECT_TRUE(named_by_a_test(entry.name)) << "no test names it";
    }
  }
}

TEST(Rows, Providers) {
  auto host = make_linux_host({});
  for (const Provider* row : providers()) {
    SCOPED_TRACE(row->name);
    EXPECT_FALSE(row->syntax.empty());
    EXPECT_GT(row->doc.size(), 10u);
    // Functions that this kernel does not let anyone trace are probed in tests/kernel.
    if (std::string wrong = compile_example(row->example, *host); wrong.find("No matches for") == wrong.npos) {
      EXPECT_EQ(wrong, "");
    }
    EXPECT_TRUE(named_by_a_test(row->name)) << "no test names it";
  }
}

}  // namespace
}  // namespace awl
