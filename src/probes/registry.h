#pragma once
#include "probes/provider.h"

namespace awl {

// Each stands in the file of its name.
extern const Provider begin_provider, end_provider, interval_provider, profile_provider, tracepoint_provider, rawtracepoint_provider,
    kprobe_provider, kretprobe_provider, fentry_provider, fexit_provider, uprobe_provider, uretprobe_provider, software_provider,
    hardware_provider, self_provider, test_provider, bench_provider, iter_provider, usdt_provider, watchpoint_provider, asyncwatchpoint_provider, xdp_provider, tc_provider, lsm_provider,
    fmod_ret_provider, socket_filter_provider, sk_lookup_provider, netfilter_provider;

}  // namespace awl
