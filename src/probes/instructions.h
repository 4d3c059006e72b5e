#pragma once
// Where the instructions of x86-64 code begin.
#include <cstdint>
#include <string_view>
#include <vector>

namespace awl {

// Whether an instruction begins at `offset` of code whose first byte begins one. True as well where the code cannot be decoded up to there.
bool instruction_begins_at(std::string_view code, uint64_t offset);
// Offsets of the return instructions.
std::vector<uint64_t> return_instructions(std::string_view code);

}  // namespace awl
