#pragma once
#include "base/diagnostics.h"
#include "parser/ast.h"

namespace awl {

// Parses one file of `sources`. Always returns a tree of what could be understood; mistakes are in `diagnostics`.
// Nesting deeper than a few hundred levels is reported as an error, never a stack overflow.
// `is_builtin` tells the names that are values by themselves (pid, comm ...): `(pid) * 2` multiplies where `(t) * 2` casts.
using IsBuiltin = bool (*)(std::string_view name);
ast::Script parse(const Sources& sources, uint32_t file, Diagnostics& diagnostics, IsBuiltin is_builtin = nullptr);

// The tree as indented text, one node a line (for `-d ast` and golden tests).
std::string print_ast(const ast::Script& script);
std::string print_ast(const ast::Expr& expr);

}  // namespace awl
