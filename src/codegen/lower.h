#pragma once
// The typed, planned tree of one program as Emit verbs. What it may rely on stands in semantic/unit.h. Beyond that: the args of an
// asynchronous call's site are the last arguments of the call, in order.
#include "builtins/emit.h"
#include "semantic/unit.h"

namespace awl {

// Writes the program of unit.probes[program_index] (= instance): pid filter, predicate, body, `return 0`. The caller has begun the function and
// ends it. Makes no mistake visible to the user: what the kernel cannot do was reported by the passes before.
void lower_program(const Unit& unit, const ProbeInstance& instance, size_t program_index, Emit& emit);

}  // namespace awl
