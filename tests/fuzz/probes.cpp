// libFuzzer: bytes as a section .eh_frame give rows by rising addresses, or an error.
#include <cstdlib>

#include "probes/call_frames.h"

using namespace awl;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t most = 100'000;
  Result<std::vector<CallFrameRow>> rows = read_call_frames({data, size}, 0x1000, most);
  if (!rows) return 0;
  if (rows->size() > most) std::abort();
  for (size_t i = 1; i < rows->size(); ++i)
    if ((*rows)[i - 1].address >= (*rows)[i].address || (*rows)[i - 1].rule == (*rows)[i].rule) std::abort();
  return 0;
}
