#pragma once
#include "artifact/schema.h"
#include "base/result.h"

namespace awl::artifact {

// Limits that a sane artifact never meets; they keep a damaged one from exhausting memory or the stack.
inline constexpr size_t max_meta_bytes = 16 << 20;
inline constexpr size_t max_object_bytes = 256 << 20;
inline constexpr uint32_t max_type_depth = 32;
inline constexpr uint32_t max_payload = 1 << 20;
inline constexpr uint32_t max_value_size = 16 << 20;
inline constexpr uint32_t max_table_rows = 1 << 20;  // programs, maps, sites ...

// Everything the run side relies on without looking again. The error names the place: "maps[2].value.elements[0]: ...".
Result<> validate(const Meta& meta);

// Number of buckets that a shape has: lhist when `step` is not 0, else hist.
uint64_t bucket_count(const HistogramShape& shape);

}  // namespace awl::artifact
