#include "builtins/emit.h"

#include <bit>

namespace awl {

Value Emit::field_fact(Type, const Member& member, FieldFact fact) {
  uint32_t bits = member.bit_size ? member.bit_size : member.type->size * 8;
  switch (fact) {
    case FieldFact::size: return imm(std::bit_ceil((member.bit_offset + bits + 7u) / 8));
    case FieldFact::left_shift: return imm(64 - member.bit_offset - bits);
    default: return imm(64 - bits);
  }
}

Value swap_bytes(Emit& e, Value v, unsigned bits) {
  Value result = e.imm(0, bits);
  for (unsigned from = 0; from < bits; from += 8) {
    Value byte = e.binary(Op::bit_and, e.binary(Op::lshr, v, e.imm(from, bits)), e.imm(0xff, bits));
    result = e.binary(Op::bit_or, result, e.binary(Op::shl, byte, e.imm(bits - 8 - from, bits)));
  }
  return result;
}

}  // namespace awl
