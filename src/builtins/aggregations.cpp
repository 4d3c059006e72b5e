// Functions that may only be assigned to a map: each CPU updates a value of its own, the run side merges.
#include <algorithm>
#include <array>

#include "base/diag/builtins.h"
#include "builtins/rows.h"

namespace awl {
namespace {

constexpr int64_t most_bits = 5;

bool argument_signed(CallCheck& c) { return c.count() && is_integer(c.type(0)) ? c.type(0)->is_signed : true; }

// Stores x + old at `offset`.
void add_to(Emit& e, Value slot, Value x, uint32_t offset) { e.store(slot, e.binary(Op::add, e.load(slot, 64, offset), x), offset); }

Value lower_count(Emit& e, CallLower& c) {
  c.with_element([&](Value slot) { add_to(e, slot, e.imm(1), 0); });
  return {};
}

Value lower_total(Emit& e, CallLower& c) {
  Value x = c.value64(0);
  c.with_element([&](Value slot) {
    add_to(e, slot, x, 0);
    add_to(e, slot, e.imm(1), 8);
  });
  return {};
}

Value lower_extreme(Emit& e, CallLower& c, Compare better) {
  Value x = c.value64(0);
  c.with_element([&](Value slot) {
    Value updates = e.load(slot, 64, 8);
    Value first = e.compare(Compare::eq, updates, e.imm(0));
    Value replace = e.select(first, e.imm(1, 1), e.compare(better, x, e.load(slot, 64, 0)));
    e.branch(replace, [&] { e.store(slot, x, 0); }, {}, false);
    e.store(slot, e.binary(Op::add, updates, e.imm(1)), 8);
  });
  return {};
}

Value lower_min(Emit& e, CallLower& c) {
  bool is_signed = !is_integer(c.type(0)) || c.type(0)->is_signed;
  return lower_extreme(e, c, is_signed ? Compare::slt : Compare::ult);
}

Value lower_max(Emit& e, CallLower& c) {
  bool is_signed = !is_integer(c.type(0)) || c.type(0)->is_signed;
  return lower_extreme(e, c, is_signed ? Compare::sgt : Compare::ugt);
}

// floor(log2 x) of x != 0 without a branch: all bits below the highest are set, then the multiplication moves a different six bits to the
// top for each of the 64 results. A branch-free form keeps the verifier from following 64 paths for each histogram.
constexpr uint64_t de_bruijn = 0x03f79d71b4cb0a89;
struct LogTable {
  char index[64] = {};
  constexpr LogTable() {
    for (unsigned bit = 0; bit < 64; ++bit) {
      uint64_t filled = bit == 63 ? ~uint64_t{0} : (uint64_t{2} << bit) - 1;
      index[(filled * de_bruijn) >> 58] = static_cast<char>(bit);
    }
  }
};
constexpr LogTable log_table;
constexpr bool log_table_is_complete() {
  uint64_t seen = 0;
  for (char entry : log_table.index) seen |= uint64_t{1} << entry;
  return seen == ~uint64_t{0};
}
static_assert(log_table_is_complete());

Value floor_log2(Emit& e, Value x) {
  for (uint64_t distance : {1, 2, 4, 8, 16, 32}) x = e.binary(Op::bit_or, x, e.binary(Op::lshr, x, e.imm(distance)));
  Value index = e.binary(Op::lshr, e.binary(Op::mul, x, e.imm(de_bruijn)), e.imm(58));
  Value table = e.bytes(std::string_view(log_table.index, sizeof log_table.index));
  return e.resize(e.load(e.offset(table, index), 8), 64, false);
}

void increment_bucket(Emit& e, CallLower& c, Value bucket) {
  uint32_t buckets = c.type()->histogram.buckets;
  c.with_element([&](Value slot) {
    Value index = e.opaque(bucket);
    e.branch(e.compare(Compare::ult, index, e.imm(buckets)), [&] {
      Value address = e.offset(slot, e.binary(Op::shl, index, e.imm(3)));
      add_to(e, address, e.imm(1), 0);
    });
  });
}

// With s = max(floor(log2 n), bits) - bits the bucket of n >= 0 is 1 + s * 2^bits + (n >> s): see artifact::HistogramShape.
Value lower_hist(Emit& e, CallLower& c) {
  uint64_t bits = c.type()->histogram.bits;
  Value n = c.value64(0);
  Value bucket = e.choose(
      e.compare(Compare::slt, n, e.imm(0)), [&] { return e.imm(0); },
      [&] {
        Value s = floor_log2(e, e.binary(Op::bit_or, n, e.imm(uint64_t{1} << bits)));
        if (bits) s = e.binary(Op::sub, s, e.imm(bits));
        Value first = bits ? e.binary(Op::shl, s, e.imm(bits)) : s;
        return e.binary(Op::add, e.binary(Op::add, first, e.imm(1)), e.binary(Op::lshr, n, s));
      });
  increment_bucket(e, c, bucket);
  return {};
}

Value lower_lhist(Emit& e, CallLower& c) {
  artifact::HistogramShape shape = c.type()->histogram;
  Value n = c.value64(0);
  uint64_t low = static_cast<uint64_t>(shape.min), step = static_cast<uint64_t>(shape.step);
  uint64_t above = low + (shape.buckets - 2) * step;
  Value bucket = e.choose(
      e.compare(Compare::slt, n, e.imm(low)), [&] { return e.imm(0); },
      [&] {
        return e.choose(
            e.compare(Compare::sge, n, e.imm(above)), [&] { return e.imm(shape.buckets - 1); },
            [&] { return e.binary(Op::add, e.binary(Op::udiv, e.binary(Op::sub, n, e.imm(low)), e.imm(step)), e.imm(1)); });
      });
  increment_bucket(e, c, bucket);
  return {};
}

Type hist_type(CallCheck& c) {
  artifact::HistogramShape shape;
  int64_t bits = c.count() > 1 ? c.integer(1).value_or(0) : 0;
  shape.bits = static_cast<uint32_t>(std::clamp<int64_t>(bits, 0, most_bits));
  shape.buckets = 1 + (2u << shape.bits) + (63 - (shape.bits + 1)) * (1u << shape.bits);
  return c.types().aggregation(Kind::hist, true, shape);
}

void check_hist(CallCheck& c) {
  if (c.count() < 2) return;
  auto bits = c.integer(1);
  if (bits && (*bits < 0 || *bits > most_bits)) c.diagnostics().report<Diag::hist_bits>(c.arg(1).span, *bits);
}

constexpr int64_t most_lhist_buckets = 1000;

Type lhist_type(CallCheck& c) {
  artifact::HistogramShape shape{.min = 0, .max = 1, .step = 1};
  if (c.count() == 4) {
    shape.min = c.integer(1).value_or(0);
    shape.max = c.integer(2).value_or(1);
    shape.step = std::max<int64_t>(c.integer(3).value_or(1), 1);
  }
  int64_t inner = shape.min >= 0 && shape.max > shape.min ? (shape.max - shape.min) / shape.step : 0;
  shape.buckets = static_cast<uint32_t>(2 + std::clamp<int64_t>(inner, 0, most_lhist_buckets));
  return c.types().aggregation(Kind::lhist, true, shape);
}

void check_lhist(CallCheck& c) {
  auto min = c.integer(1), max = c.integer(2), step = c.integer(3);
  if (!min || !max || !step) return;
  if (*min < 0) c.diagnostics().report<Diag::lhist_min>(c.arg(1).span);
  else if (*max < 0) c.diagnostics().report<Diag::lhist_max>(c.arg(2).span);
  else if (*min >= *max) c.diagnostics().report<Diag::lhist_range>(c.expr().span, *min, *max);
  else if (*step < 1) c.diagnostics().report<Diag::lhist_step>(c.arg(3).span, *step);
  else if ((*max - *min) / *step > most_lhist_buckets)
    c.diagnostics().report<Diag::lhist_buckets>(c.expr().span, (*max - *min) / *step, most_lhist_buckets);
}

// --- tseries ---

using artifact::ParamKind;
using artifact::SeriesFunction;

constexpr std::array<std::string_view, 5> series_functions = {"", "avg", "max", "min", "sum"};  // in the order of SeriesFunction
constexpr uint32_t point_size = 24;            // u64 interval, u64 value, u64 weight
constexpr uint32_t points_of_piece = artifact::slot_piece / point_size;
constexpr int64_t most_intervals = 1000000;    // bpftrace's

std::optional<SeriesFunction> series_function(CallCheck& c) {
  if (c.count() < 4) return SeriesFunction::last;
  auto found = std::ranges::find(series_functions, c.string(3).value_or(""));
  if (found == series_functions.end() || found->empty()) return std::nullopt;
  return static_cast<SeriesFunction>(found - series_functions.begin());
}

Type tseries_type(CallCheck& c) {
  artifact::HistogramShape shape{.bits = static_cast<uint32_t>(series_function(c).value_or(SeriesFunction::last)), .step = 1, .buckets = 1};
  if (c.count() >= 3) {
    shape.step = std::max<int64_t>(c.integer(1).value_or(1), 1);
    shape.buckets = static_cast<uint32_t>(std::clamp<int64_t>(c.integer(2).value_or(1), 1, most_intervals));
  }
  return c.types().aggregation(Kind::tseries, argument_signed(c), shape);
}

void check_tseries(CallCheck& c) {
  check_unstable(c, c.config().unstable_tseries, "tseries", "unstable_tseries");
  auto interval = c.integer(1), intervals = c.integer(2);
  if (!interval || !intervals) return;
  if (*interval < 1) c.diagnostics().report<Diag::tseries_interval>(c.arg(1).span, *interval);
  else if (*intervals < 1) c.diagnostics().report<Diag::tseries_few>(c.arg(2).span, *intervals);
  else if (*intervals > most_intervals) c.diagnostics().report<Diag::tseries_many>(c.arg(2).span, most_intervals, *intervals);
  else if (!series_function(c)) c.diagnostics().report<Diag::tseries_function>(c.arg(3).span, c.string(3).value_or(""));
}

void update_point(Emit& e, Value point, SeriesFunction function, bool is_signed, Value x, Value now) {
  Value old = e.load(point, 64, 8), weight = e.load(point, 64, 16);
  Value first = e.compare(Compare::eq, weight, e.imm(0));
  switch (function) {
    case SeriesFunction::last:
      e.store(point, x, 8);
      e.store(point, now, 16);
      return;
    case SeriesFunction::max:
    case SeriesFunction::min: {
      bool max = function == SeriesFunction::max;
      Compare better = is_signed ? (max ? Compare::sgt : Compare::slt) : (max ? Compare::ugt : Compare::ult);
      Value replace = e.binary(Op::bit_or, first, e.compare(better, x, old));
      e.store(point, e.select(replace, x, old), 8);
      break;
    }
    case SeriesFunction::avg:
    case SeriesFunction::sum: e.store(point, e.binary(Op::add, old, x), 8); break;
  }
  e.store(point, e.binary(Op::add, weight, e.imm(1)), 16);
}

Value lower_tseries(Emit& e, CallLower& c) {
  Type type = c.type();
  const artifact::HistogramShape& shape = type->histogram;
  Value x = c.value64(0);
  Value now = e.binary(Op::add, e.helper(BPF_FUNC_ktime_get_boot_ns, {}, Effect::reads), e.param(c.param(ParamKind::wall_offset, "")));
  Value interval = e.binary(Op::udiv, now, e.imm(static_cast<uint64_t>(shape.step)));
  Value place = e.binary(Op::umod, interval, e.imm(shape.buckets));
  std::optional<Value> piece;
  if (shape.buckets > points_of_piece) {
    piece = e.binary(Op::udiv, place, e.imm(points_of_piece));
    place = e.binary(Op::umod, place, e.imm(points_of_piece));
  }
  c.with_element([&](Value slot) {
    Value index = e.opaque(place);
    e.branch(e.compare(Compare::ult, index, e.imm(std::min(shape.buckets, points_of_piece))), [&] {
      Value point = e.offset(slot, e.binary(Op::mul, index, e.imm(point_size)));
      e.branch(e.compare(Compare::ne, e.load(point, 64), interval), [&] {
        e.store(point, interval);
        e.store(point, e.imm(0), 8);
        e.store(point, e.imm(0), 16);
      });
      update_point(e, point, static_cast<SeriesFunction>(shape.bits), type->is_signed, x, now);
    });
  }, piece);
  return {};
}

const Builtin rows[] = {
    {.name = "count",
     .signature = "count() -> count_t",
     .doc = "How often it was called.",
     .example = "begin { @ = count() }",
     .prints = "@: 1",
     .flags = BuiltinFlag::aggregation,
     .infer = [](CallCheck& c) { return c.types().aggregation(Kind::count, false); },
     .lower = lower_count},
    {.name = "sum",
     .signature = "sum(int value) -> sum_t",
     .doc = "The total of the values.",
     .example = "begin { @ = sum(3); @ = sum(4) }",
     .prints = "@: 7",
     .flags = BuiltinFlag::aggregation,
     .infer = [](CallCheck& c) { return c.types().aggregation(Kind::sum, argument_signed(c)); },
     .lower = lower_total},
    {.name = "min",
     .signature = "min(int value) -> min_t",
     .doc = "The smallest of the values.",
     .example = "begin { @ = min(3); @ = min(4) }",
     .prints = "@: 3",
     .flags = BuiltinFlag::aggregation,
     .infer = [](CallCheck& c) { return c.types().aggregation(Kind::min, argument_signed(c)); },
     .lower = lower_min},
    {.name = "max",
     .signature = "max(int value) -> max_t",
     .doc = "The largest of the values.",
     .example = "begin { @ = max(3); @ = max(4) }",
     .prints = "@: 4",
     .flags = BuiltinFlag::aggregation,
     .infer = [](CallCheck& c) { return c.types().aggregation(Kind::max, argument_signed(c)); },
     .lower = lower_max},
    {.name = "avg",
     .signature = "avg(int value) -> avg_t",
     .doc = "The average of the values.",
     .example = "begin { @ = avg(4); @ = avg(6) }",
     .prints = "@: 5",
     .flags = BuiltinFlag::aggregation,
     .infer = [](CallCheck& c) { return c.types().aggregation(Kind::avg, argument_signed(c)); },
     .lower = lower_total},
    {.name = "stats",
     .signature = "stats(int value) -> stats_t",
     .doc = "Number, average and total of the values.",
     .example = "begin { @ = stats(4); @ = stats(6) }",
     .prints = "@: { .count = 2, .average = 5, .total = 10 }",
     .flags = BuiltinFlag::aggregation,
     .infer = [](CallCheck& c) { return c.types().aggregation(Kind::stats, argument_signed(c)); },
     .lower = lower_total},
    {.name = "hist",
     .signature = "hist(int value, literal int bits = 0) -> hist_t",
     .doc = "How the values spread over powers of two, each split into 2^bits parts.",
     .example = "tracepoint:raw_syscalls:sys_enter { @ = hist(args.id) }",
     .flags = BuiltinFlag::aggregation,
     .infer = hist_type,
     .check = check_hist,
     .lower = lower_hist},
    {.name = "lhist",
     .signature = "lhist(int value, literal int min, literal int max, literal int step) -> lhist_t",
     .doc = "How the values spread over the steps from `min` to `max`.",
     .example = "tracepoint:raw_syscalls:sys_enter { @ = lhist(args.id, 0, 100, 10) }",
     .flags = BuiltinFlag::aggregation,
     .infer = lhist_type,
     .check = check_lhist,
     .lower = lower_lhist},
    {.name = "tseries",
     .signature = "tseries(int value, literal int interval_ns, literal int num_intervals, literal string function = last) -> tseries_t",
     .doc = "How the values go on over time: of each interval the last value, or the avg, max, min or sum of its values; the newest intervals are kept.",
     .example = "tracepoint:raw_syscalls:sys_enter { @ = tseries(args.id, 1s, 20, \"avg\") }",
     .flags = BuiltinFlag::aggregation,
     .infer = tseries_type,
     .check = check_tseries,
     .plan = [](CallCheck&, PlanCall& plan) { plan.param({.kind = ParamKind::wall_offset}); },
     .lower = lower_tseries},
};

}  // namespace

std::span<const Builtin> aggregation_rows() { return rows; }

}  // namespace awl
