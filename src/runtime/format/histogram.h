#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "artifact/schema.h"

namespace awl {

// Bounds of a bucket: [low, high), without a bound where it is open.
struct Bucket {
  std::optional<int64_t> low;
  std::optional<uint64_t> high;  // of hist's last bucket: 2^63
  bool operator==(const Bucket&) const = default;
};

// The index-th bucket of a hist (shape.step is 0) or lhist; see artifact::HistogramShape.
Bucket bucket_bounds(const artifact::HistogramShape& shape, uint32_t index);
// "[2, 4)", "[512, 1K)", "(..., 0)", "[9, ...)", "[5]".
std::string bucket_label(const artifact::HistogramShape& shape, uint32_t index);

// A line for each bucket from the first to the last that is not empty: label, count, bar. Counts are divided by `div` (0: not).
void append_histogram_text(std::string& out, const artifact::HistogramShape& shape, std::span<const uint64_t> counts, int64_t div);
// The same as a JSON list: {"min": 2, "max": 3, "count": 1}, bounds inclusive.
void append_histogram_json(std::string& out, const artifact::HistogramShape& shape, std::span<const uint64_t> counts, int64_t div);

}  // namespace awl
