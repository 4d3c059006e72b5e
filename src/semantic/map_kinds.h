#pragma once
// Kinds of maps as declarations name them: `let @m = KIND(n)`. To add one: a row in map_kinds.cpp.
#include <linux/bpf.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "artifact/schema.h"
#include "probes/host.h"

namespace awl {

struct MapKind {
  // What a map of the kind is looked up with.
  enum class Key : uint8_t {
    any,     // what the script says
    prefix,  // addresses; elements are prefixes of them
    index,   // a number below the size
    none,    // nothing: values go in and come out
    member,  // what was added: there are no values
    object,  // an object of the kernel, by a pointer that the kernel knows
  };
  // What values of storages hang on.
  struct Objects {
    std::string_view structure;  // the kernel's
    bpf_func_id get, remove;
    std::string_view only;       // the one kind of probe whose programs may use the storage; empty: those that have such pointers
  };
  std::string_view name;
  Key key;
  std::string_view functions;  // names of the builtins that take such a map as a whole, and "for" where the kernel goes over it in a loop
  std::string_view use;        // how elements are reached, for messages
  artifact::Storage storage;  // of a map with keys
  bpf_map_type type;
  uint32_t flags;             // of BPF_MAP_CREATE
  std::optional<Feature> needs;  // of the kernel
  const Objects* objects = nullptr;

  bool allows(std::string_view function) const;
  // Whether values are numbers of 32 bits whatever the script says: the kernel makes something else of them.
  bool targets() const { return storage == artifact::Storage::redirect || storage == artifact::Storage::sockets; }
};

std::span<const MapKind> map_kinds();
// Null: there is none of that name.
const MapKind* find_map_kind(std::string_view name);
// The kind of maps that are not declared: for aggregations, and for plain values.
const MapKind& usual_map_kind(bool percpu);
// The kind that keeps the other sort of values: "percpuhash" for "hash", "array" for "percpuarray". Null: there is none.
const MapKind* counterpart(const MapKind& kind);
// Their names, for messages: of all, or of those that a function takes.
std::string map_kind_names(std::string_view function = {});

}  // namespace awl
