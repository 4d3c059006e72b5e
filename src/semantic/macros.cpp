#include "semantic/passes.h"

namespace awl {

void expand_macros(Unit& unit, Diagnostics& diagnostics) {
  for (const ast::Macro& macro : unit.script.macros)
    diagnostics.report<Diag::not_supported>(macro.name_span, fmt::format("macro '{}'", macro.name)).hint("write its body where it is used");
  for (const ast::Function& function : unit.script.functions)
    diagnostics.report<Diag::not_supported>(function.name_span, fmt::format("function '{}'", function.name)).hint("write its body where it is used");
}

}  // namespace awl
