#pragma once
#include "probes/provider.h"

namespace awl {

// Each stands in the file of its name.
extern const Provider begin_provider, end_provider, interval_provider, profile_provider, tracepoint_provider;

}  // namespace awl
