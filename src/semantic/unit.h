#pragma once
// One compilation: what the passes read and write.
#include <map>
#include <set>
#include <memory>

#include "artifact/schema.h"
#include "base/diagnostics.h"
#include "parser/ast.h"
#include "probes/provider.h"
#include "types/settings.h"
#include "types/type.h"

namespace awl {

// A program to generate: one probe body for one target (which may hold wildcards). Passes from "probes" on work on these, each with
// its own copy of predicate and body, since types depend on the target.
struct ProbeInstance {
  Target target;
  Context context;
  std::string probe_text;  // for the `probe` builtin
  Span span;               // of the attach point
  ast::ExprPtr predicate;
  ast::Block body;
  bool per_target = false;     // uses `probe` while the target has wildcards: needs cookies
  std::string elf_name;        // set by planning; a C identifier
};

// A map of the script. Types grow while inference runs; storage is set by planning.
struct MapInfo {
  std::string name;
  Span first_use;             // where it was first assigned (or used)
  bool keyed = false;
  bool kind_known = false;    // whether `keyed` was decided
  Type key = nullptr;         // a tuple for several keys
  Span key_span;              // where the key's type came from
  Type value = nullptr;
  Span value_span;
  std::string declared_type;  // "hash", "lruhash" ...; empty: not declared
  uint64_t declared_entries = 0;
  int32_t index = -1;         // into Meta::maps, set by planning
};

// An event site's arguments live in the calls' AST nodes; what the run side needs is in Meta::sites.
struct Unit {
  Unit(Sources& s, Diagnostics& d, Host& h, CompileOptions o) : sources(&s), diagnostics(&d), host(&h), options(std::move(o)), types(h) {}

  Sources* sources;
  Diagnostics* diagnostics;
  Host* host;
  CompileOptions options;
  Config config;
  TypeTable types;
  ast::Script script;
  std::vector<ProbeInstance> probes;
  std::map<std::string, MapInfo> maps;  // sorted by name
  artifact::Meta meta;                  // filled by planning
  std::map<std::string, uint32_t> param_slots;  // key (see params()) -> index into meta.params
};

// The index of a late-bound parameter in unit.meta.params, added when new (same kind, name and index are one).
uint32_t intern_param(Unit& unit, artifact::Param param);

struct Pass {
  std::string_view name, summary;
  void (*run)(Unit&, Diagnostics&);
};
// The passes in order; names are stable: imports macros probes infer check fold plan.
std::span<const Pass> pipeline();
// Runs passes up to and including `last`, stopping early when errors make the next pass meaningless. False if there are errors.
bool run_until(Unit& unit, std::string_view last);

// The typed tree (for `-d types` and golden tests), maps and their types.
std::string print_types(const Unit& unit);
std::string print_plan(const Unit& unit);

}  // namespace awl
