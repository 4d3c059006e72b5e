#pragma once
#include "artifact/schema.h"
#include "base/result.h"

namespace awl::artifact {

// Limits that a sane artifact never meets; they keep a damaged one from exhausting memory or the stack.
inline constexpr size_t max_meta_bytes = 16 << 20;
inline constexpr size_t max_object_bytes = 256 << 20;
inline constexpr uint32_t max_type_depth = 32;
inline constexpr uint32_t max_payload = 1 << 20;
inline constexpr uint32_t max_value_size = 32 << 20;
inline constexpr uint32_t max_table_rows = 1 << 20;  // programs, maps, sites ...

// Everything the run side relies on without looking again. The error names the place: "maps[2].value.elements[0]: ...".
Result<> validate(const Meta& meta);

// Whether a file can give values of a type as text: numbers, booleans, strings, addresses (also arrays of 4 or 16 bytes), prefixes, and tuples of them.
bool is_readable(const Type& type);
// Whether a name can be that of a pinned map: letters, digits, '_' and '-', at most max_pin_name of them.
inline constexpr size_t max_pin_name = 64;
bool is_pin_name(std::string_view name);

// Number of buckets that a shape has: lhist when `step` is not 0, else hist.
uint64_t bucket_count(const HistogramShape& shape);

}  // namespace awl::artifact
