// libFuzzer: any bytes, as a description and as an object, are read or refused; what is accepted can be printed and encoded again.
#include "artifact/artifact.h"

#include <cstdlib>

using namespace awl::artifact;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span bytes(data, size);
  if (const auto meta = decode(bytes)) {
    const Bytes again = encode(*meta);
    if (!decode(again)) abort();
    const Artifact artifact{{}, *meta};
    print_text(artifact);
    print_json(artifact);
  }
  if (const auto artifact = open(Bytes(bytes.begin(), bytes.end()))) print_text(*artifact);
  return 0;
}
