// Functions that may only be assigned to a map: each CPU updates a value of its own, the run side merges.
#include <algorithm>

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

const Builtin rows[] = {
    {.name = "count",
     .signature = "count() -> count_t",
     .doc = "How often it was called.",
     .example = "tracepoint:raw_syscalls:sys_enter { @[comm] = count() }",
     .flags = BuiltinFlag::aggregation,
     .infer = [](CallCheck& c) { return c.types().aggregation(Kind::count, false); },
     .lower = lower_count},
    {.name = "sum",
     .signature = "sum(int value) -> sum_t",
     .doc = "The total of the values.",
     .example = "tracepoint:raw_syscalls:sys_enter { @ = sum(args.id) }",
     .flags = BuiltinFlag::aggregation,
     .infer = [](CallCheck& c) { return c.types().aggregation(Kind::sum, argument_signed(c)); },
     .lower = lower_total},
    {.name = "min",
     .signature = "min(int value) -> min_t",
     .doc = "The smallest of the values.",
     .example = "tracepoint:raw_syscalls:sys_enter { @ = min(args.id) }",
     .flags = BuiltinFlag::aggregation,
     .infer = [](CallCheck& c) { return c.types().aggregation(Kind::min, argument_signed(c)); },
     .lower = lower_min},
    {.name = "max",
     .signature = "max(int value) -> max_t",
     .doc = "The largest of the values.",
     .example = "tracepoint:raw_syscalls:sys_enter { @ = max(args.id) }",
     .flags = BuiltinFlag::aggregation,
     .infer = [](CallCheck& c) { return c.types().aggregation(Kind::max, argument_signed(c)); },
     .lower = lower_max},
    {.name = "avg",
     .signature = "avg(int value) -> avg_t",
     .doc = "The average of the values.",
     .example = "tracepoint:raw_syscalls:sys_enter { @ = avg(args.id) }",
     .flags = BuiltinFlag::aggregation,
     .infer = [](CallCheck& c) { return c.types().aggregation(Kind::avg, argument_signed(c)); },
     .lower = lower_total},
    {.name = "stats",
     .signature = "stats(int value) -> stats_t",
     .doc = "Number, average and total of the values.",
     .example = "tracepoint:raw_syscalls:sys_enter { @ = stats(args.id) }",
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
};

}  // namespace

std::span<const Builtin> aggregation_rows() { return rows; }

}  // namespace awl
