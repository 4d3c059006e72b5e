#pragma once
// Types as written, and the types of context values.
#include <functional>

#include "semantic/unit.h"

namespace awl {

// The type that a TypeName means; null when something in it is unknown. `type_of` gives the type of a typeof's expression. An array without
// a count (`int8[]`) has count 0. `space` is what pointers written in it point to.
Type resolve_type_name(Unit& unit, ast::TypeName& name, AddressSpace space, const std::function<Type(ast::ExprPtr&)>& type_of);

// The spelling of the part of a type name that is unknown: "struct nosuch".
std::string unknown_part(const ast::TypeName& name);

// The language's type of a value out of a program's context.
Type type_of_context(Unit& unit, const ContextType& type, const Context& context);

// The type of `args`: a structure named for the target.
Type type_of_arguments(Unit& unit, const ProbeInstance& probe);

}  // namespace awl
