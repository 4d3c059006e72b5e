#include "probes/instructions.h"

#include <Zydis/Zydis.h>

namespace awl {
namespace {

// Calls `visit(offset, instruction)` for one instruction after the other, until it gives false. False if some bytes are no instruction.
template <typename F>
bool each_instruction(std::string_view code, F&& visit) {
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  ZydisDecodedInstruction instruction;
  for (size_t at = 0; at < code.size(); at += instruction.length) {
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, nullptr, code.data() + at, code.size() - at, &instruction))) return false;
    if (!visit(at, instruction)) return true;
  }
  return true;
}

}  // namespace

bool instruction_begins_at(std::string_view code, uint64_t offset) {
  uint64_t reached = 0;
  const bool decoded = each_instruction(code, [&](uint64_t at, const ZydisDecodedInstruction&) {
    reached = at;
    return at < offset;
  });
  return !decoded || reached == offset || offset >= code.size();
}

std::vector<uint64_t> return_instructions(std::string_view code) {
  std::vector<uint64_t> found;
  each_instruction(code, [&](uint64_t at, const ZydisDecodedInstruction& instruction) {
    if (instruction.mnemonic == ZYDIS_MNEMONIC_RET) found.push_back(at);
    return true;
  });
  return found;
}

}  // namespace awl
