#pragma once
// Bytes and names for the tests of rendering.
#include <fmt/format.h>

#include <cstring>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "artifact/schema.h"
#include "runtime/format/map.h"
#include "runtime/format/names.h"
#include "runtime/format/value.h"

namespace awl::test {

using artifact::Element;
using artifact::Kind;
using artifact::Type;
using Bytes = std::vector<uint8_t>;

struct FixedNames : Names {
  std::optional<SymbolName> kernel_symbol(uint64_t address) override {
    if (address < 0x1000) return std::nullopt;
    return SymbolName{.name = "schedule", .offset = address - 0x1000};
  }
  std::optional<SymbolName> user_symbol(uint64_t address, uint32_t pid) override {
    if (pid == 7 && address >= 0x2000) return SymbolName{.name = "malloc", .offset = address - 0x2000, .module = "/lib/libc.so.6"};
    if (pid == 7 && address >= 0x1000) return SymbolName{.module = "/bin/cat"};
    return std::nullopt;
  }
  std::string user_name(uint64_t uid) override { return uid == 0 ? "root" : fmt::format("{}", uid); }
  std::string cgroup_path(uint64_t id, std::string_view filter) override { return fmt::format("unified:/{}{}", id, filter); }
  std::string probe(uint64_t id) override { return fmt::format("probe{}", id); }
  std::string timestamp(uint64_t ns, std::string_view format, uint32_t clock) override { return fmt::format("{} {} {}", format, ns, clock); }
  // A stack whose hash is n has the frames in stacks[n].
  std::span<const uint8_t> stack(const artifact::StackKey& key) override {
    auto found = stacks.find(key.hash);
    return found == stacks.end() ? std::span<const uint8_t>() : std::span(found->second).first(size_t{key.frames} * key.frame_bytes);
  }
  std::map<uint64_t, std::vector<uint8_t>> stacks{{1, {0x01, 0x10, 0, 0, 0, 0, 0, 0}}};
  std::string_view string(uint64_t index) override { return index == 3 ? "%H" : ""; }
};

template <typename T>
void add(Bytes& bytes, T value) {
  size_t at = bytes.size();
  bytes.resize(at + sizeof value);
  memcpy(bytes.data() + at, &value, sizeof value);
}
template <typename... T>
Bytes bytes_of(T... values) {
  Bytes bytes;
  (add(bytes, values), ...);
  return bytes;
}
inline Bytes text_bytes(std::string_view text, size_t size) {
  Bytes bytes(text.begin(), text.end());
  bytes.resize(size);
  return bytes;
}
inline Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline Type int_type(uint32_t size, bool is_signed) { return {.kind = Kind::integer, .size = size, .is_signed = is_signed}; }
inline Type string_type(uint32_t size) { return {.kind = Kind::string, .size = size}; }
inline Element element(uint32_t offset, Type type, std::string name = {}) { return {.name = std::move(name), .offset = offset, .type = {std::move(type)}}; }
inline Type group(Kind kind, uint32_t size, std::vector<Element> elements) { return {.kind = kind, .size = size, .elements = std::move(elements)}; }

// A stack value, with frames that `names` knows from now on.
inline Bytes stack_of(FixedNames& names, std::initializer_list<uint64_t> frames, uint32_t pid = 0) {
  static uint64_t next = 100;
  Bytes& stored = names.stacks[++next];
  for (uint64_t frame : frames) add(stored, frame);
  return bytes_of(next, static_cast<uint32_t>(frames.size()), pid);
}

struct Rendering {
  FixedNames names;
  RenderContext context{.names = names};
  std::string text(const Type& type, const Bytes& bytes) {
    std::string out;
    append_text(out, type, bytes, context);
    return out;
  }
  std::string json(const Type& type, const Bytes& bytes) {
    std::string out;
    append_json(out, type, bytes, context);
    return out;
  }
  std::string key(const Type& type, const Bytes& bytes) {
    std::string out;
    append_key_text(out, type, bytes, context);
    return out;
  }
  std::string json_key(const Type& type, const Bytes& bytes) {
    std::string out;
    append_key_json(out, type, bytes, context);
    return out;
  }
};

}  // namespace awl::test
