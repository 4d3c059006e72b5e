#include "runtime/map_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace awl {
namespace {

using artifact::Kind;
using artifact::Map;
using artifact::Type;
using testing::HasSubstr;

Type integer(uint32_t size, bool is_signed) { return {.kind = Kind::integer, .size = size, .is_signed = is_signed}; }
Type text(uint32_t size) { return {.kind = Kind::string, .size = size}; }
Type tuple(std::vector<std::pair<uint32_t, Type>> parts, uint32_t size) {
  Type made{.kind = Kind::tuple, .size = size};
  for (auto& [offset, type] : parts) made.elements.push_back({"", offset, {type}});
  return made;
}
Map map(Type key, Type value) { return {.name = "@m", .elf_name = "at_m", .max_entries = 10, .key = {std::move(key)}, .value = std::move(value)}; }

template <typename T>
T at(const std::vector<uint8_t>& bytes, size_t offset) {
  T value{};
  if (offset + sizeof value <= bytes.size()) memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::string complaint(const Map& map, std::string_view lines) {
  Result<MapElements> read = parse_elements(map, lines, "list");
  return read ? "" : read.error().message;
}

TEST(MapFile, NumbersCommentsAndValuesLeftOut) {
  Result<MapElements> read = parse_elements(map(integer(4, false), integer(8, true)), "# list\n\n1 -5\r\n  0x10\t7 # seven\n10.0.0.1\n3#4 1", "list");
  ASSERT_FALSE(read);  // "3#4" is no number
  read = parse_elements(map(integer(4, false), integer(8, true)), "# list\n\n1 -5\r\n  0x10\t7 # seven\n10.0.0.1", "list");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->lines, (std::vector<uint32_t>{3, 4, 5}));
  EXPECT_EQ(at<uint32_t>(read->keys, 0), 1u);
  EXPECT_EQ(at<int64_t>(read->values, 0), -5);
  EXPECT_EQ(at<uint32_t>(read->keys, 4), 16u);
  EXPECT_EQ(at<uint32_t>(read->keys, 8), 0x0100000au);
  EXPECT_EQ(at<int64_t>(read->values, 16), 1);
}

TEST(MapFile, SeveralParts) {
  Map m = map(tuple({{0, text(8)}, {8, integer(2, false)}}, 16), tuple({{0, integer(4, true)}, {4, Type{.kind = Kind::boolean, .size = 1}}}, 8));
  Result<MapElements> read = parse_elements(m, "ssh, 22  -1,true\n\"a, b\" ,7 1 , 0\n", "list");
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->count(), 2u);
  EXPECT_STREQ(reinterpret_cast<const char*>(read->keys.data()), "ssh");
  EXPECT_EQ(at<uint16_t>(read->keys, 8), 22);
  EXPECT_EQ(at<int32_t>(read->values, 0), -1);
  EXPECT_EQ(read->values[4], 1);
  EXPECT_STREQ(reinterpret_cast<const char*>(read->keys.data() + 16), "a, b");
  EXPECT_EQ(at<uint64_t>(read->keys, 16 + 8), 7u);  // nothing behind the part
  EXPECT_THAT(complaint(m, "ssh 22 1"), HasSubstr("list:1: the key has 2 parts with commas between, found 1"));
  EXPECT_THAT(complaint(m, "a,1 2,true,3"), HasSubstr("expected the end of the line, found \",3\""));
  EXPECT_THAT(complaint(m, "a,1"), HasSubstr("the value is missing"));
  EXPECT_THAT(complaint(m, "a,1 2"), HasSubstr("the value has 2 parts"));
  EXPECT_THAT(complaint(m, "\"a,1 2,1"), HasSubstr("closing"));
  EXPECT_THAT(complaint(m, "abcdefgh,1 2,1"), HasSubstr("a string of at most 7 bytes"));
}

TEST(MapFile, Addresses) {
  Result<MapElements> prefixes = parse_elements(map({.kind = Kind::cidr, .size = 20}, integer(1, false)), "10.1.2.3/8\nfd00::/16 2\n", "list");
  ASSERT_TRUE(prefixes);
  EXPECT_EQ(at<uint32_t>(prefixes->keys, 0), 104u);
  EXPECT_EQ(at<uint32_t>(prefixes->keys, 16), 0x0000000au);  // the bits behind the prefix are gone
  EXPECT_EQ(at<uint32_t>(prefixes->keys, 20), 16u);
  EXPECT_EQ(prefixes->values, (std::vector<uint8_t>{1, 2}));
  Map six = map({.kind = Kind::array, .size = 16, .count = 16, .elements = {{"", 0, {integer(1, false)}}}}, {.kind = Kind::macaddr, .size = 6});
  Result<MapElements> read = parse_elements(six, "::1 02:00:00:00:00:fe", "list");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->keys[15], 1);
  EXPECT_EQ(read->values, (std::vector<uint8_t>{2, 0, 0, 0, 0, 0xfe}));
  EXPECT_THAT(complaint(six, "10.0.0.1 02:00:00:00:00:fe"), HasSubstr("expected an IPv6 address, found \"10.0.0.1\""));
  EXPECT_THAT(complaint(six, "::1 02:00:00:00:00"), HasSubstr("a hardware address"));
  EXPECT_THAT(complaint(map({.kind = Kind::cidr, .size = 20}, integer(1, false)), "\n10.0.0.0/33"), HasSubstr("list:2: expected a prefix of addresses such as 10.0.0.0/8 (its length must be 0 to 32)"));
}

TEST(MapFile, NumbersOutOfRange) {
  Map m = map(integer(1, true), integer(2, false));
  EXPECT_EQ(complaint(m, "-128 65535\n127 0"), "");
  for (const char* line : {"128 1", "-129 1", "1 65536", "1 -1", "99999999999999999999 1", "0x 1", "x 1", "1.1.1.1 1"}) EXPECT_THAT(complaint(m, line), HasSubstr("list:1: expected a number")) << line;
  EXPECT_THAT(complaint(m, std::string_view("1\0002 1", 5)), HasSubstr("NUL"));
  EXPECT_THAT(complaint(m, std::string(100000, 'x')), HasSubstr("..."));
}

TEST(MapFile, QueuesHaveNoKeysAndFiltersNoValues) {
  Map queue{.name = "@q", .storage = artifact::Storage::queue, .value = integer(4, true)};
  Result<MapElements> read = parse_elements(queue, "1\n2\n", "list");
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->keys.empty());
  EXPECT_EQ(at<int32_t>(read->values, 4), 2);
  Map filter{.name = "@f", .storage = artifact::Storage::bloom, .key = {integer(4, true)}, .value = integer(8, true)};
  read = parse_elements(filter, "1\n2\n", "list");
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->values.empty());
  EXPECT_THAT(complaint(filter, "1 2"), HasSubstr("the end of the line"));
}

TEST(MapFile, FilesThatAreNotRead) {
  std::string path = testing::TempDir() + fmt::format("map_file.{}", getpid());
  std::ofstream(path) << "1 2\n";
  ASSERT_TRUE(read_map_file(path, true));
  EXPECT_EQ(*read_map_file(path, true), "1 2\n");
  ASSERT_EQ(chmod(path.c_str(), 0666), 0);
  EXPECT_TRUE(read_map_file(path, false));
  Result<std::string> refused = read_map_file(path, true);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("can be written by anybody"));
  std::filesystem::remove(path);
  EXPECT_THAT(read_map_file(path, true).error().message, HasSubstr("cannot open"));
  EXPECT_THAT(read_map_file("/dev/zero", false).error().message, HasSubstr("not a regular file"));
  EXPECT_THAT(read_map_file("/tmp", false).error().message, HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace awl
