// Clocks and dates.
#include "base/diag/builtins.h"
#include "builtins/rows.h"

namespace awl {

using artifact::ParamKind;

namespace {

Value boot_clock(Emit& e) { return e.helper(BPF_FUNC_ktime_get_boot_ns, {}, Effect::reads); }

// TAI out of the boot clock and how far apart both were when the tracing began.
Value software_tai(Emit& e, CallLower& c) { return e.binary(Op::add, boot_clock(e), e.param(c.param(ParamKind::tai_offset, ""))); }

Value lower_nsecs(Emit& e, CallLower& c) {
  std::string_view mode = c.count() ? mode_word(c.arg(0)) : "";
  if (mode == "monotonic") return e.helper(BPF_FUNC_ktime_get_ns, {}, Effect::reads);
  if (mode == "sw_tai") return software_tai(e, c);
  if (mode != "tai") return boot_clock(e);
  // Kernels before 6.1 have no helper for it.
  Value has = e.compare(Compare::ne, e.param(c.param(ParamKind::feature, "tai_clock")), e.imm(0));
  return e.choose(has, [&] { return e.helper(BPF_FUNC_ktime_get_tai_ns, {}, Effect::reads); }, [&] { return software_tai(e, c); });
}

void plan_nsecs(CallCheck& c, PlanCall& plan) {
  std::string_view mode = c.count() ? mode_word(c.arg(0)) : "";
  if (mode == "tai" || mode == "sw_tai") plan.param({.kind = ParamKind::tai_offset});
  if (mode == "tai") plan.param({.kind = ParamKind::feature, .name = "tai_clock"});
}

void check_nsecs(CallCheck& c) {
  if (c.count() == 0) return;
  std::string_view mode = mode_word(c.arg(0));
  if (mode != "boot" && mode != "monotonic" && mode != "tai" && mode != "sw_tai") c.diagnostics().report<Diag::clock_mode>(c.arg(0).span, mode);
}

std::string_view clock_of(const ast::Expr& e) {
  auto* call = std::get_if<ast::Call>(&e.node);
  if (!call || !call->builtin || call->builtin->name != "nsecs" || call->args.empty()) return {};
  return mode_word(*call->args[0]);
}

void check_strftime(CallCheck& c) {
  if (auto time = c.integer(1); time && *time < 0) c.diagnostics().report<Diag::strftime_negative>(c.arg(1).span);
  if (clock_of(c.arg(1)) == "monotonic") c.diagnostics().report<Diag::strftime_monotonic>(c.arg(1).span);
}

void lower_strftime(Emit& e, CallLower& c) {
  Value to = c.destination();
  e.store(to, c.value64(1), 0);
  e.store(to, e.imm(c.string_index(*literal_string(c.arg(0))), 32), 8);
  e.store(to, e.imm(clock_of(c.arg(1)).ends_with("tai") ? 1 : 0, 32), 12);
}

const Builtin rows[] = {
    {.name = "nsecs",
     .signature = "nsecs(mode clock = boot) -> uint64",
     .doc = "Nanoseconds of a clock: `boot` (since the machine started, also while suspended), `monotonic`, `tai`, or `sw_tai` (TAI reckoned from the boot clock).",
     .example = "begin { print(nsecs(monotonic) <= nsecs(boot) ? 1 : 0) }",
     .prints = "1",
     .flags = BuiltinFlag::variable,
     .check = check_nsecs,
     .plan = plan_nsecs,
     .lower = lower_nsecs},
    {.name = "elapsed",
     .signature = "elapsed() -> uint64",
     .doc = "Nanoseconds since the tracing began.",
     .example = "end { print(elapsed) }",
     .flags = BuiltinFlag::variable,
     .plan = [](CallCheck&, PlanCall& plan) { plan.param({.kind = ParamKind::start_ns}); },
     .lower = [](Emit& e, CallLower& c) {
       return e.binary(Op::sub, e.helper(BPF_FUNC_ktime_get_boot_ns, {}, Effect::reads), e.param(c.param(ParamKind::start_ns, "")));
     }},
    {.name = "time",
     .signature = "time(literal string format = \"%H:%M:%S\\n\")",
     .doc = "Prints the time of day, formatted as by strftime(3); by default \"%H:%M:%S\\n\".",
     .example = "interval:s:1 { time(\"%H:%M \") }",
     .flags = BuiltinFlag::async | BuiltinFlag::no_value,
     .action = artifact::Action::time,
     .plan = [](CallCheck& c, PlanCall& plan) { plan.site().text = c.count() ? c.string(0).value_or("") : "%H:%M:%S\n"; },
     .lower = [](Emit&, CallLower& c) {
       c.send_event();
       return Value{};
     }},
    {.name = "strftime",
     .signature = "strftime(literal string format, int nanoseconds) -> timestamp",
     .doc = "A time stamp (of `nsecs`, or `nsecs(tai)`) as a date; formatted as by strftime(3), %f gives microseconds.",
     .example = "begin { print(strftime(\"%H:%M:%S\", nsecs)) }",
     .infer = [](CallCheck& c) { return c.types().simple(Kind::timestamp); },
     .check = check_strftime,
     .plan = [](CallCheck& c, PlanCall& plan) { plan.string(c.string(0).value_or("")); },
     .lower_into = lower_strftime},
};

}  // namespace

std::span<const Builtin> time_rows() { return rows; }

}  // namespace awl
