#pragma once
#include <string>

#include "artifact/schema.h"
#include "runtime/format/names.h"
#include "runtime/format/value.h"

namespace awl {

// A stack (Kind::kstack, Kind::ustack): a newline, then a line for each frame in the type's mode. `indent` off: frames without the blanks in
// front, as JSON keys have them. Frames of mode build_id are struct bpf_stack_build_id.
void append_stack(std::string& out, const artifact::Type& type, ValueBytes bytes, Names& names, bool indent);

}  // namespace awl
