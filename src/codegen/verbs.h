#pragma once
#include <memory>
#include <string>

#include "builtins/emit.h"

namespace awl {

// An Emit that appends a line to `text` for each verb (constants and addresses are written where they are used). For tests and `-d verbs`.
std::unique_ptr<Emit> make_recorder(std::string& text);

}  // namespace awl
