#pragma once
// Maps that stay in the kernel under a name, `let @m = hash(10) pin("name")`: below artifact::pin_folder, for whoever may enter it.
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <span>
#include <string>

#include "artifact/schema.h"
#include "base/result.h"

namespace awl {

// A type of BTF as text that is equal for types that are laid out and meant alike: names of structures and members, sizes, signs.
std::string layout_text(const btf* types, uint32_t id);

// `maps` are the object's, in the order of Meta::maps.
// Before the object is loaded: maps that are there already become the object's. One with another kind, size, key or value is an error that says both.
// Makes the folder, which must belong to the user and be open to nobody else.
Result<> use_pinned_maps(const bpf_object* object, std::span<bpf_map* const> maps, const artifact::Meta& meta);
// After it is loaded: gives the maps that were not there their names.
Result<> pin_new_maps(std::span<bpf_map* const> maps, const artifact::Meta& meta);

}  // namespace awl
