#pragma once
// Tracepoints as the kernel's types describe them, for machines where tracefs cannot be read.
#include <string>

#include "probes/host.h"
#include "probes/provider.h"

namespace awl {

// Whether the kernel or one of its modules has an event. Types know nothing of subsystems: `category` tells system calls from the others.
// The error: there are no types.
Result<bool> types_have_event(const std::string& category, const std::string& event, Host& host);

// What programs of such an event can see. Of an event whose record is not told for sure by the types, Context::args holds the fields that all
// records in question have at the same place, and Context::unreadable the others. The error: not one field is known.
Result<Context> context_from_types(const std::string& category, const std::string& event, Host& host);

}  // namespace awl
