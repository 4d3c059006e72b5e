#include "runtime/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_host.h"
#include "runtime/clock.h"
#include "runtime/kernel_symbols.h"
#include "runtime/params.h"

namespace awl {
namespace {

using artifact::Param;
using artifact::ParamKind;
using ::testing::HasSubstr;

bpf_insn exchange() { return {.code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = 1, .src_reg = 2, .off = 8, .imm = BPF_XCHG}; }
std::vector<bpf_insn> load64(uint64_t value, uint8_t source = 0) {
  return {{.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 3, .src_reg = source, .off = 0, .imm = static_cast<int32_t>(value)},
          {.code = 0, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = static_cast<int32_t>(value >> 32)}};
}

TEST(ReplaceExchanges, BecomeStores) {
  std::vector<bpf_insn> code{exchange()};
  EXPECT_TRUE(replace_exchanges(code));
  EXPECT_EQ(code[0].code, BPF_STX | BPF_MEM | BPF_DW);
  EXPECT_EQ(code[0].imm, 0);
  EXPECT_EQ(code[0].dst_reg, 1);
  EXPECT_EQ(code[0].src_reg, 2);
  EXPECT_EQ(code[0].off, 8);
}

TEST(ReplaceExchanges, LeavesOtherInstructionsAlone) {
  std::vector<bpf_insn> code = load64(5);
  code.push_back({.code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = 1, .src_reg = 2, .off = 8, .imm = BPF_ADD});
  std::vector<bpf_insn> before = code;
  EXPECT_FALSE(replace_exchanges(code));
  EXPECT_EQ(memcmp(code.data(), before.data(), code.size() * sizeof code[0]), 0);
}

TEST(PatchCookies, OnlyThePlaceholder) {
  std::vector<bpf_insn> code = load64(artifact::cookie_placeholder);
  for (const bpf_insn& other : load64(artifact::cookie_placeholder + 1)) code.push_back(other);
  patch_cookies(code, 0x1'0000'0007);
  EXPECT_EQ(code[0].imm, 7);
  EXPECT_EQ(code[1].imm, 1);
  EXPECT_EQ(static_cast<uint32_t>(code[2].imm), static_cast<uint32_t>(artifact::cookie_placeholder + 1));
}

TEST(PatchCookies, NotInMapReferences) {
  std::vector<bpf_insn> code = load64(artifact::cookie_placeholder, BPF_PSEUDO_MAP_FD);
  patch_cookies(code, 7);
  EXPECT_EQ(static_cast<uint32_t>(code[0].imm), static_cast<uint32_t>(artifact::cookie_placeholder));
}

TEST(VerifierLog, ReasonAndLine) {
  std::string log =
      "func#0 @0\n0: R1=ctx() R10=fp0\n; $x = *(uint64 *)arg0; @ stdin:1\n0: (79) r1 = *(u64 *)(r1 +0)\n1: (79) r0 = *(u64 *)(r1 +0)\n"
      "R1 invalid mem access 'scalar'\nprocessed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0\n";
  std::string text = explain_verifier_log(log);
  EXPECT_THAT(text, HasSubstr("R1 invalid mem access 'scalar'"));
  EXPECT_THAT(text, HasSubstr("in the script's line: $x = *(uint64 *)arg0;"));
  EXPECT_EQ(text.find("processed"), text.npos);
  EXPECT_EQ(text.find("@ stdin"), text.npos);
}

TEST(VerifierLog, EmptyAndOdd) {
  EXPECT_EQ(explain_verifier_log(""), "nothing");
  EXPECT_EQ(explain_verifier_log("no newline"), "no newline");
}

struct KeySizes : ::testing::Test {
  KeySizes() { host.features.erase(Feature::large_keys); }
  ~KeySizes() override {
    fclose(said);
    free(text);
  }
  void key(artifact::Type type) { meta.maps = {{.name = "@files", .key = {std::move(type)}}}; }
  artifact::Meta meta;
  FakeHost host;
  char* text = nullptr;
  size_t size = 0;
  std::FILE* said = open_memstream(&text, &size);
  Messages messages{said, false, true};
  artifact::Type string{.kind = artifact::Kind::string, .size = 1024};
  artifact::Type number{.kind = artifact::Kind::integer, .size = 8};
};

TEST_F(KeySizes, NothingChangesWhereTheKernelTakesThem) {
  key({.kind = artifact::Kind::string, .size = 512});
  EXPECT_TRUE(fit_keys(meta, host, messages));
  host.features.insert(Feature::large_keys);
  key(string);
  EXPECT_TRUE(fit_keys(meta, host, messages));
  EXPECT_EQ(meta.maps[0].key[0], string);
  EXPECT_EQ(ftell(said), 0);
}

TEST_F(KeySizes, AStringThatStandsLastIsCutAndSaysSo) {
  key(string);
  EXPECT_TRUE(fit_keys(meta, host, messages));
  EXPECT_EQ(meta.maps[0].key[0].size, 512u);
  EXPECT_TRUE(meta.maps[0].key[0].truncatable);
  fflush(said);
  EXPECT_THAT(text, HasSubstr("strings in the keys of @files that are longer than 511 bytes are cut"));
  key({.kind = artifact::Kind::tuple, .size = 1032, .elements = {{.offset = 0, .type = {number}}, {.offset = 8, .type = {string}}}});
  EXPECT_TRUE(fit_keys(meta, host, messages));
  EXPECT_EQ(meta.maps[0].key[0].size, 512u);
  EXPECT_EQ(meta.maps[0].key[0].elements[1].type[0].size, 504u);
}

TEST_F(KeySizes, AnotherKeyIsAnErrorThatNamesTheMap) {
  key({.kind = artifact::Kind::tuple, .size = 1032, .elements = {{.offset = 0, .type = {string}}, {.offset = 1024, .type = {number}}}});
  Result<> refused = fit_keys(meta, host, messages);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), HasSubstr("the key of map @files takes 1032 bytes; this kernel takes keys of at most 512"));
  EXPECT_THAT(refused.error().hint, HasSubstr("max_strlen = 200"));
}

TEST(KernelSymbols, FindsTheSymbolBefore) {
  KernelSymbols symbols("ffffffff81000000 T _text\nffffffff81000000 t startup\nffffffff81000100 t second\t[mod]\nffffffff81000200 D data\n0000000000000000 T hidden\nrubbish\n");
  EXPECT_EQ(symbols.size(), 3u);
  EXPECT_EQ(symbols.find(0xffffffff81000005)->name, "_text");
  EXPECT_EQ(symbols.find(0xffffffff81000005)->offset, 5u);
  EXPECT_EQ(symbols.find(0xffffffff81000100)->name, "second");
  EXPECT_EQ(symbols.find(0xffffffff81000300)->name, "second");
  EXPECT_FALSE(symbols.find(0x1000));
  EXPECT_FALSE(KernelSymbols("").find(1));
}

TEST(Clock, FormatsWithMicroseconds) {
  setenv("TZ", "UTC", 1);
  tzset();
  EXPECT_EQ(format_time(1'000'000'000'123'456'789, "%Y-%m-%d %H:%M:%S.%f%%f"), "2001-09-09 01:46:40.123456%f");
  EXPECT_EQ(format_time(0, ""), "");
  EXPECT_EQ(format_time(5'000, "%f"), "000005");
  EXPECT_EQ(format_time(0, "100%"), "100%");
}

struct ParamValues : ::testing::Test {
  FakeHost host;
  SessionOptions options;
  artifact::Meta meta;
  std::vector<uint8_t> block = std::vector<uint8_t>(64, 0xee);
  Result<> fill() { return fill_params(meta, options, host, block); }
  uint64_t at(size_t offset) {
    uint64_t value;
    memcpy(&value, block.data() + offset, 8);
    return value;
  }
};

TEST_F(ParamValues, NumbersAndTexts) {
  options.parameters = {"0x10", "-5", "hello"};
  options.pid = 42;
  meta.params = {{.kind = ParamKind::positional_number, .index = 1, .offset = 0},
                 {.kind = ParamKind::positional_number, .index = 2, .offset = 8},
                 {.kind = ParamKind::positional_number, .index = 9, .offset = 16},
                 {.kind = ParamKind::positional_text, .index = 3, .offset = 24, .size = 4},
                 {.kind = ParamKind::positional_count, .offset = 32},
                 {.kind = ParamKind::pid, .offset = 40}};
  ASSERT_TRUE(fill());
  EXPECT_EQ(at(0), 16u);
  EXPECT_EQ(static_cast<int64_t>(at(8)), -5);
  EXPECT_EQ(at(16), 0u);
  EXPECT_EQ(std::string(reinterpret_cast<char*>(block.data() + 24)), "hel");
  EXPECT_EQ(at(32), 3u);
  EXPECT_EQ(at(40), 42u);
}

TEST_F(ParamValues, SymbolsAndFeatures) {
  host.symbols["jiffies"] = 0x1234;
  meta.params = {{.kind = ParamKind::kernel_symbol, .name = "jiffies", .offset = 0}, {.kind = ParamKind::feature, .name = "attach_cookie", .offset = 8}};
  ASSERT_TRUE(fill());
  EXPECT_EQ(at(0), 0x1234u);
  EXPECT_EQ(at(8), 1u);
  meta.params[0].name = "nosuch";
  EXPECT_FALSE(fill());
}

TEST_F(ParamValues, ATextForANumberIsAnError) {
  options.parameters = {"abc"};
  meta.params = {{.kind = ParamKind::positional_number, .index = 1}};
  Result<> done = fill();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("$1 is 'abc'"));
}

TEST_F(ParamValues, ASlotOutsideOfTheBlockIsRefused) {
  meta.params = {{.kind = ParamKind::pid, .offset = 60}};
  EXPECT_FALSE(fill());
  meta.params = {{.kind = ParamKind::pid, .offset = 0xfffffffc}};
  EXPECT_FALSE(fill());
}

TEST_F(ParamValues, OptionsOfTheScript) {
  meta.params = {{.kind = ParamKind::option_number, .name = "n", .offset = 0, .text = "-5", .description = "how many"},
                 {.kind = ParamKind::option_flag, .name = "v", .offset = 8, .text = "false"},
                 {.kind = ParamKind::option_text, .name = "s", .offset = 16, .size = 8, .text = "abc"}};
  ASSERT_TRUE(check_program_options(meta, options));
  ASSERT_TRUE(fill());
  EXPECT_EQ(static_cast<int64_t>(at(0)), -5);
  EXPECT_EQ(at(8), 0u);
  EXPECT_EQ(std::string(reinterpret_cast<char*>(block.data() + 16)), "abc");
  options.named = {{"n", "0x10"}, {"v", "true"}, {"s", "given"}};
  ASSERT_TRUE(check_program_options(meta, options));
  ASSERT_TRUE(fill());
  EXPECT_EQ(at(0), 16u);
  EXPECT_EQ(at(8), 1u);
  EXPECT_EQ(std::string(reinterpret_cast<char*>(block.data() + 16)), "given");
}

TEST_F(ParamValues, MistakesInOptionsOfTheScript) {
  meta.params = {{.kind = ParamKind::option_number, .name = "n", .text = "5", .description = "how many"},
                 {.kind = ParamKind::option_flag, .name = "v", .offset = 8, .text = "true"},
                 {.kind = ParamKind::option_text, .name = "s", .offset = 16, .size = 4, .text = ""}};
  auto wrong = [&](std::map<std::string, std::string> named) {
    options.named = std::move(named);
    Result<> checked = check_program_options(meta, options);
    return checked ? Error{} : checked.error();
  };
  EXPECT_EQ(wrong({}).message, "");
  EXPECT_EQ(wrong({{"x", "1"}}).message, "unexpected program command line options: --x");
  EXPECT_EQ(wrong({{"x", "1"}}).hint, "expected program options:\n--n: how many\n--v\n--s");
  EXPECT_EQ(wrong({{"help", "true"}}).message, "");
  EXPECT_THAT(wrong({{"help", "true"}}).hint, HasSubstr("--n: how many"));
  EXPECT_EQ(wrong({{"n", "true"}}).message, "program command line option --n expects an integer (value: true)");
  EXPECT_EQ(wrong({{"n", "x"}}).message, "program command line option --n invalid integer (value: x)");
  EXPECT_EQ(wrong({{"v", "maybe"}}).message, "program command line option --v expects a boolean (e.g. 'true') (value: maybe)");
  EXPECT_THAT(wrong({{"s", "long"}}).message, HasSubstr("too long"));
  meta.params.clear();
  EXPECT_EQ(wrong({{"help", "true"}}).hint, "no custom program options defined.");
}

TEST_F(ParamValues, ProbeTextTakesParameters) {
  options.parameters = {"99", "x"};
  EXPECT_EQ(*substitute_parameters("$1", options), "99");
  EXPECT_EQ(*substitute_parameters("a$1b$2", options), "a99bx");
  EXPECT_EQ(*substitute_parameters("$", options), "$");
  EXPECT_FALSE(substitute_parameters("$3", options));
}

}  // namespace
}  // namespace awl
