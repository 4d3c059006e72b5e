#include "runtime/format/printf.h"

#include <gtest/gtest.h>

#include "support.h"

namespace awl::test {
namespace {

struct Argument {
  Type type;
  Bytes bytes;
};
Argument number(int64_t value, uint32_t size = 8, bool is_signed = true) {
  Bytes bytes = bytes_of(value);
  bytes.resize(size);
  return {int_type(size, is_signed), bytes};
}
Argument word(std::string_view text) { return {string_type(16), text_bytes(text, 16)}; }

std::string format(std::string_view text, std::initializer_list<Argument> arguments) {
  Rendering rendering;
  std::vector<Element> elements;
  Bytes payload;
  for (const Argument& argument : arguments) {
    elements.push_back(element(static_cast<uint32_t>(payload.size()), argument.type));
    payload = payload + argument.bytes;
    payload.resize((payload.size() + 7) & ~size_t{7});
  }
  std::string out;
  append_format(out, compile_format(text), elements, payload, rendering.context);
  return out;
}

TEST(Printf, NumbersAre32BitsWideWithoutLength) {
  EXPECT_EQ(format("%d", {number(3000000000)}), "-1294967296");
  EXPECT_EQ(format("%ld %lld %jd %zd %td", {number(3000000000), number(3000000000), number(1), number(2), number(3)}), "3000000000 3000000000 1 2 3");
  EXPECT_EQ(format("%u %x %lu", {number(-1), number(-1), number(-1)}), "4294967295 ffffffff 18446744073709551615");
  EXPECT_EQ(format("%hhx %hd %hhd", {number(-1), number(70000), number(300)}), "ff 4464 44");
  EXPECT_EQ(format("%d", {number(-5, 1)}), "-5");
  EXPECT_EQ(format("%d", {number(251, 1, false)}), "251");
}

TEST(Printf, WidthsAndFlags) {
  EXPECT_EQ(format("%5d|%-5d|%05d|%+d|% d", {number(3), number(4), number(42), number(5), number(6)}), "    3|4    |00042|+5|6");
  EXPECT_EQ(format("%#x %#o %X %o %#x", {number(255), number(8), number(255), number(8), number(0)}), "0xff 010 FF 10 0");
  EXPECT_EQ(format("%-08d", {number(5)}), "50000000");
  EXPECT_EQ(format("%10s|%-10s|%05s|%-05s", {word("b"), word("c"), word("b"), word("a")}), "         b|c         |0000b|a0000");
  EXPECT_EQ(format("%5c|%-5c|%c", {number(65), number(66), number(67)}), "    A|B    |C");
  EXPECT_EQ(format("%.2s|%8.3d", {word("abc"), number(5)}), "abc|       5");
}

TEST(Printf, ZerosFollowSignAndPrefix) { EXPECT_EQ(format("%05d %#06x", {number(-5), number(255)}), "-0005 0x00ff"); }

TEST(Printf, Pointers) {
  EXPECT_EQ(format("%p|%p|%20p", {number(0), number(-1), number(255)}), "0|0xffffffffffffffff|                0xff");
  Argument pointer{{.kind = Kind::pointer, .size = 8}, bytes_of(uint64_t{5})};
  EXPECT_EQ(format("%s|%d|%x", {pointer, pointer, pointer}), "0x5|5|5");
}

TEST(Printf, StringsOfAnything) {
  Argument yes{{.kind = Kind::boolean, .size = 1}, {1}};
  EXPECT_EQ(format("%s %d %5s %s", {yes, yes, yes, number(-5)}), "true 1  true -5");
  Argument tuple{group(Kind::tuple, 16, {element(0, int_type(8, true)), element(8, string_type(8))}), bytes_of(int64_t{1}) + text_bytes("x", 8)};
  EXPECT_EQ(format("%s|%10s|", {tuple, tuple}), "(1, x)|    (1, x)|");
  Argument stack{{.kind = Kind::kstack, .size = 16, .count = 1}, bytes_of(uint64_t{1}, uint32_t{1}, uint32_t{0})};
  EXPECT_EQ(format("%s|", {stack}), "\n        schedule+1\n|");
}

TEST(Printf, Buffers) {
  Argument buffer{{.kind = Kind::buffer, .size = 8}, bytes_of(uint32_t{3}) + text_bytes("ab\x01", 4)};
  EXPECT_EQ(format("%r %rx %rh", {buffer, buffer, buffer}), "ab\\x01 \\x61\\x62\\x01 61 62 01");
  EXPECT_EQ(format("%8r|%-8r|", {buffer, buffer}), "  ab\\x01|ab\\x01  |");
}

TEST(Printf, AllocationFlags) {
  EXPECT_EQ(format("%gr %gr %gr", {number(0xcc0), number(0), number(0x400dc0)}), "GFP_KERNEL 0 GFP_KERNEL_ACCOUNT|__GFP_ZERO");
}

TEST(Printf, TextStaysAsItIs) {
  EXPECT_EQ(format("100%% %y %", {}), "100% %y %");
  EXPECT_EQ(format("%5%|%-05%|%l%", {}), "%|%|%");
  EXPECT_EQ(format("", {}), "");
  EXPECT_EQ(format("a%db", {number(1)}), "a1b");
}

TEST(Printf, MissingArgumentsShowNothing) { EXPECT_EQ(format("%d|%s|%d", {number(1)}), "1||"); }

TEST(Printf, HugeWidthsAreBounded) { EXPECT_EQ(format("%999999999999d", {number(1)}).size(), 4096u); }

}  // namespace
}  // namespace awl::test
