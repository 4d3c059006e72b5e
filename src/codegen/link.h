#pragma once
#include "artifact/artifact.h"
#include "semantic/unit.h"

namespace awl {

// The script's object with the objects of the C that it imports, linked as BPF objects are (libbpf's bpf_linker): one object, whose BTF, relocations
// and maps are those of all.
Result<artifact::Bytes> link_objects(const artifact::Bytes& script, std::span<const ImportedObject> imported);

}  // namespace awl
