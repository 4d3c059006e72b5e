// Stacks and symbols.
#include <algorithm>
#include <bit>

#include "base/diag/builtins.h"
#include "builtins/rows.h"

namespace awl {

using artifact::ParamKind;

namespace {

constexpr uint32_t default_frames = 127;
// The kernel gives 127 frames unless sysctl kernel.perf_event_max_stack says more; beyond these the temporary memory of a program would not do.
constexpr int64_t most_frames = 1024, most_build_ids = 256;

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
    if (auto limit = c.integer(i)) request.limit = static_cast<uint32_t>(std::clamp<int64_t>(*limit, 0, most_frames));
    else request.mode = find_mode(mode_word(c.arg(i)));
  }
  if (request.mode == StackMode::build_id) request.limit = std::min<uint32_t>(request.limit, most_build_ids);
  return request;
}

}  // namespace

void check_unstable(CallCheck& c, std::string_view setting, std::string_view feature, std::string_view name) {
  if (setting == "warn") c.diagnostics().report<Diag::unstable_feature>(Span{}, feature, name);
  if (setting == "error") c.diagnostics().report<Diag::unstable_disabled>(c.expr().span, feature, name);
}

namespace {

Type stack_type(CallCheck& c, Kind kind) {
  StackRequest request = request_of(c);
  return c.types().stack(kind, request.limit, request.mode.value_or(StackMode::bpftrace));
}

void check_stack(CallCheck& c, Kind kind) {
  StackRequest request = request_of(c);
  if (!request.mode) c.diagnostics().report<Diag::stack_mode>(c.arg(0).span, mode_word(c.arg(0)));
  else if (*request.mode == StackMode::build_id && kind == Kind::kstack) c.diagnostics().report<Diag::stack_build_id>(c.expr().span);
}

// A hash of `words` 64-bit words, of which there are at most `limit`.
Value hash_words(Emit& e, Value from, Value words, uint64_t limit) {
  constexpr uint64_t odd = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio
  Value hash = e.slot(8);
  e.store(hash, e.imm(odd));
  e.loop(e.imm(0), words, limit, [&](Value i) {
    Value word = e.load(e.offset(from, e.binary(Op::shl, i, e.imm(3))), 64);
    Value mixed = e.binary(Op::mul, e.binary(Op::bit_xor, e.load(hash, 64), word), e.imm(odd));
    e.store(hash, e.binary(Op::bit_xor, mixed, e.binary(Op::lshr, mixed, e.imm(32))));
  });
  return e.load(hash, 64);
}

// Reads the stack into temporary memory with `read` (which is given the place and says how many bytes came), stores it in awl_stacks unless it is
// there, and writes the value that stands for it. A full map is no error here: the run side tells of stacks that it cannot find.
void lower_stack(Emit& e, CallLower& c, uint32_t room, Value pid, const std::function<Value(Value frames)>& read) {
  using artifact::StackKey;
  uint32_t limit = c.type()->count, frame_bytes = artifact::stack_frame_bytes(c.type()->stack_mode);
  Value to = c.destination();
  if (limit == 0) {
    e.zero(to, c.type()->size);
    return;
  }
  Value frames = e.scratch(std::max(c.stack_room(), room)), key = e.slot(sizeof(StackKey));
  Value words = e.binary(Op::lshr, read(frames), e.imm(3));
  Value hash = hash_words(e, frames, words, uint64_t{limit} * frame_bytes / 8);
  Value count = e.resize(frame_bytes == 8 ? words : e.binary(Op::udiv, words, e.imm(frame_bytes / 8)), 32, false);
  e.store(key, hash, offsetof(StackKey, hash));
  e.store(key, count, offsetof(StackKey, frames));
  e.store(key, e.imm(frame_bytes, 32), offsetof(StackKey, frame_bytes));
  Value stacks = e.named_map(artifact::stacks_map);
  Value known = e.helper_address(BPF_FUNC_map_lookup_elem, {stacks, key}, Effect::reads);
  e.branch(
      e.compare(Compare::eq, known, e.null()), [&] { e.helper(BPF_FUNC_map_update_elem, {stacks, key, frames, e.imm(BPF_ANY)}); }, {}, false);
  e.store(to, hash, 0);
  e.store(to, count, 8);
  e.store(to, pid, 12);
}

// The stack as the kernel follows it.
void lower_kernels(Emit& e, CallLower& c, uint64_t flags, Value pid) {
  lower_stack(e, c, 0, pid, [&](Value frames) {
    uint64_t size = uint64_t{c.type()->count} * artifact::stack_frame_bytes(c.type()->stack_mode);
    Value bytes = e.helper(BPF_FUNC_get_stack, {e.context(), frames, e.imm(size, 32), e.imm(flags)});
    return e.select(e.compare(Compare::slt, bytes, e.imm(0)), e.imm(0), bytes);
  });
}

void lower_kstack(Emit& e, CallLower& c) { lower_kernels(e, c, 0, e.imm(0, 32)); }

void lower_ustack(Emit& e, CallLower& c) {
  uint64_t build_id = c.type()->stack_mode == StackMode::build_id ? BPF_F_USER_BUILD_ID : 0;
  lower_kernels(e, c, BPF_F_USER_STACK | build_id, namespaced_id(e, c, false));
}

void lower_dw_ustack(Emit& e, CallLower& c) {
  Value pid = namespaced_id(e, c, false);
  uint32_t limit = c.type()->count;
  lower_stack(e, c, std::bit_ceil(limit) * 8, pid, [&](Value frames) {
    Value count = unwind(e, pid, frames, limit, [&] { c.warn(e.imm(0)); });
    return e.binary(Op::shl, count, e.imm(3));
  });
}

void plan_namespace(CallCheck&, PlanCall& plan) {
  plan.param({.kind = ParamKind::pid_namespace_dev});
  plan.param({.kind = ParamKind::pid_namespace_ino});
}

void plan_dw_ustack(CallCheck& c, PlanCall& plan) {
  plan_namespace(c, plan);
  plan.need(Feature::task_registers, "dw_ustack");
  plan.require(artifact::unwind_feature);
  plan.warn("No DWARF unwind data available for this process. Use -p or --dwarf-pid to specify target PIDs.");
}

void check_dw_ustack(CallCheck& c) {
  check_unstable(c, c.config().unstable_dw_ustack, "dw_ustack (DWARF stack unwinding)", "unstable_dw_ustack");
  check_stack(c, Kind::ustack);
  if (request_of(c).mode == StackMode::build_id) c.diagnostics().report<Diag::dw_stack_build_id>(c.expr().span).hint("take bpftrace, perf or raw; ustack(build_id) follows frame pointers");
}

const Builtin rows[] = {
    {.name = "kstack",
     .signature = "kstack(mode mode = bpftrace, literal int limit = 127) -> kstack | kstack(literal int limit) -> kstack",
     .doc = "The kernel's call stack, at most `limit` frames; mode bpftrace, perf or raw.",
     .example = "profile:hz:99 { @[kstack(perf, 3)] = count() }",
     .flags = BuiltinFlag::task | BuiltinFlag::variable | BuiltinFlag::needs_probe,
     .infer = [](CallCheck& c) { return stack_type(c, Kind::kstack); },
     .check = [](CallCheck& c) { check_stack(c, Kind::kstack); },
     .lower_into = lower_kstack},
    {.name = "ustack",
     .signature = "ustack(mode mode = bpftrace, literal int limit = 127) -> ustack | ustack(literal int limit) -> ustack",
     .doc = "The program's call stack, at most `limit` frames; mode bpftrace, perf, raw or build_id.",
     .example = "profile:hz:99 { @[ustack(perf, 3)] = count() }",
     .flags = BuiltinFlag::task | BuiltinFlag::variable | BuiltinFlag::needs_probe,
     .infer = [](CallCheck& c) { return stack_type(c, Kind::ustack); },
     .check = [](CallCheck& c) { check_stack(c, Kind::ustack); },
     .plan = plan_namespace,
     .lower_into = lower_ustack},
    {.name = "dw_ustack",
     .signature = "dw_ustack(mode mode = bpftrace, literal int limit = 127) -> ustack | dw_ustack(literal int limit) -> ustack",
     .doc = "As ustack, but follows the program's .eh_frame instead of frame pointers, which many programs do not have. For the processes of -p, -c and --dwarf-pid, on x86-64, Linux 5.15 and newer; unstable (config unstable_dw_ustack).",
     .example = "config = { unstable_dw_ustack = enable } profile:hz:99 { @[dw_ustack(perf, 3)] = count() }",
     .flags = BuiltinFlag::task | BuiltinFlag::variable | BuiltinFlag::needs_probe,
     .infer = [](CallCheck& c) { return stack_type(c, Kind::ustack); },
     .check = check_dw_ustack,
     .plan = plan_dw_ustack,
     .lower_into = lower_dw_ustack},
    {.name = "ksym",
     .signature = "ksym(int|pointer address) -> ksym",
     .doc = "An address in the kernel, printed as the name of the function it lies in.",
     .example = "begin { print(ksym(kaddr(\"vfs_read\"))) }",
     .prints = "vfs_read",
     .infer = [](CallCheck& c) { return c.types().simple(Kind::ksym); },
     .lower = [](Emit&, CallLower& c) { return c.value64(0); }},
    {.name = "usym",
     .signature = "usym(int|pointer address) -> usym",
     .doc = "An address in the current process, printed as the name of the function it lies in.",
     .example = "begin { print(usym(0)) }",
     .prints = "0",
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
