#pragma once
// Kinds of probes on cgroups: what programs in a cgroup and below do with sockets, devices and settings of the kernel.
#include "probes/provider.h"

namespace awl {

inline constexpr size_t cgroup_kinds = 17;
extern const Provider cgroup_providers[cgroup_kinds];

}  // namespace awl
