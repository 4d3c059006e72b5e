#include "runtime/format/histogram.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <iterator>

#include "runtime/format/json.h"

namespace awl {
namespace {

constexpr unsigned bar_width = 52;
__extension__ using Wide = unsigned __int128;  // 52 * count can exceed 64 bits

// Powers of 1024 below 2^64.
constexpr std::string_view suffixes = " KMGTPE";

// The largest unit (as power of 1024) that divides a number; a zero can be divided by all.
unsigned unit_of(uint64_t number) { return number ? std::min(static_cast<unsigned>(std::countr_zero(number)) / 10, 6u) : 6u; }

std::string scaled(uint64_t number, unsigned unit) {
  if (number == 0 || unit == 0) return fmt::format("{}", number);
  return fmt::format("{}{}", number >> (10 * unit), suffixes[unit]);
}

struct Range {
  size_t first = 0, last = 0;
  bool empty = true;
};

Range used(std::span<const uint64_t> counts) {
  Range range;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (!counts[i]) continue;
    if (range.empty) range.first = i;
    range.last = i;
    range.empty = false;
  }
  return range;
}

uint64_t divided(uint64_t count, int64_t div) { return div > 1 ? count / static_cast<uint64_t>(div) : count; }

}  // namespace

Bucket bucket_bounds(const artifact::HistogramShape& shape, uint32_t index) {
  if (shape.step > 0) {
    if (index == 0) return {{}, static_cast<uint64_t>(shape.min)};
    int64_t low = shape.min + (static_cast<int64_t>(index) - 1) * shape.step;
    if (index + 1 >= shape.buckets) return {low, {}};
    return {low, static_cast<uint64_t>(low + shape.step)};
  }
  if (index == 0) return {{}, 0};
  uint64_t single = 2ull << shape.bits, number = index - 1;
  if (number < single) return {static_cast<int64_t>(number), number + 1};
  uint64_t parts = 1ull << shape.bits;
  unsigned exponent = shape.bits + 1 + static_cast<unsigned>((number - single) / parts);
  if (exponent > 62) return {INT64_MAX, {}};
  uint64_t width = 1ull << (exponent - shape.bits), low = (1ull << exponent) + (number - single) % parts * width;
  return {static_cast<int64_t>(low), low + width};
}

namespace {

// The unit of a bound in a label. hist: what divides the bound and the width of the bucket that begins there. lhist: what divides the bound, given
// a step of whole K; M is the largest for bounds of 31 bits, as the reference has it.
unsigned label_unit(const artifact::HistogramShape& shape, uint64_t bound) {
  unsigned own = unit_of(bound);
  if (shape.step > 0) {
    if (shape.step % 1024) return 0;
    return bound >> 31 ? own : std::min(own, 2u);
  }
  uint64_t floor = bound ? std::bit_floor(bound) : 1;
  return std::min(own, unit_of(std::max<uint64_t>(floor >> shape.bits, 1)));
}

}  // namespace

std::string bucket_label(const artifact::HistogramShape& shape, uint32_t index) {
  Bucket bucket = bucket_bounds(shape, index);
  auto shown = [&](uint64_t bound) { return scaled(bound, label_unit(shape, bound)); };
  if (!bucket.low) return fmt::format("(..., {})", shown(*bucket.high));
  uint64_t low = static_cast<uint64_t>(*bucket.low);
  if (!bucket.high) return fmt::format("[{}, ...)", shown(low));
  if (*bucket.high == low + 1) return fmt::format("[{}]", low);
  return fmt::format("[{}, {})", shown(low), shown(*bucket.high));
}

void append_histogram_text(std::string& out, const artifact::HistogramShape& shape, std::span<const uint64_t> counts, int64_t div) {
  Range range = used(counts);
  if (range.empty) return;
  uint64_t most = divided(*std::max_element(counts.begin(), counts.end()), div);
  for (size_t i = range.first; i <= range.last; ++i) {
    uint64_t count = divided(counts[i], div);
    size_t bar = most ? static_cast<size_t>(static_cast<Wide>(bar_width) * count / most) : 0;
    fmt::format_to(std::back_inserter(out), "{:<16}{:>8} |{:<52}|\n", bucket_label(shape, static_cast<uint32_t>(i)), count, std::string(bar, '@'));
  }
}

void append_histogram_json(std::string& out, const artifact::HistogramShape& shape, std::span<const uint64_t> counts, int64_t div) {
  out += '[';
  Range range = used(counts);
  for (size_t i = range.first; !range.empty && i <= range.last; ++i) {
    Bucket bucket = bucket_bounds(shape, static_cast<uint32_t>(i));
    out += i == range.first ? "{" : ",{";
    auto bound = [&](std::string_view name, int64_t value) {
      out += name;
      append_json_integer(out, static_cast<uint64_t>(value), true);
      out += ", ";
    };
    if (bucket.low) bound("\"min\": ", *bucket.low);
    if (bucket.high) bound("\"max\": ", static_cast<int64_t>(*bucket.high - 1));
    fmt::format_to(std::back_inserter(out), "\"count\": {}}}", divided(counts[i], div));
  }
  out += ']';
}

}  // namespace awl
