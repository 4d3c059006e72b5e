#pragma once
// The boundary between the build side and the run side.
#include <span>
#include <string>
#include <vector>

#include "artifact/schema.h"
#include "base/result.h"

namespace awl::artifact {

using Bytes = std::vector<uint8_t>;

struct Artifact {
  Bytes object;  // the whole ELF file, for bpf_object__open_mem
  Meta meta;
};

// The bytes of section .awl.meta.
Bytes encode(const Meta& meta);
// Reads and checks them: kinds in range, indices below their tables' sizes, offsets + sizes within payloads and values, nesting
// bounded. Never trusts a length. Errors say what is wrong and where.
Result<Meta> decode(std::span<const uint8_t> bytes);

// Opens an ELF object made by awl: finds and decodes .awl.meta, checks machine, format number, required features and
// that every program and map named there exists in the object.
Result<Artifact> open(Bytes object);
// The same from a file; refuses what is not a regular file or larger than 256 MiB.
Result<Artifact> open_file(const std::string& path);

// For `awl inspect`: text for people, or one JSON object.
std::string print_text(const Artifact& artifact);
std::string print_json(const Artifact& artifact);

}  // namespace awl::artifact
