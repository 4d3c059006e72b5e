#include "artifact/artifact.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "artifact/validate.h"
#include "sample.h"

namespace awl::artifact {
namespace {

using testing::HasSubstr;
using testing::Not;

// What decoding the description with one thing changed complains of.
template <typename F>
std::string complaint(F&& change) {
  Meta meta = sample_meta();
  change(meta);
  const auto decoded = decode(encode(meta));
  return decoded ? "" : decoded.error().text();
}

TEST(Codec, RoundTrip) {
  const Meta meta = sample_meta();
  const Bytes bytes = encode(meta);
  const auto decoded = decode(bytes);
  ASSERT_TRUE(decoded) << decoded.error().text();
  EXPECT_EQ(encode(*decoded), bytes);
  EXPECT_EQ(decoded->maps[1].key, meta.maps[1].key);
  EXPECT_EQ(decoded->maps[2].histogram, meta.maps[2].histogram);
  EXPECT_EQ(decoded->sites[1].top, -3);
  EXPECT_EQ(decoded->sites[1].map, 1);
  EXPECT_EQ(decoded->strings[1], std::string("\0\xff", 2));
  EXPECT_TRUE(decoded->programs[0].per_target);
  EXPECT_FALSE(decoded->maps[2].print_at_exit);
  EXPECT_TRUE(decoded->maps[0].default_size);
  EXPECT_EQ(decoded->params[1].size, 64u);
  ASSERT_EQ(decoded->sends.size(), 1u);
  EXPECT_EQ(decoded->sends[0].packet, meta.sends[0].packet);
}

TEST(Codec, ZeroMapIndexSurvives) {
  Meta meta = sample_meta();
  meta.sites[1].map = 0;
  EXPECT_EQ(decode(encode(meta))->sites[1].map, 0);
  EXPECT_EQ(decode(encode(meta))->sites[0].map, -1);
}

TEST(Codec, EveryTruncationIsAnError) {
  const Bytes bytes = encode(sample_meta());
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto decoded = decode(std::span(bytes).first(size));
    ASSERT_FALSE(decoded) << size;
    EXPECT_THAT(decoded.error().hint, HasSubstr("awl build"));
  }
}

TEST(Codec, DeepNestingIsRefused) {
  const Bytes arrays(1 << 20, 0x81);
  EXPECT_FALSE(decode(arrays));
  Bytes maps;
  for (int i = 0; i < 300000; ++i) maps.insert(maps.end(), {0xa1, 0x61, 'a'});
  EXPECT_FALSE(decode(maps));
}

TEST(Codec, HugeLengthsAreRefused) {
  EXPECT_FALSE(decode(Bytes{0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}));
  EXPECT_FALSE(decode(Bytes{0xbb, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}));
  EXPECT_FALSE(decode(Bytes{0x7b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}));
}

TEST(Codec, FormatAndFeatures) {
  EXPECT_THAT(complaint([](Meta& m) { m.format = 99; }), HasSubstr("format 99"));
  EXPECT_THAT(complaint([](Meta& m) { m.format = 0; }), HasSubstr("no format number"));
  EXPECT_THAT(complaint([](Meta& m) { m.required = {"time_travel"}; }), HasSubstr("'time_travel'"));
}

TEST(Codec, LoadsAndPins) {
  Meta meta = sample_meta();
  meta.required = {"load", "pin"};
  meta.maps.push_back({.name = "@p", .elf_name = "at_p", .storage = Storage::array, .max_entries = 4, .key = {integer(4)}, .value = integer(8), .pin = "shared-1"});
  meta.loads = {{.map = 3, .path = "list.txt", .parameter = 0, .place = "stdin:1:1-9"}, {.map = 3, .parameter = 2}};
  Result<Meta> decoded = decode(encode(meta));
  ASSERT_TRUE(decoded) << decoded.error().text();
  EXPECT_EQ(decoded->loads.size(), 2u);
  EXPECT_EQ(decoded->loads[0].path, "list.txt");
  EXPECT_EQ(decoded->loads[1].parameter, 2u);
  EXPECT_EQ(decoded->maps[3].pin, "shared-1");
  EXPECT_THAT(complaint([](Meta& m) { m.loads = {{.map = 3}}; }), HasSubstr("loads[0]: map 3 of 3"));
  EXPECT_THAT(complaint([](Meta& m) { m.loads = {{.map = 0}}; }), HasSubstr("loads[0]: @ cannot be filled"));
  EXPECT_THAT(complaint([](Meta& m) { m.loads = {{.map = 1}}; }), HasSubstr("cannot be filled"));
  EXPECT_THAT(complaint([](Meta& m) { m.maps[1].pin = "../x"; }), HasSubstr("pin '../x' is no name"));
  EXPECT_THAT(complaint([](Meta& m) {
                m.maps[1].storage = Storage::array;
                m.maps[1].value = integer(8);
              }), HasSubstr("keys that are no indices"));
}

TEST(Codec, UnknownMembersAreSkipped) {
  Bytes bytes = encode(sample_meta());
  ASSERT_EQ(bytes[0] & 0xe0, 0xa0);  // a map with its count in the low bits
  ASSERT_LT(bytes[0] & 0x1f, 0x17);
  ++bytes[0];
  bytes.insert(bytes.end(), {0x63, 'n', 'e', 'w', 0x82, 0x01, 0x02});
  EXPECT_TRUE(decode(bytes));
}

TEST(Codec, WrongKindsNameThePlace) {
  // {"format": 1, "programs": [7]}
  const auto decoded =
      decode(Bytes{0xa2, 0x66, 'f', 'o', 'r', 'm', 'a', 't', 0x01, 0x68, 'p', 'r', 'o', 'g', 'r', 'a', 'm', 's', 0x81, 0x07});
  ASSERT_FALSE(decoded);
  EXPECT_THAT(decoded.error().text(), HasSubstr("programs[0]: expected a table, found number"));
}

TEST(Validate, PlacesInMessages) {
  EXPECT_THAT(complaint([](Meta& m) { m.sites[0].args[1].offset = 21; }),
              HasSubstr("sites[0].args[1]: bytes 21 to 25 lie outside of the 24"));
  EXPECT_THAT(complaint([](Meta& m) { m.sites[0].args[1].offset = UINT32_MAX; }), HasSubstr("sites[0].args[1]"));
  EXPECT_THAT(complaint([](Meta& m) { m.sites[1].map = 3; }), HasSubstr("sites[1]: map 3 of 3"));
  EXPECT_THAT(complaint([](Meta& m) { m.sites[1].map = -2; }), HasSubstr("sites[1]"));
  EXPECT_THAT(complaint([](Meta& m) { m.sites[1].map = -1; }), HasSubstr("print_map without a map"));
  EXPECT_THAT(complaint([](Meta& m) { m.sites[2].payload = 4; }), HasSubstr("runtime_error with a payload of 4"));
  EXPECT_THAT(complaint([](Meta& m) { m.maps[0].offset = 57; }), HasSubstr("maps[0]: lies outside"));
  EXPECT_THAT(complaint([](Meta& m) { m.maps[0].set_offset = UINT64_MAX; }), HasSubstr("maps[0]: lies outside"));
  EXPECT_THAT(complaint([](Meta& m) { m.maps[1].key.clear(); }), HasSubstr("maps[1]: storage 'percpu_hash' without a key"));
  EXPECT_THAT(complaint([](Meta& m) { m.maps[1].key.push_back(m.maps[1].key[0]); }), HasSubstr("2 keys"));
  EXPECT_THAT(complaint([](Meta& m) { m.maps[1].histogram.buckets = 66; }), HasSubstr("66 buckets, its shape has 65"));
  EXPECT_THAT(complaint([](Meta& m) { m.maps[1].value.size = 64; }), HasSubstr("maps[1]: 65 buckets in 64 bytes"));
  EXPECT_THAT(complaint([](Meta& m) { m.maps[2].histogram.step = 0; }), HasSubstr("maps[2]"));
  EXPECT_THAT(complaint([](Meta& m) { m.maps[1].value = integer(8); }), HasSubstr("storage 'percpu_hash' with values of kind 'integer'"));
  EXPECT_THAT(complaint([](Meta& m) { m.maps[1].elf_name.clear(); }), HasSubstr("has no BPF map"));
  EXPECT_THAT(complaint([](Meta& m) { m.maps[0].name = "x"; }), HasSubstr("'x' is not that of a map"));
  EXPECT_THAT(complaint([](Meta& m) { m.params[0].size = 4; }), HasSubstr("params[0]: pid of 4 bytes"));
  EXPECT_THAT(complaint([](Meta& m) { m.programs[1].elf_name.clear(); }), HasSubstr("programs[1]"));
  EXPECT_THAT(complaint([](Meta& m) { m.sends[0].program = 9; }), HasSubstr("sends[0]: program 9 of"));
  EXPECT_THAT(complaint([](Meta& m) { m.lost_offset = 56; }), HasSubstr("lost_offset"));
}

TEST(Validate, Types) {
  const auto with = [](Type type) {
    return complaint([&](Meta& m) { m.sites[0].payload = 64, m.sites[0].args[1] = element(16, std::move(type)); });
  };
  EXPECT_EQ(with(text(48)), "");
  EXPECT_THAT(with(integer(3)), HasSubstr("integer of 3 bytes"));
  EXPECT_THAT(with({.kind = Kind::kstack, .size = 8, .count = 127}), HasSubstr("kstack of 8 bytes, needs 16"));
  EXPECT_THAT(with({.kind = Kind::inet, .size = 16}), HasSubstr("inet of 16 bytes"));
  EXPECT_THAT(with({.kind = Kind::count, .size = 8}), HasSubstr("count stands where only plain values may"));
  EXPECT_THAT(with({.kind = Kind::array, .size = 16, .count = 5, .elements = {element(0, integer(4))}}),
              HasSubstr("5 elements of 4 bytes"));
  EXPECT_EQ(with({.kind = Kind::array, .size = 0, .count = 0, .elements = {element(0, integer(4))}}), "");
  EXPECT_THAT(with({.kind = Kind::array, .size = 0, .count = 1, .elements = {element(0, integer(4))}}), HasSubstr("outside of the 0 bytes"));
  EXPECT_THAT(with({.kind = Kind::array, .size = 16, .count = UINT32_MAX, .elements = {element(0, {})}}), HasSubstr("elements of 0 bytes"));
  EXPECT_THAT(with({.kind = Kind::tuple, .size = 8, .elements = {element(4, integer(8))}}),
              HasSubstr("sites[0].args[1].elements[0]: bytes 4 to 12"));
  EXPECT_THAT(with({.kind = Kind::integer, .size = 8, .elements = {element(0, integer(8))}}), HasSubstr("integer with elements"));
  Element bits = element(0, integer(4));
  bits.bit_offset = 30, bits.bit_size = 7;
  EXPECT_THAT(with({.kind = Kind::structure, .size = 4, .elements = {bits}}), HasSubstr("bytes 0 to 5"));
  Type deep = integer(8);
  for (int i = 0; i < 34; ++i) deep = {.kind = Kind::tuple, .size = 8, .elements = {element(0, deep)}};
  EXPECT_THAT(with(deep), HasSubstr("nested deeper than 32"));
  for (int i = 0; i < 100; ++i) deep = {.kind = Kind::tuple, .size = 8, .elements = {element(0, deep)}};
  EXPECT_THAT(with(deep), HasSubstr("nested too deep"));
}

TEST(Validate, Buckets) {
  EXPECT_EQ(bucket_count({.bits = 0}), 65u);
  EXPECT_EQ(bucket_count({.bits = 5}), 1u + 64 + (63 - 6) * 32);
  EXPECT_EQ(bucket_count({.min = 0, .max = 10, .step = 2}), 7u);
  EXPECT_EQ(bucket_count({.min = 0, .max = 10, .step = 3}), 5u);
  EXPECT_EQ(bucket_count({.min = INT64_MIN, .max = INT64_MAX, .step = 1}), 0u);  // too many to count
}

TEST(Open, GoodObject) {
  const Meta meta = sample_meta();
  const auto artifact = open(sample_object(meta, encode(meta)));
  ASSERT_TRUE(artifact) << artifact.error().text();
  EXPECT_EQ(artifact->meta.programs.size(), 2u);
}

TEST(Open, WhatIsWrong) {
  const Meta meta = sample_meta();
  const Bytes description = encode(meta);
  const auto problem = [](Bytes object) {
    const auto artifact = open(std::move(object));
    return artifact ? "" : artifact.error().text() + "|" + artifact.error().hint;
  };
  EXPECT_THAT(problem({}), HasSubstr("no ELF file"));
  EXPECT_THAT(problem({'#', '!', '/'}), HasSubstr("awl build"));
  EXPECT_THAT(problem(sample_object(meta, description, EM_X86_64)), HasSubstr("machine is 62"));
  EXPECT_THAT(problem(sample_object(meta, {})), HasSubstr("not readable"));
  EXPECT_THAT(problem(sample_object(meta, description, EM_BPF, "end_2")), HasSubstr("no program 'end_2'"));
  EXPECT_THAT(problem(sample_object(meta, description, EM_BPF, "map_h")), HasSubstr("no BPF map 'map_h'"));
  EXPECT_THAT(problem(sample_object(meta, description, EM_BPF, "awl_events")), HasSubstr("no BPF map 'awl_events'"));
  EXPECT_THAT(problem(sample_object(meta, description, EM_BPF, "awl_globals")), HasSubstr("no variable 'awl_globals'"));
  Meta small = meta;
  small.globals_size = 8;
  EXPECT_THAT(problem(sample_object(small, description)), HasSubstr("'awl_globals' has 8 bytes"));
  Bytes other = sample_object(meta, description);
  const std::string name = ".awl.meta";
  *std::search(other.begin(), other.end(), name.begin(), name.end()) = '_';
  EXPECT_THAT(problem(other), HasSubstr("no section .awl.meta"));
}

TEST(Open, EveryTruncationIsAnError) {
  const Meta meta = sample_meta();
  const Bytes object = sample_object(meta, encode(meta));
  for (size_t size = 0; size < object.size(); ++size)
    EXPECT_FALSE(open(Bytes(object.begin(), object.begin() + static_cast<ptrdiff_t>(size)))) << size;
}

TEST(OpenFile, Files) {
  const std::string folder = testing::TempDir() + "awl_artifact_test";
  mkdir(folder.c_str(), 0700);
  const std::string path = folder + "/object";
  const Meta meta = sample_meta();
  const Bytes object = sample_object(meta, encode(meta));
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(object.data()), static_cast<std::streamsize>(object.size()));
  EXPECT_TRUE(open_file(path));
  const auto problem = [](const std::string& name) { return open_file(name).error().text(); };
  EXPECT_THAT(problem(folder + "/nosuch"), HasSubstr("No such file"));
  EXPECT_THAT(problem(folder), HasSubstr("not a regular file"));
  EXPECT_THAT(problem("/dev/zero"), HasSubstr("not a regular file"));
  const std::string fifo = folder + "/fifo";
  mkfifo(fifo.c_str(), 0600);
  EXPECT_THAT(problem(fifo), HasSubstr("not a regular file"));
  const std::string large = folder + "/large";
  close(creat(large.c_str(), 0600));
  ASSERT_EQ(truncate(large.c_str(), (256 << 20) + 1), 0);
  EXPECT_THAT(problem(large), HasSubstr("larger than 256 MiB"));
  for (const std::string& name : {path, fifo, large}) unlink(name.c_str());
  rmdir(folder.c_str());
}

TEST(Print, TextAndJson) {
  const Artifact artifact{{1, 2, 3}, sample_meta()};
  const std::string text_form = print_text(artifact);
  EXPECT_THAT(text_form, HasSubstr("tracepoint_1: tracepoint:sched:sched_*"));
  EXPECT_THAT(text_form, HasSubstr("@h[(uint64, string[16])]: hist, percpu_hash"));
  EXPECT_THAT(text_form, HasSubstr("printf \"%s %d\\n\""));
  EXPECT_THAT(text_form, HasSubstr("needs --unsafe"));
  const std::string json = print_json(artifact);
  EXPECT_THAT(json, HasSubstr("\"kind\": \"hist\""));
  EXPECT_THAT(json, HasSubstr("\"object_bytes\": 3"));
  EXPECT_THAT(json, Not(HasSubstr("\xff")));
}

}  // namespace
}  // namespace awl::artifact
