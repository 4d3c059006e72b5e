#pragma once
// Whole maps as text and JSON.
#include <string>
#include <vector>

#include "artifact/schema.h"
#include "base/short_bytes.h"
#include "runtime/format/value.h"

namespace awl {

// An element as rendering takes it: key bytes (none for scalars) and one value, merged over CPUs: plain values as stored; aggregations
// in their per-CPU layout (schema.h) with the totals of all CPUs.
struct MapRow {
  ShortBytes key, value;
};

// Puts rows into the order of output: by value for integers and aggregations, else by key; ties by key.
void sort_rows(const artifact::Map& map, std::vector<MapRow>& rows);

struct MapPrint {
  int64_t top = 0;  // only the last `top` rows; 0 or less: all
  int64_t div = 0;  // values are divided by it; 0: not
};

// Sorted rows as text: a line each ("@x[1, a]: 5"), or header and buckets for histograms.
void append_map_text(std::string& out, const artifact::Map& map, const std::vector<MapRow>& rows, MapPrint print, RenderContext& context);
// One line {"type": ..., "data": {...}} with its newline.
void append_map_json(std::string& out, const artifact::Map& map, const std::vector<MapRow>& rows, MapPrint print, RenderContext& context);

bool is_series(const artifact::Map& map);
bool is_histogram(const artifact::Map& map);
bool is_statistics(const artifact::Map& map);  // avg, stats: of JSON type "stats"

}  // namespace awl
