#pragma once
// Functions in C that a script imports: `import "x.bpf.c"`.
#include "semantic/unit.h"

namespace awl {

// Compiles a file for BPF with the Clang that is installed, into Unit::objects. Reports what the compiler says at `import`.
void compile_functions(Unit& unit, Diagnostics& diagnostics, Span import, const std::string& path);
// Makes the functions of Unit::objects known by their BTF, those that are not static and take and give integers, enumerations and pointers.
void declare_c_functions(Unit& unit, Diagnostics& diagnostics);

}  // namespace awl
