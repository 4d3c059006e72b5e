#include <algorithm>
#include <array>
#include <charconv>

#include "semantic/passes.h"

namespace awl {
namespace {

constexpr std::array passes{
    Pass{"imports", "settings, and files that the script imports", import_files},
    Pass{"macros", "macro calls replaced, hygienically", expand_macros},
    Pass{"definitions", "C: its types, and its constants in place of their names", define_types},
    Pass{"probes", "attach points to providers and targets", resolve_probes},
    // From here on no new programs appear.
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

std::optional<ast::Integer> parameter_number(std::string_view text) {
  bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) base = 16, text.remove_prefix(2);
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!negative) return ast::Integer{value};
  if (value > uint64_t{1} << 63) return std::nullopt;
  return ast::Integer{~value + 1, value != 0};
}

}  // namespace awl
