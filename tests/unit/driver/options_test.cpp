#include "driver/options.h"

#include <getopt.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace awl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<Options> read(std::vector<std::string> words, bool* usage = nullptr) {
  optind = 0;  // getopt starts anew
  opterr = 0;
  words.insert(words.begin(), "awl");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  bool show = false;
  Result<Options> options = read_options(count, arguments.data(), show);
  if (usage) *usage = show;
  return options;
}

TEST(CommandLine, ProgramAndParameters) {
  Result<Options> options = read({"-e", "begin {}", "one", "-f", "json", "--", "-5", "--aa=3"});
  ASSERT_TRUE(options);
  EXPECT_TRUE(options->has_program);
  EXPECT_EQ(options->program, "begin {}");
  EXPECT_THAT(options->compile.parameters, ElementsAre("one", "-5"));
  EXPECT_EQ(options->compile.named.at("aa"), "3");
  EXPECT_TRUE(options->compile.parameters_known);
  EXPECT_EQ(options->run.session.format, Format::json);
}

TEST(CommandLine, FileAndParameters) {
  Result<Options> options = read({"x.bt", "1", "2"});
  ASSERT_TRUE(options);
  EXPECT_THAT(options->operands, ElementsAre("x.bt"));
  EXPECT_THAT(options->run.session.parameters, ElementsAre("1", "2"));
}

TEST(CommandLine, BuildWritesWhereOSays) {
  Result<Options> options = read({"build", "x.bt", "-o", "x.o"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->command, Command::build);
  EXPECT_EQ(options->artifact_file, "x.o");
  EXPECT_TRUE(options->run.output_file.empty());
  EXPECT_FALSE(options->compile.parameters_known);
}

TEST(CommandLine, PidAndChildAskForFilters) {
  EXPECT_TRUE(read({"-p", "5", "-e", "x"})->compile.has_pid);
  EXPECT_TRUE(read({"-c", "ls", "-e", "x"})->compile.has_child);
  EXPECT_FALSE(read({"-e", "x"})->compile.has_pid);
}

TEST(CommandLine, Mistakes) {
  bool usage = false;
  EXPECT_FALSE(read({"--nonsense"}, &usage));
  EXPECT_TRUE(usage);
  EXPECT_FALSE(read({"-e"}, &usage));
  EXPECT_TRUE(usage);
  EXPECT_THAT(read({"-d", "nonsense"}, &usage).error().message, HasSubstr("USAGE: invalid option for -d: nonsense"));
  EXPECT_FALSE(usage);
  EXPECT_THAT(read({"--no-feature", "x"}).error().message, HasSubstr("--no-feature can only have values"));
  EXPECT_THAT(read({"--mode", "x"}).error().message, HasSubstr("--mode"));
}

TEST(CommandLine, DebugStages) {
  Result<Options> options = read({"-d", "ast,verifier", "-e", "x"});
  ASSERT_TRUE(options);
  EXPECT_TRUE(options->dump.ast);
  EXPECT_TRUE(options->run.session.debug_verifier);
  EXPECT_FALSE(options->dump.codegen);
}

TEST(CommandLine, CheckAndFormatTakeFiles) {
  Result<Options> options = read({"check", "--json", "a.bt", "b.bt", "--", "one"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->command, Command::check);
  EXPECT_TRUE(options->json);
  EXPECT_THAT(options->operands, ElementsAre("a.bt", "b.bt"));
  EXPECT_THAT(options->compile.parameters, ElementsAre("one"));
  EXPECT_TRUE(options->compile.parameters_known);
  EXPECT_FALSE(read({"check", "a.bt"})->compile.parameters_known);
  options = read({"fmt", "-i", "a.bt", "b.bt"});
  ASSERT_TRUE(options);
  EXPECT_TRUE(options->in_place);
  EXPECT_THAT(options->operands, ElementsAre("a.bt", "b.bt"));
  EXPECT_EQ(read({"--fmt", "a.bt"})->command, Command::fmt);
  EXPECT_EQ(read({"--mode", "format", "a.bt"})->command, Command::fmt);
  EXPECT_EQ(read({"--mode", "codegen", "a.bt"})->command, Command::compile);
  EXPECT_THAT(read({"-i", "a.bt"}).error().message, HasSubstr("awl fmt -i"));
}

TEST(CommandLine, EveryOptionIsInTheUsage) {
  for (std::string_view name :
       {"-e ", "--list", "--pid", "--cmd", "--output", "--format", "-B ", "--quiet", "--verbose", "--warnings", "--no-warnings", "--unsafe", "--dry-run", "--fail-on-loss",
        "--probe-filter", "--traceable-functions", "--no-feature", "--btf", "-I ", "--include", "--info", "--help", "--version", "--debug", "--emit-elf",
        "--emit-llvm", "--verify-llvm-ir", "--mode", "--fmt", "-i "})
    EXPECT_THAT(std::string(usage_text), HasSubstr(std::string(name)));
}

}  // namespace
}  // namespace awl
