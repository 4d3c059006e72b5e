#include "runtime/format/map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "runtime/format/histogram.h"
#include "runtime/format/json.h"
#include "runtime/format/series.h"

namespace awl {
namespace {

using artifact::Kind;
using artifact::Map;
using artifact::Type;

std::vector<uint64_t> buckets(const MapRow& row) {
  std::vector<uint64_t> counts(row.value.size() / 8);
  if (!counts.empty()) memcpy(counts.data(), row.value.data(), counts.size() * 8);
  return counts;
}

bool sorted_by_value(Kind kind) {
  switch (kind) {
    case Kind::integer:
    case Kind::count:
    case Kind::sum:
    case Kind::min:
    case Kind::max:
    case Kind::avg:
    case Kind::stats:
    case Kind::hist:
    case Kind::lhist:
    case Kind::tseries: return true;
    default: return false;
  }
}

uint64_t quotient(uint64_t value, uint64_t by, bool is_signed) {
  if (is_signed) return static_cast<uint64_t>(static_cast<int64_t>(value) / static_cast<int64_t>(by));
  return value / by;
}

// What a row is ordered by, read with the value type's sign.
uint64_t rank(const Map& map, const MapRow& row) {
  if (is_series(map)) return 0;  // by key alone
  if (is_histogram(map)) {
    std::vector<uint64_t> counts = buckets(row);
    return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  }
  bool is_signed = map.value.is_signed;
  if (map.value.kind == Kind::integer) return load_integer(row.value, map.value.size, is_signed);
  uint64_t first = load_integer(row.value, 8, false);
  if (!is_statistics(map)) return first;
  uint64_t updates = row.value.size() >= 16 ? load_integer(ValueBytes(row.value).subspan(8), 8, false) : 0;
  return updates ? quotient(first, updates, is_signed) : 0;
}

// A copy of a value with its number divided: integers and totals; of statistics the average is meant, so updates are scaled instead.
void append_divided(std::string& out, const Type& type, const MapRow& row, int64_t div, bool json, RenderContext& context) {
  if (div == 0 || div == 1 || type.kind < Kind::count) {
    if (type.kind != Kind::integer || div == 0 || div == 1) {
      if (json)
        append_json(out, type, row.value, context);
      else
        append_text(out, type, row.value, context);
      return;
    }
  }
  uint64_t by = static_cast<uint64_t>(div);
  uint64_t first = load_integer(row.value, type.kind == Kind::integer ? type.size : 8, type.is_signed);
  Type number{.kind = Kind::integer, .size = 8, .is_signed = type.is_signed};
  auto append_number = [&](uint64_t value) {
    ValueBytes bytes(reinterpret_cast<const uint8_t*>(&value), sizeof value);
    if (json)
      append_json(out, number, bytes, context);
    else
      append_text(out, number, bytes, context);
  };
  if (type.kind != Kind::avg && type.kind != Kind::stats) return append_number(quotient(first, by, type.is_signed));
  uint64_t updates = row.value.size() >= 16 ? load_integer(ValueBytes(row.value).subspan(8), 8, false) : 0;
  uint64_t average = updates ? quotient(quotient(first, updates, type.is_signed), by, type.is_signed) : 0;
  if (type.kind == Kind::avg) return append_number(average);
  out += fmt::format(json ? fmt::runtime("{{\"count\": {}, \"average\": ") : fmt::runtime("{{ .count = {}, .average = "), updates);
  append_number(average);
  out += json ? ", \"total\": " : ", .total = ";
  append_number(first);
  out += json ? "}" : " }";
}

std::span<const MapRow> selected(const std::vector<MapRow>& rows, MapPrint print) {
  std::span<const MapRow> all(rows);
  if (print.top > 0 && static_cast<uint64_t>(print.top) < all.size()) return all.last(static_cast<size_t>(print.top));
  return all;
}

}  // namespace

bool is_series(const Map& map) { return map.value.kind == Kind::tseries; }
bool is_histogram(const Map& map) { return map.value.kind == Kind::hist || map.value.kind == Kind::lhist; }
bool is_statistics(const Map& map) { return map.value.kind == Kind::avg || map.value.kind == Kind::stats; }

void sort_rows(const Map& map, std::vector<MapRow>& rows) {
  if (map.storage == artifact::Storage::queue) return;  // in the order in which they come out
  struct Place {
    uint64_t rank;  // made to be compared without a sign
    size_t row;
  };
  bool by_value = sorted_by_value(map.value.kind), is_signed = map.value.is_signed && !is_histogram(map);
  constexpr uint64_t sign = uint64_t{1} << 63;
  std::vector<Place> order(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) order[i] = {by_value ? rank(map, rows[i]) ^ (is_signed ? sign : 0) : 0, i};
  std::sort(order.begin(), order.end(), [&](const Place& a, const Place& b) {
    if (a.rank != b.rank) return a.rank < b.rank;
    if (!map.key.empty())
      if (int by_key = compare_values(map.key[0], rows[a.row].key, rows[b.row].key)) return by_key < 0;
    return a.row < b.row;
  });
  std::vector<MapRow> sorted;
  sorted.reserve(rows.size());
  for (const Place& place : order) sorted.push_back(std::move(rows[place.row]));
  rows = std::move(sorted);
}

void append_map_text(std::string& out, const Map& map, const std::vector<MapRow>& rows, MapPrint print, RenderContext& context) {
  uint64_t newest = 0;  // the intervals of all elements end together
  if (is_series(map))
    for (const MapRow& row : rows)
      for (const SeriesPoint& point : series_points(row.value)) newest = std::max(newest, point.interval);
  for (const MapRow& row : selected(rows, print)) {
    out += map.name;
    if (!map.key.empty()) {
      out += '[';
      append_key_text(out, map.key[0], row.key, context);
      out += ']';
    }
    if (is_histogram(map)) {
      out += ":\n";
      append_histogram_text(out, map.histogram, buckets(row), print.div);
    } else if (is_series(map)) {
      out += ":\n";
      append_series_text(out, map.histogram, map.value.is_signed, series_points(row.value), newest);
    } else {
      out += ": ";
      append_divided(out, map.value, row, print.div, false, context);
    }
    out += '\n';
  }
}

void append_map_json(std::string& out, const Map& map, const std::vector<MapRow>& rows, MapPrint print, RenderContext& context) {
  out += fmt::format("{{\"type\": \"{}\", \"data\": {{", is_histogram(map) ? "hist" : is_series(map) ? "tseries" : is_statistics(map) ? "stats" : "map");
  append_json_string(out, map.name);
  out += ": ";
  const bool keyed = !map.key.empty(), list = map.storage == artifact::Storage::queue;
  bool first = true;
  if (list) out += '[';
  else if (keyed || rows.empty()) out += '{';
  for (const MapRow& row : selected(rows, print)) {
    if (keyed) {
      std::string key;
      append_key_json(key, map.key[0], row.key, context);
      if (!first) out += ", ";
      append_json_string(out, key);
      out += ": ";
    }
    if (list && !first) out += ", ";
    first = false;
    if (is_histogram(map))
      append_histogram_json(out, map.histogram, buckets(row), print.div);
    else if (is_series(map))
      append_series_json(out, map.histogram, map.value.is_signed, series_points(row.value));
    else
      append_divided(out, map.value, row, print.div, true, context);
  }
  if (list) out += ']';
  else if (keyed || rows.empty()) out += '}';
  out += "}}\n";
}

}  // namespace awl
