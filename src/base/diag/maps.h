#pragma once
#include "base/diagnostics.h"

namespace awl::Diag {
#define D(id, severity, text) inline constexpr DiagRow id{#id, Severity::severity, text};
#include "base/diag/maps.def"
#undef D
}  // namespace awl::Diag
