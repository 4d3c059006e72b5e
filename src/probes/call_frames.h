#pragma once
// How frames of functions are left: what .eh_frame says of a program's or library's code, as rows of address and rule. x86-64.
// The format: Linux Standard Base, core specification, "Exception Frames", which is that of DWARF 5, 6.4 "Call Frame Information", with differences.
#include <libelf.h>

#include <cstdint>
#include <span>
#include <vector>

#include "artifact/schema.h"
#include "base/result.h"

namespace awl {

struct CallFrameRow {
  uint64_t address = 0;  // as in the file's symbol table
  artifact::UnwindRule rule;  // up to the next row's address; without cfa_known nothing is known
  bool operator==(const CallFrameRow&) const = default;
};

// The rows of a section's bytes, which lie at `address`, by rising addresses. What cannot be understood leaves a gap: entries of compilers are all of the forms
// that are known. Ends with an error beyond `most` rows.
Result<std::vector<CallFrameRow>> read_call_frames(std::span<const uint8_t> section, uint64_t address, size_t most);

// Those of an open ELF file; none where it has no .eh_frame. Files for other machines are refused.
Result<std::vector<CallFrameRow>> read_call_frames(Elf* elf, size_t most);

}  // namespace awl
