// Declarations of maps and what they are filled with.
#include "artifact/validate.h"
#include "base/diag/hooks.h"
#include "base/diag/maps.h"
#include "base/diag/variables.h"
#include "semantic/passes.h"

namespace awl {
namespace {

constexpr const char* readable_hint = "a file can give numbers, booleans, strings, addresses, prefixes, and several of them with commas between";

// What the kind asks of the script's use of the map.
void check_kind(const ast::MapDeclaration& declaration, const MapInfo& map, Diagnostics& diagnostics) {
  const MapKind& kind = *map.kind;
  if (kind.key == MapKind::Key::prefix && !map.keyed)
    diagnostics.report<Diag::prefix_map_key>(map.first_use, declaration.name).hint(fmt::format("write {}[cidr(\"10.0.0.0/8\")], or look up {}[ip.saddr]", declaration.name, declaration.name));
  if (!map.value_span || artifact::is_percpu(kind.storage) == is_aggregation(map.value)) return;
  const MapKind* other = counterpart(kind);
  diagnostics.report<Diag::map_type_conflict>(map.first_use, kind.name, other ? other->name : usual_map_kind(is_aggregation(map.value)).name).note(declaration.span, "declared here");
}

void check_pin(Unit& unit, const ast::MapDeclaration& declaration, const MapInfo& map, Diagnostics& diagnostics) {
  if (!artifact::is_pin_name(declaration.pin)) {
    diagnostics.report<Diag::pin_name>(declaration.pin_span, declaration.pin).hint(fmt::format("use letters, digits, '_' and '-', at most {} of them", artifact::max_pin_name));
    return;
  }
  if (!map.keyed && kind_of(map).key != MapKind::Key::none) diagnostics.report<Diag::pin_keys>(map.first_use, declaration.name).note(declaration.span, "declared here");
  if (unit.options.unsafe) unit.meta.needs_unsafe = true;
  else diagnostics.report<Diag::pin_unsafe>(declaration.pin_span).hint("give --unsafe if you are sure");
}

void check_declaration(Unit& unit, const ast::MapDeclaration& declaration, Diagnostics& diagnostics) {
  if (!find_map_kind(declaration.map_type)) {
    diagnostics.report<Diag::map_type>(declaration.span, declaration.map_type).hint(fmt::format("Valid map types: {}", map_kind_names()));
    return;
  }
  auto found = unit.maps.find(declaration.name);
  if (found == unit.maps.end()) {
    diagnostics.report<Diag::unused_map>(declaration.span, declaration.name);
    return;
  }
  MapInfo& map = found->second;
  map.declared_entries = declaration.max_entries;
  const bool sized = map.kind->key != MapKind::Key::object;
  if (sized && !declaration.max_entries) diagnostics.report<Diag::kind_size>(declaration.span, declaration.map_type).hint(fmt::format("say for how many elements it has room: let {} = {}(100)", declaration.name, declaration.map_type));
  if (!sized && declaration.max_entries) diagnostics.report<Diag::kind_no_size>(declaration.span, declaration.map_type).hint(fmt::format("write let {} = {}()", declaration.name, declaration.map_type));
  check_kind(declaration, map, diagnostics);
  if (declaration.pin_span) check_pin(unit, declaration, map, diagnostics);
}

void check_load(Unit& unit, const ast::Load& load, Diagnostics& diagnostics) {
  if (load.path.empty() && !load.parameter) diagnostics.report<Diag::load_path>(load.path_span, load.name);
  const MapInfo& map = unit.maps.at(load.name);
  const MapKind::Key form = kind_of(map).key;
  if (!map.keyed && form != MapKind::Key::none) {
    Diagnostic& d = diagnostics.report<Diag::load_keys>(load.name_span, load.name);
    if (map.kind_known) d.note(map.first_use, "used without a key here");
    else d.hint(fmt::format("look it up in a probe, which tells the type of its keys: {}[comm]", load.name));
    return;
  }
  if (kind_of(map).storage == artifact::Storage::sockets) {
    diagnostics.report<Diag::load_type>(load.name_span, load.name, "value", "socket").hint(fmt::format("use {}", kind_of(map).use));
    return;
  }
  for (auto [what, type] : {std::pair("key", map.key), std::pair("value", form == MapKind::Key::member ? nullptr : map.value)}) {
    if (!type || (!is_aggregation(type) && artifact::is_readable(unit.types.describe(type)))) continue;
    diagnostics.report<Diag::load_type>(load.name_span, load.name, what, TypeTable::text(type)).hint(readable_hint);
    return;
  }
}

}  // namespace

void check_maps(Unit& unit, Diagnostics& diagnostics) {
  for (const ast::MapDeclaration& declaration : unit.script.maps) check_declaration(unit, declaration, diagnostics);
  for (const ast::Load& load : unit.script.loads) check_load(unit, load, diagnostics);
}

}  // namespace awl
