#include "runtime/format/value.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "support.h"

namespace awl::test {
namespace {

struct Value : ::testing::Test, Rendering {};

TEST_F(Value, Integers) {
  EXPECT_EQ(text(int_type(1, true), bytes_of(int8_t{-5})), "-5");
  EXPECT_EQ(text(int_type(1, false), bytes_of(uint8_t{251})), "251");
  EXPECT_EQ(text(int_type(4, true), bytes_of(int32_t{INT32_MIN})), "-2147483648");
  EXPECT_EQ(text(int_type(8, false), bytes_of(UINT64_MAX)), "18446744073709551615");
  EXPECT_EQ(json(int_type(8, true), bytes_of(int64_t{-1})), "-1");
}

TEST_F(Value, JsonIntegersThatADoubleCannotHoldAreStrings) {
  EXPECT_EQ(json(int_type(8, true), bytes_of(INT64_MAX)), "\"9223372036854775807\"");
  EXPECT_EQ(json(int_type(8, true), bytes_of(int64_t{9007199254740993})), "\"9007199254740993\"");
  EXPECT_EQ(json(int_type(8, true), bytes_of(INT64_MIN)), "-9223372036854775808");
  EXPECT_EQ(json(int_type(8, false), bytes_of(uint64_t{9223372036854775808u})), "9223372036854775808");
  EXPECT_EQ(json(int_type(8, false), bytes_of(uint64_t{18446744073709549568u})), "18446744073709549568");
  EXPECT_EQ(json(int_type(8, false), bytes_of(UINT64_MAX)), "\"18446744073709551615\"");
}

TEST_F(Value, BooleansPointersEnums) {
  EXPECT_EQ(text({.kind = Kind::boolean, .size = 1}, {1}), "true");
  EXPECT_EQ(json({.kind = Kind::boolean, .size = 1}, {0}), "false");
  Type pointer{.kind = Kind::pointer, .size = 8};
  EXPECT_EQ(text(pointer, bytes_of(uint64_t{16})), "0x10");
  EXPECT_EQ(text(pointer, bytes_of(uint64_t{0})), "0x0");
  EXPECT_EQ(json(pointer, bytes_of(uint64_t{16})), "16");
  EXPECT_EQ(json_key(pointer, bytes_of(uint64_t{5})), "0x5");
  Type color{.kind = Kind::enumeration, .size = 4, .is_signed = true, .enumerators = {{"RED", 0}, {"LOW", static_cast<uint64_t>(-1)}}};
  EXPECT_EQ(text(color, bytes_of(int32_t{0})), "RED");
  EXPECT_EQ(text(color, bytes_of(int32_t{-1})), "LOW");
  EXPECT_EQ(text(color, bytes_of(int32_t{7})), "7");
  EXPECT_EQ(json(color, bytes_of(int32_t{0})), "0");
  EXPECT_EQ(json_key(color, bytes_of(int32_t{0})), "RED");
}

TEST_F(Value, Strings) {
  EXPECT_EQ(text(string_type(8), text_bytes("abc", 8)), "abc");
  EXPECT_EQ(text(string_type(3), text_bytes("abc", 3)), "abc");
  EXPECT_EQ(json(string_type(16), text_bytes("a\nb\t\"c\\\r\x01/\x7f", 16)), "\"a\\nb\\t\\\"c\\\\\\r\\u0001/\x7f\"");
  EXPECT_EQ(json(string_type(8), text_bytes("\xc3\xa9", 8)), "\"\xc3\xa9\"");
  EXPECT_EQ(json(string_type(8), text_bytes("a\xc3z", 8)), "\"a\xef\xbf\xbdz\"");
  EXPECT_EQ(json(string_type(8), text_bytes("\xed\xa0\x80", 8)), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST_F(Value, CutStringsGetTheTrailer) {
  Type cut{.kind = Kind::string, .size = 4, .truncatable = true};
  EXPECT_EQ(text(cut, text_bytes("abc", 4)), "abc..");
  EXPECT_EQ(text(cut, text_bytes("ab", 4)), "ab");
  EXPECT_EQ(json(cut, text_bytes("abc", 4)), "\"abc..\"");
  EXPECT_EQ(text(string_type(4), text_bytes("abc", 4)), "abc");
}

TEST_F(Value, TuplesAndRecords) {
  Type inner = group(Kind::tuple, 16, {element(0, int_type(8, true)), element(8, string_type(8))});
  Type tuple = group(Kind::tuple, 24, {element(0, int_type(1, true)), element(8, inner)});
  Bytes bytes = bytes_of(uint64_t{1}, int64_t{2}) + text_bytes("x", 8);
  EXPECT_EQ(text(tuple, bytes), "(1, (2, x))");
  EXPECT_EQ(json(tuple, bytes), "[1,[2,\"x\"]]");
  EXPECT_EQ(key(tuple, bytes), "1, (2, x)");
  EXPECT_EQ(json_key(tuple, bytes), "1,(2,x)");
  Type record = group(Kind::record, 16, {element(0, int_type(8, true), "a"), element(8, string_type(8), "b")});
  Bytes pair = bytes_of(int64_t{1}) + text_bytes("x", 8);
  EXPECT_EQ(text(record, pair), "{ .a = 1, .b = x }");
  EXPECT_EQ(json(record, pair), "{\"a\": 1, \"b\": \"x\"}");
  EXPECT_EQ(json_key(record, pair), "{.a=1,.b=x}");
  EXPECT_EQ(text(group(Kind::tuple, 8, {element(0, int_type(8, true))}), bytes_of(int64_t{1})), "(1)");
}

TEST_F(Value, ArraysAndBuffers) {
  Type array{.kind = Kind::array, .size = 4, .count = 2, .elements = {element(0, int_type(2, true))}};
  EXPECT_EQ(text(array, bytes_of(int16_t{1}, int16_t{-2})), "[1,-2]");
  EXPECT_EQ(json(array, bytes_of(int16_t{1}, int16_t{-2})), "[1,-2]");
  Type buffer{.kind = Kind::buffer, .size = 12};
  Bytes bytes = bytes_of(uint32_t{4}) + text_bytes("ab\x01\xff", 8);
  EXPECT_EQ(text(buffer, bytes), "ab\\x01\\xff");
  EXPECT_EQ(json(buffer, bytes), "[97,98,1,-1]");
}

TEST_F(Value, ABufferLongerThanItsBytesEndsWithThem) {
  EXPECT_EQ(text({.kind = Kind::buffer, .size = 12}, bytes_of(uint32_t{0xffffffff}) + text_bytes("ab", 2)), "ab");
}

TEST_F(Value, BitFields) {
  Element three{.name = "b", .offset = 0, .type = {int_type(4, true)}, .bit_offset = 3, .bit_size = 3};
  Type record = group(Kind::structure, 4, {three});
  EXPECT_EQ(text(record, bytes_of(uint32_t{0b011000})), "{ .b = 3 }");
  EXPECT_EQ(text(record, bytes_of(uint32_t{0b111000})), "{ .b = -1 }");
}

TEST_F(Value, Addresses) {
  Type inet{.kind = Kind::inet, .size = 20};
  EXPECT_EQ(text(inet, bytes_of(uint32_t{AF_INET}, uint32_t{0x0100007f}, uint64_t{0}, uint32_t{0})), "127.0.0.1");
  EXPECT_EQ(text(inet, bytes_of(uint32_t{AF_INET6}, uint64_t{0}, uint32_t{0}, uint32_t{0x01000000})), "::1");
  EXPECT_EQ(json(inet, bytes_of(uint32_t{AF_INET}, uint32_t{0x0100007f}, uint64_t{0}, uint32_t{0})), "\"127.0.0.1\"");
  EXPECT_EQ(text({.kind = Kind::macaddr, .size = 6}, {0xab, 0xcd, 0x0f, 0x78, 0x79, 0}), "AB:CD:0F:78:79:00");
}

TEST_F(Value, NamedValues) {
  Type ksym{.kind = Kind::ksym, .size = 8}, usym{.kind = Kind::usym, .size = 16};
  EXPECT_EQ(text(ksym, bytes_of(uint64_t{0x1005})), "schedule");
  EXPECT_EQ(text(ksym, bytes_of(uint64_t{0})), "0");
  EXPECT_EQ(text(ksym, bytes_of(uint64_t{1})), "0x1");
  EXPECT_EQ(json(ksym, bytes_of(uint64_t{1})), "\"0x1\"");
  EXPECT_EQ(text(usym, bytes_of(uint64_t{0x2001}, uint32_t{7}, uint32_t{0})), "malloc");
  EXPECT_EQ(text(usym, bytes_of(uint64_t{0x2001}, uint32_t{8}, uint32_t{0})), "0x2001");
  EXPECT_EQ(text({.kind = Kind::username, .size = 8}, bytes_of(uint64_t{0})), "root");
  EXPECT_EQ(text({.kind = Kind::probe, .size = 8}, bytes_of(uint64_t{2})), "probe2");
  EXPECT_EQ(text({.kind = Kind::timestamp, .size = 16}, bytes_of(uint64_t{55}, uint32_t{3}, uint32_t{1})), "%H 55 1");
}

TEST_F(Value, KernelStacks) {
  Type stack{.kind = Kind::kstack, .size = 16, .count = 3};
  Bytes bytes = stack_of(names, {0x1001, 0x1002});
  EXPECT_EQ(text(stack, bytes), "\n        schedule+1\n        schedule+2\n");
  EXPECT_EQ(json(stack, bytes), "\"\\n        schedule+1\\n        schedule+2\\n\"");
  EXPECT_EQ(json_key(stack, bytes), "\nschedule+1\nschedule+2\n");
  EXPECT_EQ(text(stack, stack_of(names, {0x10})), "\n        0x10\n");
  EXPECT_EQ(text(stack, stack_of(names, {})), "\n");
  stack.stack_mode = artifact::StackMode::perf;
  EXPECT_EQ(text(stack, bytes), "\n\t1001 schedule+1\n\t1002 schedule+2\n");
  stack.stack_mode = artifact::StackMode::raw;
  EXPECT_EQ(text(stack, bytes), "\n1001\n1002\n");
}

TEST_F(Value, UserStacks) {
  Type stack{.kind = Kind::ustack, .size = 16, .count = 3};
  Bytes bytes = stack_of(names, {0x2001, 0x1001, 0x10}, 7);
  EXPECT_EQ(text(stack, bytes), "\n        malloc+1\n        0x1001\n        0x10\n");
  stack.stack_mode = artifact::StackMode::perf;
  EXPECT_EQ(text(stack, bytes), "\n\t2001 malloc+1 (/lib/libc.so.6)\n\t1001 0x1001 (/bin/cat)\n\t10 0x10 ([unknown])\n");
}

TEST_F(Value, BuildIdStacks) {
  Type stack{.kind = Kind::ustack, .size = 16, .count = 3, .stack_mode = artifact::StackMode::build_id};
  Bytes& frames = names.stacks[5];
  frames = bytes_of(int32_t{1}) + Bytes(20, 0xab) + bytes_of(uint64_t{0x1234}) + bytes_of(int32_t{2}) + Bytes(20, 0) + bytes_of(uint64_t{0x7f00});
  EXPECT_EQ(text(stack, bytes_of(uint64_t{5}, uint32_t{2}, uint32_t{7})), "\nabababababababababababababababababababab 0x1234\n7f00\n");
}

TEST_F(Value, AStackThatIsNowhereSaysSo) {
  Type stack{.kind = Kind::kstack, .size = 16, .count = 3};
  EXPECT_EQ(text(stack, bytes_of(uint64_t{999}, uint32_t{4}, uint32_t{0})), "\n        [4 frames lost]\n");
}

TEST_F(Value, MergedAggregations) {
  Type stats{.kind = Kind::stats, .size = 16, .is_signed = true};
  EXPECT_EQ(text(stats, bytes_of(int64_t{-14}, uint64_t{2})), "{ .count = 2, .average = -7, .total = -14 }");
  EXPECT_EQ(json(stats, bytes_of(int64_t{-14}, uint64_t{2})), "{\"count\": 2, \"average\": -7, \"total\": -14}");
  EXPECT_EQ(text(stats, bytes_of(int64_t{0}, uint64_t{0})), "{ .count = 0, .average = 0, .total = 0 }");
  EXPECT_EQ(text({.kind = Kind::avg, .size = 16, .is_signed = true}, bytes_of(int64_t{15}, uint64_t{2})), "7");
  EXPECT_EQ(text({.kind = Kind::avg, .size = 16}, bytes_of(uint64_t{0}, uint64_t{0})), "0");
}

TEST_F(Value, MissingBytesCountAsZero) {
  EXPECT_EQ(text(int_type(8, false), {}), "0");
  EXPECT_EQ(text(string_type(8), {}), "");
  EXPECT_EQ(text(group(Kind::tuple, 16, {element(0, int_type(8, true)), element(8, int_type(8, true))}), bytes_of(int64_t{3})), "(3, 0)");
  EXPECT_EQ(text({.kind = Kind::kstack, .size = 16, .count = 2}, {}), "\n");
}

TEST_F(Value, Order) {
  EXPECT_LT(compare_values(int_type(4, true), bytes_of(int32_t{-1}), bytes_of(int32_t{1})), 0);
  EXPECT_GT(compare_values(int_type(4, false), bytes_of(int32_t{-1}), bytes_of(int32_t{1})), 0);
  EXPECT_LT(compare_values(string_type(8), text_bytes("a", 8), text_bytes("b", 8)), 0);
  Type tuple = group(Kind::tuple, 16, {element(0, int_type(8, true)), element(8, string_type(8))});
  EXPECT_LT(compare_values(tuple, bytes_of(int64_t{1}) + text_bytes("z", 8), bytes_of(int64_t{2}) + text_bytes("a", 8)), 0);
  EXPECT_GT(compare_values(tuple, bytes_of(int64_t{1}) + text_bytes("z", 8), bytes_of(int64_t{1}) + text_bytes("a", 8)), 0);
}

}  // namespace
}  // namespace awl::test
