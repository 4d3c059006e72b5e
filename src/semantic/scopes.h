#pragma once
#include "semantic/unit.h"

namespace awl {

// Gives every variable of a probe's body one name (see unit.h), fills ProbeInstance::variables without types, and reports
// variables that are not declared, shadowed or never assigned.
void resolve_variables(ProbeInstance& probe, Diagnostics& diagnostics, std::span<const FunctionInstance::Parameter> parameters = {});

// A variable as the user wrote it: without the "#2" that resolve_variables may have added.
std::string_view written_name(std::string_view variable);

}  // namespace awl
