#pragma once
// One compilation: what the passes read and write.
#include <map>
#include <set>
#include <memory>

#include "artifact/artifact.h"
#include "base/diagnostics.h"
#include "parser/ast.h"
#include "probes/provider.h"
#include "semantic/map_kinds.h"
#include "types/settings.h"
#include "types/type.h"

namespace awl {

// ---- what code generation may rely on after the passes ----
//
// Types and conversions. Every Expr has its final type (Expr::type, never null). No casts are inserted: wherever a value goes to a place of
// another type, the code that stores or uses it converts from Expr::type to the type of the place. The pairs that can occur:
//   integer, boolean, enumeration, pointer -> integer    extended by the sign of the source, or truncated
//   integer, pointer -> boolean                          value != 0
//   string -> string                                     zero-padded, or cut with a NUL at the end
//   tuple, record, array -> the same kind                element by element (records by name)
//   aggregation (count sum min max avg) -> integer       the value merged over the CPUs
// Places: Assign (to VariableInfo::type, MapInfo::value), MapRef::keys (to MapInfo::key), operands of Binary (integers: both to the type that
// operand_type() gives, before the operation), branches of Ternary and value of BlockExpr (to the node's type), arguments in an event's payload
// (to the type in Meta::sites), conditions (to boolean; a string is true), Return (to int64), bounds of ForRange (to the variable's type).
// A read of a map whose value is an aggregation has the aggregation as its type.
//
// Names. Builtins are Call nodes with Call::builtin set, also where written without parentheses (Identifier nodes are only left as arguments of
// parameter type `mode`). Enumerators are Integer nodes with the enumeration as type. Parameters whose value is known are Integer or String nodes.
// In one ProbeInstance a variable's name means one variable with one type: a name that several blocks declare becomes "$x", "$x#2", ...
// MapRef::keys has at most one element. Assign::op stays (`@x += 1` can be one lookup).
//
// Fields. `args` is a Call whose row has BuiltinFlag::arguments, left only as the object of a Field (as a whole it is a Record of them): Field on it is
// found in Context::args by name. For other structures:
// TypeTable::member. A character array in a kernel structure is a string of its size.

struct VariableInfo {
  Type type = nullptr;
  Span declared;          // `let` or the first assignment
  bool is_let = false;
  bool used = false;      // read somewhere
  bool assigned = false;  // given a value somewhere
  Span type_span;         // the assignment that gave the type
  bool fixed = false;     // `let $x: T`
};

// A program to generate: one probe body for one target (which may hold wildcards). Passes from "probes" on work on these, each with
// its own copy of predicate and body, since types depend on the target.
struct ProbeInstance {
  Target target;
  Context context;
  std::string probe_text;  // for the `probe` builtin
  Span span;               // of the attach point
  uint32_t group = 0, rank = 0;  // of alternatives, see artifact::Program
  std::vector<Target> also;      // further targets of the same program
  uint32_t source = 0;     // which probe of the script, from 1: instances of one share it
  ast::ExprPtr predicate;
  ast::Block body;
  std::map<std::string, VariableInfo> variables;  // by name, set by inference
  // Of a test: the packets that its send() statements send, in their order. The body is cut at each, and its variables are kept in memory that
  // outlives a run of the program: in awl_globals from `variables_offset` on, one behind the other, each aligned to 8 bytes.
  struct Send {
    Span span;
    uint32_t program = 0;  // of Unit::probes, which gets it
    std::vector<uint8_t> packet;
  };
  std::vector<Send> sends;
  uint32_t first_send = 0;        // of Meta::sends, set by planning
  uint32_t variables_offset = 0;  // set by planning
  bool per_target = false;     // uses `probe` while the target has wildcards: needs cookies
  bool uses_places = false;    // reads its row of artifact::places_map, by the cookie
  std::string elf_name;        // set by planning; a C identifier
};

// A function of the script. Its body is checked like a probe's without context; it is compiled once for each program that calls it.
struct FunctionInstance {
  std::string name;
  Span name_span;
  struct Parameter {
    std::string name;  // among body.variables
    Span span;
    Type type = nullptr;
  };
  std::vector<Parameter> parameters;
  bool has_result = false;
  Type result = nullptr;  // null: none, or a mistake
  ProbeInstance body;     // no target and no predicate
  bool external = false;  // in one of Unit::objects: the body is empty
};

// C that a script imports, compiled: what is generated is linked with it.
struct ImportedObject {
  Span import;
  std::string path;  // of the source
  artifact::Bytes bytes;
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
  const MapKind* kind = nullptr;  // as declared; null: not declared
  uint64_t declared_entries = 0;
  std::string pin;            // of `pin("name")`
  bool only_loaded = false;   // what `load` puts into it is all that is put into it
  int32_t index = -1;         // into Meta::maps, set by planning
};

// The kind of a map with keys.
inline const MapKind& kind_of(const MapInfo& map) { return map.kind ? *map.kind : usual_map_kind(is_aggregation(map.value)); }

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
  std::vector<FunctionInstance> functions;  // in the order of the script, made by the pass "probes"
  std::vector<ImportedObject> objects;      // made by the pass "imports"
  std::map<std::string, MapInfo> maps;  // sorted by name
  artifact::Meta meta;                  // filled by planning
  std::vector<artifact::Param> program_options;  // of the script's own (getopt), each once, in the order of the script
  std::map<std::string, uint32_t> param_slots;  // key (see params()) -> index into meta.params
  // Sites (Action::runtime_error) to report when the operation of a node fails at run time: a Binary Expr or an Assign Stmt that divides by what may
  // be zero, a MapRef Expr that is written (the map may be full). Set by planning.
  std::map<const void*, int32_t> division_sites, update_sites;
  // With -k: a MapRef Expr whose element may be absent; an Expr whose evaluation reads memory that may be unreadable: the sites for kernel and for
  // user memory.
  std::map<const void*, int32_t> lookup_sites;
  struct ReadSites {
    int32_t kernel = -1, user = -1;
  };
  std::map<const void*, ReadSites> read_sites;
  // Of loops without a known end (by Stmt): the site to report when it is cut short.
  std::map<const void*, int32_t> loop_sites;
};

// The index of a late-bound parameter in unit.meta.params, added when new (same kind, name and index are one).
uint32_t intern_param(Unit& unit, artifact::Param param);

// Turns of a loop over a range whose bounds are known when compiling and few enough for the verifier to follow one by one.
std::optional<uint64_t> counted_turns(const ast::ForRange& loop);

// The type in which the operands of a binary operator on integers meet (both are converted to it before the operation): 64 bits, signed when one of
// them is, literals that are not negative left aside. Null when one is not a number.
Type operand_type(TypeTable& types, const ast::Expr& left, const ast::Expr& right);

struct Pass {
  std::string_view name, summary;
  void (*run)(Unit&, Diagnostics&);
};
// The passes in order; names are stable: imports macros definitions probes sends infer check fold plan.
std::span<const Pass> pipeline();
// Runs passes up to and including `last`, stopping early when errors make the next pass meaningless. False if there are errors.
bool run_until(Unit& unit, std::string_view last);

// The typed tree (for `-d types` and golden tests), maps and their types.
std::string print_types(const Unit& unit);
std::string print_plan(const Unit& unit);

}  // namespace awl
