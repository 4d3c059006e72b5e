#pragma once
// What rendering needs from outside the bytes: names for addresses and ids. The session has the real one (symbols.cpp); tests a fixed one.
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "artifact/schema.h"

namespace awl {

struct SymbolName {
  std::string name;
  uint64_t offset = 0;  // from the symbol's first byte
  std::string module;   // file that holds a user symbol, as the process maps it; empty for the kernel
  std::string place;    // "file:line" where debug information is asked for and known
};

class Names {
 public:
  virtual ~Names() = default;
  virtual std::optional<SymbolName> kernel_symbol(uint64_t address) = 0;
  // An unnamed address may still come back with an empty name and the module that holds it.
  virtual std::optional<SymbolName> user_symbol(uint64_t address, uint32_t pid) = 0;
  virtual std::string user_name(uint64_t uid) = 0;
  // `hierarchy:path` of each cgroup hierarchy whose name matches the filter, joined by commas; empty for an unknown id.
  virtual std::string cgroup_path(uint64_t id, std::string_view filter) = 0;
  // Value of Kind::probe as text; see schema.h.
  virtual std::string probe(uint64_t id) = 0;
  // strftime(3) of a boot clock (clock 0) or TAI (clock 1) time, with %f for microseconds.
  virtual std::string timestamp(uint64_t nanoseconds, std::string_view format, uint32_t clock) = 0;
  // The frames of a stack, key.frames * key.frame_bytes bytes; empty when they are not known.
  virtual std::span<const uint8_t> stack(const artifact::StackKey& key) = 0;
  // Meta::strings[index]; empty when there is none.
  virtual std::string_view string(uint64_t index) = 0;
};

}  // namespace awl
