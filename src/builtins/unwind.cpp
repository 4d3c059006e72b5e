// Following a user stack without frame pointers, in the kernel: what dw_ustack is made of.
#include <asm/ptrace.h>
#include <linux/bpf.h>

#include <bit>

#include "builtins/rows.h"

namespace awl {
namespace {

using namespace artifact;

// What changes from frame to frame: in scratch memory, of which the verifier assumes nothing, so that one look at a turn covers all.
struct Walk {
  uint64_t count;      // frames written
  uint64_t pc, sp, bp;  // registers of the current frame
  uint64_t back;       // what is taken off pc, for its row and its name: it is the address behind a call, which may be the next function's
  uint64_t at;         // index that a search is at
  uint64_t word;       // read from the process
};

struct Walker {
  Emit& e;
  Value walk, key, process;

  Value get(size_t member) { return e.load(walk, 64, static_cast<uint32_t>(member)); }
  void set(size_t member, Value v) { e.store(walk, v, static_cast<uint32_t>(member)); }
  Value both(Value a, Value b) { return e.binary(Op::bit_and, e.resize(a, 64, false), e.resize(b, 64, false)); }
  Value has(Value byte, uint8_t bit) { return e.compare(Compare::ne, e.binary(Op::bit_and, byte, e.imm(bit, 8)), e.imm(0, 8)); }
  void stop_if(Value condition) {
    e.branch(condition, [&] { e.leave_loop(); }, {}, false);
  }

  // The element of an array map; the loop around (a walk, or a search) ends where there is none.
  Value element(std::string_view map, Value index) {
    e.store(key, e.resize(index, 32, false));
    Value found = e.helper_address(BPF_FUNC_map_lookup_elem, {e.named_map(map), key}, Effect::reads);
    stop_if(e.compare(Compare::eq, found, e.null()));
    return found;
  }

  // The word at an address of the process; the walk ends where it cannot be read.
  Value read(Value address) {
    Value failed = e.helper(BPF_FUNC_probe_read_user, {e.offset(walk, offsetof(Walk, word)), e.imm(8, 32), address});
    stop_if(e.compare(Compare::ne, failed, e.imm(0)));
    return get(offsetof(Walk, word));
  }

  // All bits where a < b (both below 2^63), else none: without a branch, so that the verifier has one path to follow through a search, not one for each answer.
  Value less(Value a, Value b) { return e.opaque(e.binary(Op::ashr, e.binary(Op::sub, a, b), e.imm(63))); }

  // One step of a search: goes on to `middle` where the masks say so.
  void advance(Value at, Value step, Value mask, Value other) { set(offsetof(Walk, at), e.binary(Op::add, at, e.binary(Op::bit_and, step, e.binary(Op::bit_and, mask, other)))); }

  Value range_at(Value index) {
    Value within = e.binary(Op::bit_and, e.opaque(index), e.imm(unwind_ranges - 1));
    return e.offset(process, e.binary(Op::add, e.binary(Op::mul, within, e.imm(sizeof(UnwindRange))), e.imm(8)));
  }

  // The last of the process's ranges that starts at or before an address, or the first.
  Value find_range(Value address) {
    set(offsetof(Walk, at), e.imm(0));
    for (uint64_t step = unwind_ranges / 2; step > 0; step /= 2) {
      Value at = get(offsetof(Walk, at)), middle = e.binary(Op::add, at, e.imm(step));
      Value starts = e.load(range_at(middle), 64, offsetof(UnwindRange, start));
      advance(at, e.imm(step), less(middle, e.load(process, 64)), less(starts, e.binary(Op::add, address, e.imm(1))));
    }
    return range_at(get(offsetof(Walk, at)));
  }

  // The last row of a file at or before an address, or the first.
  Value find_row(Value first, Value count, Value address) {
    set(offsetof(Walk, at), e.imm(0));
    e.loop(e.imm(0), e.imm(unwind_row_bits), unwind_row_bits, [&](Value turn) {
      Value step = e.binary(Op::lshr, e.imm(uint64_t{1} << (unwind_row_bits - 1)), turn);
      Value at = get(offsetof(Walk, at)), middle = e.binary(Op::add, at, step), within = less(middle, count);
      Value row = element(unwind_rows, e.binary(Op::add, first, e.binary(Op::bit_and, middle, within)));
      Value starts = e.resize(e.load(row, 32, offsetof(UnwindRow, address)), 64, false);
      advance(at, step, within, less(starts, e.binary(Op::add, address, e.imm(1))));
    });
    return element(unwind_rows, e.binary(Op::add, first, get(offsetof(Walk, at))));
  }

  // Where in its function the current frame is.
  Value address() { return e.binary(Op::sub, get(offsetof(Walk, pc)), get(offsetof(Walk, back))); }

  // The rule for the current frame.
  Value find_rule() {
    Value address = this->address();
    Value range = find_range(address);
    stop_if(e.compare(Compare::ult, address, e.load(range, 64, offsetof(UnwindRange, start))));
    stop_if(e.compare(Compare::uge, address, e.load(range, 64, offsetof(UnwindRange, end))));
    Value in_file = e.binary(Op::sub, address, e.load(range, 64, offsetof(UnwindRange, bias)));
    Value count = e.resize(e.load(range, 32, offsetof(UnwindRange, count)), 64, false);
    stop_if(e.compare(Compare::eq, count, e.imm(0)));
    Value row = find_row(e.resize(e.load(range, 32, offsetof(UnwindRange, first)), 64, false), count, in_file);
    stop_if(e.compare(Compare::ugt, e.resize(e.load(row, 32, offsetof(UnwindRow, address)), 64, false), in_file));
    return element(unwind_rules, e.load(row, 32, offsetof(UnwindRow, rule)));
  }

  // Where a rule says that something was saved.
  Value saved(Value place, Value frame, Value offset) {
    auto is = [&](UnwindPlace which) { return e.compare(Compare::eq, place, e.imm(static_cast<uint64_t>(which), 8)); };
    Value base = e.select(is(UnwindPlace::frame), frame, e.select(is(UnwindPlace::stack_pointer), get(offsetof(Walk, sp)), get(offsetof(Walk, bp))));
    return e.binary(Op::add, base, e.resize(offset, 64, true));
  }

  // The frame's address.
  Value frame_of(Value rule) {
    Value how = e.load(rule, 8, offsetof(UnwindRule, cfa));
    stop_if(e.compare(Compare::eq, how, e.imm(0, 8)));
    Value base = e.select(has(how, cfa_frame_pointer), get(offsetof(Walk, bp)), get(offsetof(Walk, sp)));
    Value extra = e.resize(e.load(rule, 16, offsetof(UnwindRule, cfa_extra)), 64, true);
    Value address = e.binary(Op::add, base, e.resize(e.load(rule, 32, offsetof(UnwindRule, cfa_offset)), 64, true));
    set(offsetof(Walk, at), address);
    e.branch(has(how, cfa_in_memory), [&] { set(offsetof(Walk, at), e.binary(Op::add, read(address), extra)); }, {}, false);
    e.branch(
        has(how, cfa_by_address),
        [&] {
          Value late = e.compare(Compare::uge, e.binary(Op::bit_and, get(offsetof(Walk, pc)), e.imm(15)), extra);
          set(offsetof(Walk, at), e.binary(Op::add, address, e.select(late, e.imm(8), e.imm(0))));
        },
        {}, false);
    return get(offsetof(Walk, at));
  }

  // From the current frame to its caller's.
  void step() {
    Value rule = find_rule();
    Value frame = frame_of(rule);
    Value returns = read(saved(e.load(rule, 8, offsetof(UnwindRule, ra)), frame, e.load(rule, 16, offsetof(UnwindRule, ra_offset))));
    stop_if(e.compare(Compare::eq, returns, e.imm(0)));
    Value place = e.load(rule, 8, offsetof(UnwindRule, bp));
    e.branch(e.compare(Compare::eq, place, e.imm(static_cast<uint64_t>(UnwindPlace::lost), 8)), [&] { set(offsetof(Walk, bp), e.imm(0)); }, {}, false);
    Value in_memory = both(e.compare(Compare::ne, place, e.imm(static_cast<uint64_t>(UnwindPlace::lost), 8)),
                           e.compare(Compare::ne, place, e.imm(static_cast<uint64_t>(UnwindPlace::unchanged), 8)));
    e.branch(e.compare(Compare::ne, in_memory, e.imm(0)), [&] { set(offsetof(Walk, bp), read(saved(place, frame, e.load(rule, 16, offsetof(UnwindRule, bp_offset))))); });
    set(offsetof(Walk, pc), returns);
    set(offsetof(Walk, sp), frame);
    set(offsetof(Walk, back), e.binary(Op::bit_xor, e.resize(e.load(rule, 8, offsetof(UnwindRule, interrupted)), 64, false), e.imm(1)));
  }
};

}  // namespace

// The turns are counted by the elements of awl_unwind_rows: bpf_for_each_map_elem calls a function for each, which the verifier looks at alone. It
// wants every access to `frames` within bounds: a mask of them says so.
Value unwind(Emit& e, Value pid, Value frames, uint32_t limit, const Emit::Code& unknown) {
  Value walk = e.scratch(sizeof(Walk)), key = e.slot(4, 4);
  e.store(walk, e.imm(0), offsetof(Walk, count));
  e.store(key, pid);
  Value process = e.helper_address(BPF_FUNC_map_lookup_elem, {e.named_map(unwind_processes), key}, Effect::reads);
  e.branch(
      e.compare(Compare::ne, process, e.null()),
      [&] {
        Value task = e.helper_address(BPF_FUNC_get_current_task_btf, {}, Effect::reads);
        Value registers = e.helper_address(BPF_FUNC_task_pt_regs, {task}, Effect::reads);
        e.store(walk, e.load(registers, 64, offsetof(pt_regs, rip)), offsetof(Walk, pc));
        e.store(walk, e.load(registers, 64, offsetof(pt_regs, rsp)), offsetof(Walk, sp));
        e.store(walk, e.load(registers, 64, offsetof(pt_regs, rbp)), offsetof(Walk, bp));
        e.store(walk, e.imm(0), offsetof(Walk, back));
        e.each(e.named_map(unwind_rows), [&](Value, Value) {
          e.scope([&] {
            Walker walker{e, walk, e.slot(4, 4), process};
            Value count = e.load(walk, 64, offsetof(Walk, count));
            Value place = e.binary(Op::bit_and, e.opaque(count), e.imm(std::bit_ceil(limit) - 1));
            e.store(e.offset(frames, e.binary(Op::shl, place, e.imm(3))), walker.address());
            Value more = e.binary(Op::add, count, e.imm(1));
            e.store(walk, more, offsetof(Walk, count));
            walker.stop_if(e.compare(Compare::uge, more, e.imm(limit)));
            walker.step();
          });
        });
      },
      unknown);
  return e.load(walk, 64, offsetof(Walk, count));
}

}  // namespace awl
