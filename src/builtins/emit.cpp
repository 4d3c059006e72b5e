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

}  // namespace awl
