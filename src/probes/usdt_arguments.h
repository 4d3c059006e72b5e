#pragma once
// The arguments of static probe points as assemblers write them into notes: "-4@%edi 8@-16(%rbp) 4@$7 8@table+8(,%rax,8)".
#include <string>
#include <string_view>
#include <vector>

#include "artifact/schema.h"

namespace awl {

struct UsdtArgument {
  artifact::PlaceArgument place;
  std::string symbol;  // its address is to be added to place.value
  bool from_ip = false;  // the address counts from the instruction pointer: what is added is the distance from the probe point
  std::string reason;  // kind none: why no program can read it, a phrase: "is in the vector register %xmm0"
};

// One for each argument; what is not understood has kind none and a reason.
std::vector<UsdtArgument> parse_usdt_arguments(std::string_view text);

}  // namespace awl
