#pragma once
#include "base/diagnostics.h"
#include "parser/ast.h"

namespace awl {

// Parses one file of `sources`. Always returns a tree of what could be understood; mistakes are in `diagnostics`.
// Nesting deeper than a few hundred levels is reported as an error, never a stack overflow.
ast::Script parse(const Sources& sources, uint32_t file, Diagnostics& diagnostics);

// The tree as indented text, one node a line (for `-d ast` and golden tests).
std::string print_ast(const ast::Script& script);
std::string print_ast(const ast::Expr& expr);

}  // namespace awl
