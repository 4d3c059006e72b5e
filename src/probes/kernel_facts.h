#pragma once
// Questions about the kernel that a script may ask and that are answered where the program runs (artifact::ParamKind::kernel_fact).
#include <string>
#include <string_view>

#include "probes/host.h"

namespace awl {

// The forms of a question: "type struct NAME" (or union, enum), "field struct NAME MEMBER" (or union; MEMBER may be a path a.b), "probe ATTACH_POINT".
std::string type_question(std::string_view type);
std::string field_question(std::string_view type, std::string_view member);
std::string probe_question(std::string_view attach_point);
std::string function_question(std::string_view function);
// Of a call by a program of an ELF section's kind.
std::string call_question(std::string_view section, std::string_view function);

// The answer. Fails for what is no question, and where the kernel's types are wanted and cannot be read.
Result<bool> kernel_fact(std::string_view question, Host& host);

}  // namespace awl
