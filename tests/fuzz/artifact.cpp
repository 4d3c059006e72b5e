// The artifact reader is given files by root: any bytes give an artifact or an error. The first byte chooses what is read:
// the bytes of section .awl.meta, which the fuzzer would hardly reach through ELF, or a whole object.
#include "artifact/artifact.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::span<const uint8_t> bytes(data + 1, size - 1);
  if (data[0] & 1) {
    if (auto meta = awl::artifact::decode(bytes)) {
      awl::artifact::Bytes again = awl::artifact::encode(*meta);
      if (!awl::artifact::decode(again)) __builtin_trap();  // what was accepted must be accepted again
    }
    return 0;
  }
  if (auto artifact = awl::artifact::open({bytes.begin(), bytes.end()})) {
    awl::artifact::print_text(*artifact);
    awl::artifact::print_json(*artifact);
  }
  return 0;
}
