#pragma once
// The typed, planned tree of one program as Emit verbs. What lowering expects of the tree (the passes up to "plan" see to it):
// - every Expr has its final type; a builtin is a Call with `builtin` set, also where it was written without parentheses; enumerators,
//   sizeof, offsetof, typeinfo and known parameters are literals; macro calls are gone.
// - a MapRef has at most one key expression (several keys are one Tuple); the types of key and value are those of Unit::maps.
// - where a value's type differs from that of its destination (variable, key, map value, argument of an event), lowering converts.
// - Let::variable_type, ForMap::variable_type and ForRange::variable_type hold the variable's final type.
// - Expr::error_site, where set, is the runtime_error site to use when this operation fails (division by zero, a map that is full ...).
// - asynchronous calls have `site` set; the site's args are the last arguments of the call, in order, in their expressions' types.
#include "builtins/emit.h"
#include "semantic/unit.h"

namespace awl {

// Writes the program of unit.probes[program_index] (= instance): pid filter, predicate, body, `return 0`. The caller has begun the function and
// ends it. Makes no mistake visible to the user: what the kernel cannot do was reported by the passes before.
void lower_program(const Unit& unit, const ProbeInstance& instance, size_t program_index, Emit& emit);

}  // namespace awl
