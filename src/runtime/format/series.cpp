#include "runtime/format/series.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>

#include "runtime/clock.h"
#include "runtime/format/json.h"

namespace awl {
namespace {

using artifact::HistogramShape;
using artifact::SeriesFunction;

__extension__ using Wide = __int128;

constexpr int right_border = 52;
constexpr uint64_t nanoseconds = 1'000'000'000;

SeriesFunction function_of(const HistogramShape& shape) { return static_cast<SeriesFunction>(shape.bits); }

Wide wide(uint64_t value, bool is_signed) { return is_signed ? Wide{static_cast<int64_t>(value)} : Wide{value}; }

// Printed by hand: fmt has no formatter for it in strict ISO C++.
std::string text(Wide value) { return value < 0 ? fmt::format("{}", static_cast<int64_t>(value)) : fmt::format("{}", static_cast<uint64_t>(value)); }

void add(SeriesPoint& to, const SeriesPoint& part, SeriesFunction function, bool is_signed) {
  bool less = wide(part.value, is_signed) < wide(to.value, is_signed);
  switch (function) {
    case SeriesFunction::last:
      if (part.weight > to.weight) to = part;
      return;
    case SeriesFunction::max:
    case SeriesFunction::min:
      if (less == (function == SeriesFunction::min)) to.value = part.value;
      break;
    case SeriesFunction::avg:
    case SeriesFunction::sum: to.value += part.value; break;
  }
  to.weight += part.weight;
}

// The time of day, as fine as the interval asks for.
std::string clock_label(const HistogramShape& shape, uint64_t interval) {
  constexpr int64_t tenth = 100'000'000;
  uint64_t start = interval * static_cast<uint64_t>(shape.step), rest = start % nanoseconds;
  std::string fraction = shape.step == tenth ? fmt::format("{:03}", rest / 1'000'000) : fmt::format("{:09}", rest);
  return format_time(start, "%H:%M:%S.") + fraction;
}

struct Scale {
  Wide low = 0, high = 0;
  int place(Wide value) const { return static_cast<int>((value - low) * right_border / (high - low)); }
};

Scale scale_of(const HistogramShape& shape, bool is_signed, std::span<const SeriesPoint> points) {
  Scale scale;
  bool first = true;
  for (const SeriesPoint& point : points) {
    Wide value = wide(series_value(shape, is_signed, point), is_signed);
    scale.low = first ? value : std::min(scale.low, value);
    scale.high = first ? value : std::max(scale.high, value);
    first = false;
  }
  if (scale.low != scale.high) return scale;
  Wide least = is_signed ? Wide{INT64_MIN} : Wide{0}, most = is_signed ? Wide{INT64_MAX} : Wide{UINT64_MAX};
  scale.low = std::max(scale.low - 1, least);
  scale.high = std::min(scale.high + 1, most);
  return scale;
}

}  // namespace

std::vector<SeriesPoint> series_points(std::span<const uint8_t> bytes) {
  std::vector<SeriesPoint> points(bytes.size() / sizeof(SeriesPoint));
  if (!points.empty()) memcpy(points.data(), bytes.data(), points.size() * sizeof(SeriesPoint));
  std::erase_if(points, [](const SeriesPoint& point) { return point.interval == 0; });
  return points;
}

std::vector<SeriesPoint> merge_series(const HistogramShape& shape, bool is_signed, std::span<const SeriesPoint> parts) {
  std::map<uint64_t, SeriesPoint> intervals;
  for (const SeriesPoint& part : parts) {
    if (part.interval == 0) continue;
    auto [at, fresh] = intervals.try_emplace(part.interval, part);
    if (!fresh) add(at->second, part, function_of(shape), is_signed);
  }
  std::vector<SeriesPoint> points;
  for (const auto& [interval, point] : intervals)
    if (intervals.rbegin()->first - interval < shape.buckets) points.push_back(point);
  return points;
}

uint64_t series_value(const HistogramShape& shape, bool is_signed, const SeriesPoint& point) {
  if (function_of(shape) != SeriesFunction::avg || point.weight == 0) return point.value;
  return static_cast<uint64_t>(wide(point.value, is_signed) / Wide{point.weight});
}

void append_series_text(std::string& out, const HistogramShape& shape, bool is_signed, std::span<const SeriesPoint> points, uint64_t newest) {
  // The map's newest intervals: an element that has not been updated for so long has none of them.
  while (!points.empty() && newest - points.front().interval >= shape.buckets) points = points.subspan(1);
  if (points.empty()) {
    out += "<no data>\n";
    return;
  }
  Scale scale = scale_of(shape, is_signed, points);
  std::string title = clock_label(shape, points.front().interval);
  std::string margin(title.size() + 1, ' ');
  std::string low = text(scale.low), ends = fmt::format("{}{}{:>{}}\n", margin, low, text(scale.high), static_cast<size_t>(right_border) + 1 - low.size());
  std::string heading = title.size() == 12 ? "hh:mm:ss.ms" : "hh:mm:ss.ns";
  out += ends;
  fmt::format_to(std::back_inserter(out), "{:<{}}|{:_>51}|\n", heading, margin.size(), "");
  auto point = points.begin();
  for (uint64_t interval = points.front().interval; interval <= newest; ++interval) {
    std::string row(right_border + 1, ' ');
    row.front() = row.back() = '|';
    if (scale.low < 0 && scale.high > 0) row[static_cast<size_t>(std::min<Wide>(-scale.low * (right_border + 1) / (scale.high - scale.low), right_border))] = '.';
    std::string shown = "-";
    if (point != points.end() && point->interval == interval) {
      Wide value = wide(series_value(shape, is_signed, *point++), is_signed);
      row[static_cast<size_t>(scale.place(value))] = '*';
      shown = text(value);
    }
    fmt::format_to(std::back_inserter(out), "{} {} {}\n", clock_label(shape, interval), row, shown);
  }
  fmt::format_to(std::back_inserter(out), "{}v{:_>51}v\n", margin, "");
  out += ends;
}

void append_series_json(std::string& out, const HistogramShape& shape, bool is_signed, std::span<const SeriesPoint> points) {
  out += '[';
  for (const SeriesPoint& point : points) {
    if (&point != points.data()) out += ',';
    uint64_t start = point.interval * static_cast<uint64_t>(shape.step);
    fmt::format_to(std::back_inserter(out), "{{\"interval_start\":\"{}.{:09}\",\"value\":", format_time(start, "%Y-%m-%d %H:%M:%S"), start % nanoseconds);
    append_json_integer(out, series_value(shape, is_signed, point), is_signed);
    out += '}';
  }
  out += ']';
}

}  // namespace awl
