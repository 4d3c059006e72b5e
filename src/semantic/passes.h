#pragma once
// The passes, each in the file of its name.
#include "semantic/unit.h"

namespace awl {

void import_files(Unit& unit, Diagnostics& diagnostics);
// A part of it: what `import` names becomes part of the script.
void load_imports(Unit& unit, Diagnostics& diagnostics);
void expand_macros(Unit& unit, Diagnostics& diagnostics);
void define_types(Unit& unit, Diagnostics& diagnostics);
void resolve_probes(Unit& unit, Diagnostics& diagnostics);
void find_sends(Unit& unit, Diagnostics& diagnostics);
void infer(Unit& unit, Diagnostics& diagnostics);
void check(Unit& unit, Diagnostics& diagnostics);
// A part of it: declarations of maps, and what fills them.
void check_maps(Unit& unit, Diagnostics& diagnostics);
void fold(Unit& unit, Diagnostics& diagnostics);
void plan(Unit& unit, Diagnostics& diagnostics);

}  // namespace awl
