#include "runtime/format/series.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace awl {
namespace {

using artifact::HistogramShape;
using artifact::SeriesFunction;

constexpr uint64_t first = 17'000'000'000;  // of intervals of 100 ms

HistogramShape shape(SeriesFunction function, uint32_t intervals = 5) {
  return {.bits = static_cast<uint32_t>(function), .step = 100'000'000, .buckets = intervals};
}

struct Series : testing::Test {
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
  }
};

TEST_F(Series, MergesCpusByFunction) {
  const SeriesPoint parts[] = {{first, 3, 1}, {first, 8, 2}, {first + 1, 4, 1}};
  auto merged = [&](SeriesFunction function) { return merge_series(shape(function), true, parts).at(0); };
  EXPECT_EQ(merged(SeriesFunction::last).value, 8u);
  EXPECT_EQ(merged(SeriesFunction::max).value, 8u);
  EXPECT_EQ(merged(SeriesFunction::min).value, 3u);
  EXPECT_EQ(merged(SeriesFunction::sum).value, 11u);
  EXPECT_EQ(series_value(shape(SeriesFunction::avg), true, merged(SeriesFunction::avg)), 3u);
}

TEST_F(Series, SignedValuesCompareAsSuch) {
  const SeriesPoint parts[] = {{first, static_cast<uint64_t>(-3), 1}, {first, 2, 1}};
  EXPECT_EQ(merge_series(shape(SeriesFunction::max), true, parts).at(0).value, 2u);
  EXPECT_EQ(merge_series(shape(SeriesFunction::max), false, parts).at(0).value, static_cast<uint64_t>(-3));
}

TEST_F(Series, OldIntervalsAndEmptyPlacesAreLeftOut) {
  const SeriesPoint parts[] = {{first + 9, 1, 1}, {first, 2, 1}, {0, 0, 0}, {first + 5, 3, 1}};
  auto points = merge_series(shape(SeriesFunction::last), true, parts);
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points[0].interval, first + 5);
  EXPECT_EQ(points[1].interval, first + 9);
}

TEST_F(Series, Text) {
  const SeriesPoint points[] = {{first, static_cast<uint64_t>(-4), 1}, {first + 2, 5, 1}};
  std::string text;
  append_series_text(text, shape(SeriesFunction::last), true, points, first + 2);
  EXPECT_EQ(text,
            "             -4                                                  5\n"
            "hh:mm:ss.ms  |___________________________________________________|\n"
            "22:13:20.000 *                      .                            | -4\n"
            "22:13:20.100 |                      .                            | -\n"
            "22:13:20.200 |                      .                            * 5\n"
            "             v___________________________________________________v\n"
            "             -4                                                  5\n");
}

TEST_F(Series, ConstantValuesStandInTheMiddle) {
  const SeriesPoint point[] = {{1'700'000'000, 3, 1}};
  HistogramShape seconds = shape(SeriesFunction::last);
  seconds.step = 1'000'000'000;
  std::string text;
  append_series_text(text, seconds, true, point, point[0].interval);
  EXPECT_EQ(text,
            "                   2                                                   4\n"
            "hh:mm:ss.ns        |___________________________________________________|\n"
            "22:13:20.000000000 |                         *                         | 3\n"
            "                   v___________________________________________________v\n"
            "                   2                                                   4\n");
}

TEST_F(Series, WithoutData) {
  std::string text;
  append_series_text(text, shape(SeriesFunction::last), true, {}, 0);
  EXPECT_EQ(text, "<no data>\n");
  const SeriesPoint old[] = {{first, 3, 1}};
  append_series_text(text = "", shape(SeriesFunction::last), true, old, first + 5);
  EXPECT_EQ(text, "<no data>\n");
}

TEST_F(Series, Json) {
  const SeriesPoint points[] = {{first, static_cast<uint64_t>(-4), 1}, {first + 2, 5, 1}};
  std::string text;
  append_series_json(text, shape(SeriesFunction::last), true, points);
  EXPECT_EQ(text, R"([{"interval_start":"2023-11-14 22:13:20.000000000","value":-4},{"interval_start":"2023-11-14 22:13:20.200000000","value":5}])");
}

}  // namespace
}  // namespace awl
