#pragma once
// Functions of the script: `fn name($a: uint64) : uint64 { ... }`.
#include "semantic/unit.h"

namespace awl {

// Fills Unit::functions: names and types of parameters and results.
void define_functions(Unit& unit, Diagnostics& diagnostics);
// Rules of functions as a whole, after inference: recursion, a way out without a result.
void check_functions(Unit& unit, Diagnostics& diagnostics);

}  // namespace awl
