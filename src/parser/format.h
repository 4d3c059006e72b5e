#pragma once
#include <string>

#include "parser/ast.h"

namespace awl {

// The script in its usual form: two blanks of indentation, one statement a line, attach points on lines of their own, `{` of probes,
// macros and functions on its own line, blanks around binary operators. Comments stay, each on its own line and written with `//`;
// of several empty lines one stays. Numbers and strings in expressions are left as written, C text and `#` lines are not touched. The script must have
// been parsed without errors from a file of `sources`. Formatting the result again changes nothing.
std::string format(const Sources& sources, const ast::Script& script);

}  // namespace awl
