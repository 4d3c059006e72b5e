// What a program learns from the row of artifact::places_map for the place where it runs.
#include <algorithm>
#include <cassert>
#include <cstddef>

#include "codegen/lower_internal.h"

namespace awl {

using artifact::PlaceArgument;
using artifact::PlaceKind;
using artifact::PlaceRow;

Value Lowering::from_place(const std::function<Value(Value row)>& use) {
  int64_t feature = find_param(artifact::ParamKind::feature, "attach_cookie");
  assert(feature >= 0);
  Value key = emit.slot(8);
  emit.store(key, emit.resize(emit.cookie(static_cast<uint32_t>(std::max<int64_t>(feature, 0))), 32, false));
  Value row = emit.helper_address(BPF_FUNC_map_lookup_elem, {emit.named_map(artifact::places_map), key}, Effect::reads);
  return emit.choose(emit.compare(Compare::ne, row, emit.null()), [&] { return use(row); }, [&] { return emit.imm(0); });
}

// The verifier wants an offset in the context to be a constant, so registers that only the row knows are read as kernel memory.
Value Lowering::place_argument(uint32_t argument) {
  return from_place([&](Value row) {
    const uint32_t at = static_cast<uint32_t>(offsetof(PlaceRow, arguments) + argument * sizeof(PlaceArgument));
    auto byte = [&](size_t offset) { return emit.resize(emit.load(row, 8, at + static_cast<uint32_t>(offset)), 64, false); };
    auto is = [&](PlaceKind kind) { return emit.compare(Compare::eq, byte(offsetof(PlaceArgument, kind)), emit.imm(static_cast<uint64_t>(kind))); };
    auto has = [&](size_t offset) { return emit.compare(Compare::ne, byte(offset), emit.imm(0)); };
    Value slot = emit.slot(8);
    auto register_at = [&](size_t offset) {
      Value word = emit.opaque(emit.binary(Op::bit_and, byte(offset), emit.imm(31)));
      emit.store(slot, emit.imm(0));
      probe_read(slot, 8, emit.offset(emit.context(), emit.binary(Op::shl, word, emit.imm(3))), false);
      return emit.load(slot, 64);
    };
    auto in_memory = [&] {
      Value base = emit.choose(has(offsetof(PlaceArgument, has_base)), [&] { return register_at(offsetof(PlaceArgument, base)); }, [&] { return emit.imm(0); });
      Value index = emit.choose(
          has(offsetof(PlaceArgument, scale)),
          [&] { return emit.binary(Op::mul, register_at(offsetof(PlaceArgument, index)), byte(offsetof(PlaceArgument, scale))); }, [&] { return emit.imm(0); });
      Value address = emit.binary(Op::add, emit.binary(Op::add, base, index), emit.load(row, 64, at));
      // 1 to 8 bytes: what lies behind the value may be in a page that is not there.
      Value size = emit.binary(Op::add, emit.opaque(emit.binary(Op::bit_and, emit.binary(Op::sub, byte(offsetof(PlaceArgument, size)), emit.imm(1)), emit.imm(7))), emit.imm(1));
      emit.store(slot, emit.imm(0));
      emit.helper(BPF_FUNC_probe_read_user, {slot, emit.resize(size, 32, false), address});
      return emit.load(slot, 64);
    };
    Value whole = emit.choose(
        is(PlaceKind::in_register), [&] { return register_at(offsetof(PlaceArgument, base)); },
        [&] { return emit.choose(is(PlaceKind::in_memory), in_memory, [&] { return emit.load(row, 64, at); }); });
    Value low = emit.binary(Op::lshr, whole, emit.binary(Op::bit_and, byte(offsetof(PlaceArgument, skip)), emit.imm(63)));
    Value unused = emit.binary(Op::bit_and, emit.binary(Op::sub, emit.imm(64), emit.binary(Op::shl, byte(offsetof(PlaceArgument, size)), emit.imm(3))), emit.imm(63));
    Value high = emit.binary(Op::shl, low, unused);
    return emit.select(has(offsetof(PlaceArgument, is_signed)), emit.binary(Op::ashr, high, unused), emit.binary(Op::lshr, high, unused));
  });
}

}  // namespace awl
