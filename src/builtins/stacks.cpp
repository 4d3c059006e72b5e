// Stacks and symbols.
#include <algorithm>

#include "builtins/rows.h"

namespace awl {

using artifact::ParamKind;

namespace {

constexpr uint32_t default_frames = 127;

struct StackRequest {
  std::optional<StackMode> mode = StackMode::bpftrace;
  uint32_t limit = default_frames;
};

std::optional<StackMode> find_mode(std::string_view word) {
  if (word == "bpftrace") return StackMode::bpftrace;
  if (word == "perf") return StackMode::perf;
  if (word == "raw") return StackMode::raw;
  if (word == "build_id") return StackMode::build_id;
  return std::nullopt;
}

StackRequest request_of(CallCheck& c) {
  StackRequest request{.mode = c.config().stack_mode};
  for (size_t i = 0; i < c.count(); ++i) {
    if (auto limit = c.integer(i)) request.limit = static_cast<uint32_t>(std::clamp<int64_t>(*limit, 0, 4096));
    else request.mode = find_mode(mode_word(c.arg(i)));
  }
  return request;
}

Type stack_type(CallCheck& c, Kind kind) {
  StackRequest request = request_of(c);
  return c.types().stack(kind, request.limit, request.mode.value_or(StackMode::bpftrace));
}

void check_stack(CallCheck& c, Kind kind) {
  StackRequest request = request_of(c);
  if (!request.mode) c.diagnostics().report<Diag::stack_mode>(c.arg(0).span, mode_word(c.arg(0)));
  else if (*request.mode == StackMode::build_id && kind == Kind::kstack) c.diagnostics().report<Diag::stack_build_id>(c.expr().span);
}

// The number of frames out of the helper's answer: bytes, or a negative error.
Value frames(Emit& e, Value bytes) {
  Value failed = e.compare(Compare::slt, bytes, e.imm(0));
  return e.select(failed, e.imm(0), e.binary(Op::lshr, bytes, e.imm(3)));
}

void lower_kstack(Emit& e, CallLower& c) {
  Value to = c.destination();
  uint32_t limit = c.type()->count;
  if (limit == 0) {
    e.zero(to, c.type()->size);
    return;
  }
  Value bytes = e.helper(BPF_FUNC_get_stack, {e.context(), e.offset(to, uint64_t{8}), e.imm(uint64_t{limit} * 8, 32), e.imm(0)});
  e.store(to, frames(e, bytes), 0);
}

void lower_ustack(Emit& e, CallLower& c) {
  Value to = c.destination();
  uint32_t limit = c.type()->count;
  if (limit == 0) {
    e.zero(to, c.type()->size);
    return;
  }
  Value bytes =
      e.helper(BPF_FUNC_get_stack, {e.context(), e.offset(to, uint64_t{8}), e.imm(uint64_t{limit} * 8, 32), e.imm(BPF_F_USER_STACK)});
  e.store(to, e.resize(frames(e, bytes), 32, false), 0);
  e.store(to, namespaced_id(e, c, false), 4);
}

void plan_namespace(CallCheck&, PlanCall& plan) {
  plan.param({.kind = ParamKind::pid_namespace_dev});
  plan.param({.kind = ParamKind::pid_namespace_ino});
}

const Builtin rows[] = {
    {.name = "kstack",
     .signature = "kstack(mode mode = bpftrace, literal int limit = 127) -> kstack | kstack(literal int limit) -> kstack",
     .doc = "The kernel's call stack, at most `limit` frames; mode bpftrace, perf or raw.",
     .example = "profile:hz:99 { @[kstack(perf, 3)] = count() }",
     .flags = BuiltinFlag::variable,
     .infer = [](CallCheck& c) { return stack_type(c, Kind::kstack); },
     .check = [](CallCheck& c) { check_stack(c, Kind::kstack); },
     .lower_into = lower_kstack},
    {.name = "ustack",
     .signature = "ustack(mode mode = bpftrace, literal int limit = 127) -> ustack | ustack(literal int limit) -> ustack",
     .doc = "The program's call stack, at most `limit` frames; mode bpftrace, perf, raw or build_id.",
     .example = "profile:hz:99 { @[ustack(perf, 3)] = count() }",
     .flags = BuiltinFlag::variable,
     .infer = [](CallCheck& c) { return stack_type(c, Kind::ustack); },
     .check = [](CallCheck& c) { check_stack(c, Kind::ustack); },
     .plan = plan_namespace,
     .lower_into = lower_ustack},
    {.name = "ksym",
     .signature = "ksym(int|pointer address) -> ksym",
     .doc = "An address in the kernel, printed as the name of the function it lies in.",
     .example = "begin { print(ksym(kaddr(\"jiffies\"))) }",
     .infer = [](CallCheck& c) { return c.types().simple(Kind::ksym); },
     .lower = [](Emit&, CallLower& c) { return c.value64(0); }},
    {.name = "usym",
     .signature = "usym(int|pointer address) -> usym",
     .doc = "An address in the current process, printed as the name of the function it lies in.",
     .example = "uprobe:libc:malloc { print(usym(reg(\"ip\"))) }",
     .infer = [](CallCheck& c) { return c.types().simple(Kind::usym); },
     .plan = plan_namespace,
     .lower_into = [](Emit& e, CallLower& c) {
       e.store(c.destination(), c.value64(0), 0);
       e.store(c.destination(), namespaced_id(e, c, false), 8);
       e.store(c.destination(), e.imm(0, 32), 12);
     }},
};

}  // namespace

std::span<const Builtin> stack_rows() { return rows; }

}  // namespace awl
