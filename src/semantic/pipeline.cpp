#include <algorithm>
#include <array>

#include "semantic/passes.h"

namespace awl {
namespace {

constexpr std::array passes{
    Pass{"imports", "settings, and files that the script imports", import_files},
    Pass{"macros", "macro calls replaced, hygienically", expand_macros},
    Pass{"definitions", "C: its types, and its constants in place of their names", define_types},
    Pass{"probes", "attach points to providers and targets", resolve_probes},
    // From here on no new programs appear.
    Pass{"sends", "packets that tests send", find_sends},
    Pass{"infer", "a type for every expression", infer},
    Pass{"check", "rules of operators, calls and probes", check},
    Pass{"fold", "constants", fold},
    Pass{"plan", "maps, events, parameters: fills the artifact", plan},
    // From here on the tree is read-only.
};

// With errors in the probes themselves their bodies can still be checked; beyond the checks a tree with errors means nothing.
bool needs_correct_input(std::string_view pass) { return pass == "fold" || pass == "plan"; }

}  // namespace

std::span<const Pass> pipeline() { return passes; }

bool run_until(Unit& unit, std::string_view last) {
  for (const Pass& pass : passes) {
    if (unit.diagnostics->has_errors() && needs_correct_input(pass.name)) break;
    pass.run(unit, *unit.diagnostics);
    if (pass.name == last) break;
  }
  return !unit.diagnostics->has_errors();
}

}  // namespace awl
