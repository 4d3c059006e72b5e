#pragma once
// Maps of tseries().
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "artifact/schema.h"

namespace awl {

// The value of one interval; which one: time since the epoch / shape.step.
struct SeriesPoint {
  uint64_t interval = 0, value = 0, weight = 0;  // weight: see artifact::Kind::tseries
  bool operator==(const SeriesPoint&) const = default;
};

// The parts that CPUs counted (places of intervals as in the kernel's map, empty ones left out) put together: in the order of time, the
// newest shape.buckets intervals at most. Averages are not divided yet.
std::vector<SeriesPoint> merge_series(const artifact::HistogramShape& shape, bool is_signed, std::span<const SeriesPoint> parts);
std::vector<SeriesPoint> series_points(std::span<const uint8_t> bytes);
uint64_t series_value(const artifact::HistogramShape& shape, bool is_signed, const SeriesPoint& point);

// A row for each interval from the first one with a value to `newest`, between two scales.
void append_series_text(std::string& out, const artifact::HistogramShape& shape, bool is_signed, std::span<const SeriesPoint> points, uint64_t newest);
// [{"interval_start":"2026-11-20 04:25:04.000000000","value":5}]
void append_series_json(std::string& out, const artifact::HistogramShape& shape, bool is_signed, std::span<const SeriesPoint> points);

}  // namespace awl
