#include "runtime/format/map.h"

#include <gtest/gtest.h>

#include "runtime/format/histogram.h"
#include "runtime/maps.h"
#include "support.h"

namespace awl::test {
namespace {

using artifact::HistogramShape;
using artifact::Map;
using artifact::Storage;

std::string text(const Map& map, std::vector<MapRow> rows, MapPrint print = {}) {
  Rendering rendering;
  sort_rows(map, rows);
  std::string out;
  append_map_text(out, map, rows, print, rendering.context);
  return out;
}
std::string json(const Map& map, std::vector<MapRow> rows, MapPrint print = {}) {
  Rendering rendering;
  sort_rows(map, rows);
  std::string out;
  append_map_json(out, map, rows, print, rendering.context);
  return out;
}

Type pair_key() { return group(Kind::tuple, 16, {element(0, int_type(8, true)), element(8, string_type(8))}); }
Bytes pair(int64_t number, std::string_view word) { return bytes_of(number) + text_bytes(word, 8); }

TEST(MapText, Scalars) {
  Map map{.name = "@a", .value = int_type(8, true)};
  EXPECT_EQ(text(map, {{.value = bytes_of(int64_t{1})}}), "@a: 1\n");
  EXPECT_EQ(json(map, {{.value = bytes_of(int64_t{1})}}), "{\"type\": \"map\", \"data\": {\"@a\": 1}}\n");
  EXPECT_EQ(text(map, {}), "");
  EXPECT_EQ(text(map, {{.value = bytes_of(int64_t{5})}}, {.top = 1, .div = 2}), "@a: 2\n");
}

TEST(MapText, IntegersAreSortedByValue) {
  Map map{.name = "@t", .key = {pair_key()}, .value = int_type(8, true)};
  std::vector<MapRow> rows{{pair(2, "b"), bytes_of(int64_t{5})}, {pair(1, "c"), bytes_of(int64_t{7})}, {pair(1, "a"), bytes_of(int64_t{-5})}};
  EXPECT_EQ(text(map, rows), "@t[1, a]: -5\n@t[2, b]: 5\n@t[1, c]: 7\n");
  EXPECT_EQ(text(map, rows, {.top = 1}), "@t[1, c]: 7\n");
  EXPECT_EQ(text(map, rows, {.top = 0, .div = 2}), "@t[1, a]: -2\n@t[2, b]: 2\n@t[1, c]: 3\n");
  EXPECT_EQ(text(map, rows, {.top = -1}), text(map, rows));
  EXPECT_EQ(json(map, rows), "{\"type\": \"map\", \"data\": {\"@t\": {\"1,a\": -5, \"2,b\": 5, \"1,c\": 7}}}\n");
}

TEST(MapText, NarrowIntegersAreSortedToo) {
  Map map{.name = "@", .key = {int_type(8, true)}, .value = int_type(1, true)};
  EXPECT_EQ(text(map, {{bytes_of(int64_t{1}), {2}}, {bytes_of(int64_t{2}), {255}}}), "@[2]: -1\n@[1]: 2\n");
}

TEST(MapText, OthersAreSortedByKey) {
  Map map{.name = "@s", .key = {string_type(8)}, .value = string_type(8)};
  EXPECT_EQ(text(map, {{text_bytes("b", 8), text_bytes("x", 8)}, {text_bytes("a", 8), text_bytes("y", 8)}}), "@s[a]: y\n@s[b]: x\n");
}

TEST(MapText, Statistics) {
  Map map{.name = "@st", .key = {int_type(8, true)}, .value = {.kind = Kind::stats, .size = 16, .is_signed = true}};
  std::vector<MapRow> rows{{bytes_of(int64_t{1}), bytes_of(int64_t{10}, uint64_t{2})}, {bytes_of(int64_t{2}), bytes_of(int64_t{1}, uint64_t{1})}};
  EXPECT_EQ(text(map, rows), "@st[2]: { .count = 1, .average = 1, .total = 1 }\n@st[1]: { .count = 2, .average = 5, .total = 10 }\n");
  EXPECT_EQ(json(map, rows, {.top = 1, .div = 2}), "{\"type\": \"stats\", \"data\": {\"@st\": {\"1\": {\"count\": 2, \"average\": 2, \"total\": 10}}}}\n");
  map.value.kind = Kind::avg;
  EXPECT_EQ(text(map, rows), "@st[2]: 1\n@st[1]: 5\n");
  EXPECT_EQ(json(map, rows), "{\"type\": \"stats\", \"data\": {\"@st\": {\"2\": 1, \"1\": 5}}}\n");
  EXPECT_EQ(json(map, {}), "{\"type\": \"stats\", \"data\": {\"@st\": {}}}\n");
}

TEST(MapText, StackKeysAndValues) {
  Type stack{.kind = Kind::kstack, .size = 16, .count = 1};
  Bytes one = bytes_of(uint64_t{1}, uint32_t{1}, uint32_t{0});
  Map by_stack{.name = "@", .key = {group(Kind::tuple, 24, {element(0, stack), element(16, string_type(8))})}, .value = int_type(8, true)};
  EXPECT_EQ(text(by_stack, {{one + text_bytes("a", 8), bytes_of(int64_t{1})}}), "@[\n        schedule+1\n, a]: 1\n");
  EXPECT_EQ(json(by_stack, {{one + text_bytes("a", 8), bytes_of(int64_t{1})}}), "{\"type\": \"map\", \"data\": {\"@\": {\"\\nschedule+1\\n,a\": 1}}}\n");
  Map of_stacks{.name = "@k", .value = stack};
  EXPECT_EQ(text(of_stacks, {{.value = one}}), "@k: \n        schedule+1\n\n");
}

std::vector<uint64_t> counts(const HistogramShape& shape, std::initializer_list<std::pair<uint32_t, uint64_t>> set) {
  std::vector<uint64_t> all(shape.buckets);
  for (auto [index, count] : set) all.at(index) = count;
  return all;
}
Bytes bytes_of_counts(const std::vector<uint64_t>& all) {
  Bytes bytes(all.size() * 8);
  memcpy(bytes.data(), all.data(), bytes.size());
  return bytes;
}

TEST(Histogram, Labels) {
  HistogramShape log2{.bits = 0, .buckets = 65};
  EXPECT_EQ(bucket_label(log2, 0), "(..., 0)");
  EXPECT_EQ(bucket_label(log2, 1), "[0]");
  EXPECT_EQ(bucket_label(log2, 2), "[1]");
  EXPECT_EQ(bucket_label(log2, 3), "[2, 4)");
  EXPECT_EQ(bucket_label(log2, 11), "[512, 1K)");
  EXPECT_EQ(bucket_label(log2, 12), "[1K, 2K)");
  EXPECT_EQ(bucket_label(log2, 64), "[4E, 8E)");
  HistogramShape fine{.bits = 1, .buckets = 1 + 4 + 61 * 2};
  EXPECT_EQ(bucket_label(fine, 3), "[2]");
  EXPECT_EQ(bucket_label(fine, 4), "[3]");
  EXPECT_EQ(bucket_label(fine, 5), "[4, 6)");
  EXPECT_EQ(bucket_label(fine, 6), "[6, 8)");
  EXPECT_EQ(bucket_label(fine, 7), "[8, 12)");
  HistogramShape finer{.bits = 2, .buckets = 1 + 8 + 60 * 4};
  EXPECT_EQ(bucket_label(finer, 8), "[7]");
  EXPECT_EQ(bucket_label(finer, 9), "[8, 10)");
  EXPECT_EQ(bucket_label(finer, 9 + 7 * 4), "[1024, 1280)");
}

// A bound takes the unit that divides it and the width of the bucket that begins there.
TEST(Histogram, LabelsOfSplitPowers) {
  HistogramShape halves{.bits = 1, .buckets = 127}, quarters{.bits = 2, .buckets = 245};
  EXPECT_EQ(bucket_label(halves, 1 + 4 + 2 * 18 + 1), "[1536K, 2M)");
  EXPECT_EQ(bucket_label(quarters, 1 + 8 + 4 * 8 + 3), "[3584, 4K)");
  EXPECT_EQ(bucket_label(quarters, 1 + 8 + 4 * 7 + 3), "[1792, 2048)");
}

TEST(Histogram, LinearLabels) {
  HistogramShape thousand{.min = 1024, .max = 4096, .step = 1024, .buckets = 5};
  EXPECT_EQ(bucket_label(thousand, 0), "(..., 1K)");
  EXPECT_EQ(bucket_label(thousand, 2), "[2K, 3K)");
  EXPECT_EQ(bucket_label(thousand, 4), "[4K, ...)");
  HistogramShape half{.min = 1024, .max = 4096, .step = 512, .buckets = 8};
  EXPECT_EQ(bucket_label(half, 0), "(..., 1024)");
  EXPECT_EQ(bucket_label(half, 2), "[1536, 2048)");
  EXPECT_EQ(bucket_label(half, 7), "[4096, ...)");
  HistogramShape large{.min = 0, .max = 4 << 20, .step = 512 << 10, .buckets = 10};
  EXPECT_EQ(bucket_label(large, 3), "[1M, 1536K)");
  HistogramShape uneven{.min = 0, .max = 10, .step = 3, .buckets = 5};
  EXPECT_EQ(bucket_label(uneven, 0), "(..., 0)");
  EXPECT_EQ(bucket_label(uneven, 4), "[9, ...)");
  HistogramShape single{.min = 1020, .max = 1030, .step = 1, .buckets = 12};
  EXPECT_EQ(bucket_label(single, 5), "[1024]");
}

TEST(Histogram, Text) {
  Map map{.name = "@a", .value = {.kind = Kind::hist}, .histogram = {.bits = 0, .buckets = 65}};
  EXPECT_EQ(text(map, {{.value = bytes_of_counts(counts(map.histogram, {{0, 1}, {2, 1}, {3, 2}}))}}),
            "@a:\n"
            "(..., 0)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n"
            "[0]                    0 |                                                    |\n"
            "[1]                    1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n"
            "[2, 4)                 2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"
            "\n");
  EXPECT_EQ(text(map, {{.value = bytes_of_counts(counts(map.histogram, {}))}}), "@a:\n\n");
  EXPECT_EQ(text(map, {{.value = bytes_of_counts(counts(map.histogram, {{2, 1}}))}}, {.div = 2}),
            "@a:\n[1]                    0 |                                                    |\n\n");
}

TEST(Histogram, Json) {
  Map map{.name = "@h", .key = {int_type(8, true)}, .value = {.kind = Kind::hist}, .histogram = {.bits = 0, .buckets = 65}};
  EXPECT_EQ(json(map, {{bytes_of(int64_t{1}), bytes_of_counts(counts(map.histogram, {{0, 1}, {3, 1}}))}}),
            "{\"type\": \"hist\", \"data\": {\"@h\": {\"1\": [{\"max\": -1, \"count\": 1},{\"min\": 0, \"max\": 0, \"count\": 0},"
            "{\"min\": 1, \"max\": 1, \"count\": 0},{\"min\": 2, \"max\": 3, \"count\": 1}]}}}\n");
  Map linear{.name = "@l", .value = {.kind = Kind::lhist}, .histogram = {.min = 0, .max = 10, .step = 3, .buckets = 5}};
  EXPECT_EQ(json(linear, {{.value = bytes_of_counts(counts(linear.histogram, {{3, 1}, {4, 1}}))}}),
            "{\"type\": \"hist\", \"data\": {\"@l\": [{\"min\": 6, \"max\": 8, \"count\": 1},{\"min\": 9, \"count\": 1}]}}\n");
  EXPECT_EQ(json(linear, {{.value = bytes_of_counts(counts(linear.histogram, {}))}}), "{\"type\": \"hist\", \"data\": {\"@l\": []}}\n");
}

TEST(Histogram, SortedByTotalThenKey) {
  Map map{.name = "@h", .key = {int_type(8, true)}, .value = {.kind = Kind::hist}, .histogram = {.bits = 0, .buckets = 65}};
  std::string out = json(map, {{bytes_of(int64_t{3}), bytes_of_counts(counts(map.histogram, {{2, 2}}))},
                               {bytes_of(int64_t{2}), bytes_of_counts(counts(map.histogram, {{2, 1}}))},
                               {bytes_of(int64_t{1}), bytes_of_counts(counts(map.histogram, {{2, 1}}))}});
  EXPECT_LT(out.find("\"1\": "), out.find("\"2\": "));
  EXPECT_LT(out.find("\"2\": "), out.find("\"3\": "));
}

TEST(MergeCpus, AddsCountsAndTotals) {
  Map map{.name = "@", .storage = Storage::percpu_hash, .value = {.kind = Kind::sum, .size = 16, .is_signed = true}};
  EXPECT_EQ(merge_cpus(map, bytes_of(int64_t{5}, uint64_t{1}, int64_t{-7}, uint64_t{2}), 2), bytes_of(int64_t{-2}, uint64_t{3}));
  map.value = {.kind = Kind::count, .size = 8};
  EXPECT_EQ(merge_cpus(map, bytes_of(uint64_t{5}, uint64_t{6}), 2), bytes_of(uint64_t{11}));
  EXPECT_FALSE(is_updated(map, bytes_of(uint64_t{0})));
}

TEST(MergeCpus, ExtremesOfTheCpusThatHaveOne) {
  Map map{.name = "@", .storage = Storage::percpu_hash, .value = {.kind = Kind::min, .size = 16, .is_signed = true}};
  Bytes values = bytes_of(int64_t{0}, uint64_t{0}, int64_t{5}, uint64_t{1}, int64_t{7}, uint64_t{1});
  EXPECT_EQ(merge_cpus(map, values, 3), bytes_of(int64_t{5}, uint64_t{2}));
  map.value.kind = Kind::max;
  EXPECT_EQ(merge_cpus(map, values, 3), bytes_of(int64_t{7}, uint64_t{2}));
  Bytes negative = bytes_of(int64_t{0}, uint64_t{0}, int64_t{-5}, uint64_t{1}, int64_t{-7}, uint64_t{1});
  EXPECT_EQ(merge_cpus(map, negative, 3), bytes_of(int64_t{-5}, uint64_t{2}));
  EXPECT_TRUE(is_updated(map, bytes_of(int64_t{0}, uint64_t{1})));
}

TEST(MergeCpus, UnsignedExtremes) {
  Map map{.name = "@", .storage = Storage::percpu_hash, .value = {.kind = Kind::max, .size = 16}};
  EXPECT_EQ(merge_cpus(map, bytes_of(int64_t{-1}, uint64_t{1}, int64_t{7}, uint64_t{1}), 2), bytes_of(int64_t{-1}, uint64_t{2}));
}

TEST(Maps, ProcessesOfUserAddressesInKeys) {
  Type stack{.kind = Kind::ustack, .size = 16, .count = 1}, usym{.kind = Kind::usym, .size = 16};
  Type key = group(Kind::tuple, 40, {element(0, stack), element(16, usym), element(32, int_type(8, true))});
  std::set<uint32_t> pids;
  collect_processes(key, bytes_of(uint64_t{0x1000}, uint32_t{1}, uint32_t{7}, uint64_t{0x2000}, uint32_t{9}, uint32_t{0}, int64_t{5}), pids);
  EXPECT_EQ(pids, (std::set<uint32_t>{7, 9}));
  EXPECT_TRUE(has_user_addresses(key));
  EXPECT_FALSE(has_user_addresses(int_type(8, true)));
}

TEST(Maps, GlobalScalarsAreReadClearedAndZeroed) {
  Map map{.name = "@x", .storage = Storage::global, .offset = 8, .set_offset = 0, .value = int_type(8, true)};
  Bytes globals = bytes_of(uint64_t{1}, int64_t{42});
  MapHandle handle{.map = &map, .globals = globals};
  auto rows = read_map(handle);
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ((*rows)[0].value, bytes_of(int64_t{42}));
  ASSERT_TRUE(zero_map(handle));
  EXPECT_EQ(globals, bytes_of(uint64_t{1}, int64_t{0}));
  ASSERT_TRUE(clear_map(handle));
  EXPECT_TRUE(read_map(handle)->empty());
}

TEST(MapText, AQueueIsAList) {
  artifact::Map map{.name = "@q", .storage = artifact::Storage::queue, .max_entries = 4, .value = {.kind = artifact::Kind::integer, .size = 1, .is_signed = true}};
  std::vector<MapRow> rows = {{.value = {9}}, {.value = {3}}, {.value = {5}}};
  sort_rows(map, rows);
  Rendering r;
  std::string text, json;
  append_map_text(text, map, rows, {}, r.context);
  append_map_json(json, map, rows, {}, r.context);
  EXPECT_EQ(text, "@q: 9\n@q: 3\n@q: 5\n");
  EXPECT_EQ(json, "{\"type\": \"map\", \"data\": {\"@q\": [9, 3, 5]}}\n");
}

}  // namespace
}  // namespace awl::test
