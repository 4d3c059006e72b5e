#include "probes/features.h"

namespace awl {
namespace {

struct Row {
  std::string_view name;
  Feature feature;
  FeatureFacts facts;
};
constexpr Row rows[] = {
    {"kprobe_multi", Feature::kprobe_multi, {"the kprobe multi link", "5.18"}},
    {"kprobe_session", Feature::kprobe_session, {"the kprobe session link", "6.10"}},
    {"uprobe_multi", Feature::uprobe_multi, {"the uprobe multi link", "6.6"}},
    {"attach_cookie", Feature::attach_cookie, {"bpf_get_attach_cookie", "5.15"}},
    {"atomic_fetch", Feature::atomic_fetch, {"atomic operations that give the old value", "5.12"}},
    {"for_each_map", Feature::for_each_map, {"bpf_for_each_map_elem", "5.13"}},
    {"percpu_lookup", Feature::percpu_lookup, {"bpf_map_lookup_percpu_elem", "5.19"}},
    {"callback_loops", Feature::callback_loops, {"bpf_loop", "5.17"}},
    {"iterators", Feature::iterators, {"bpf_iter_num_new", "6.4"}},
    {"tai_clock", Feature::tai_clock, {"bpf_ktime_get_tai_ns", "6.1"}},
    {"task_from_pid", Feature::task_from_pid, {"bpf_task_from_pid", "6.2"}},
    {"socket_cookie", Feature::socket_cookie, {"bpf_get_socket_cookie for fentry", "5.12"}},
    {"override_return", Feature::override_return, {"bpf_override_return", "4.16, built with CONFIG_BPF_KPROBE_OVERRIDE"}},
    {"write_user", Feature::write_user, {"bpf_probe_write_user", "4.8, not locked down"}},
    {"typed_pointers", Feature::typed_pointers, {"bpf_rdonly_cast", "6.2"}},
    {"large_keys", Feature::large_keys, {"keys of maps larger than 512 bytes", "5.18"}},
    {"fentry", Feature::fentry, {"programs on kernel functions without a breakpoint (BPF trampolines)", "5.5"}},
    {"bloom_filter", Feature::bloom_filter, {"BPF_MAP_TYPE_BLOOM_FILTER", "5.16"}},
    {"task_storage", Feature::task_storage, {"bpf_task_storage_get for tracing", "5.13"}},
    {"inode_storage", Feature::inode_storage, {"BPF_MAP_TYPE_INODE_STORAGE", "5.10, with the security module bpf"}},
    {"socket_storage", Feature::socket_storage, {"bpf_sk_storage_get for tracing", "5.11"}},
    {"cgroup_storage", Feature::cgroup_storage, {"BPF_MAP_TYPE_CGRP_STORAGE", "6.2"}},
    {"task_registers", Feature::task_registers, {"bpf_task_pt_regs", "5.15"}},
};

}  // namespace

std::string_view feature_name(Feature feature) {
  for (const Row& row : rows)
    if (row.feature == feature) return row.name;
  return "?";
}

FeatureFacts feature_facts(Feature feature) {
  for (const Row& row : rows)
    if (row.feature == feature) return row.facts;
  return {};
}

std::optional<Feature> find_feature(std::string_view name) {
  for (const Row& row : rows)
    if (row.name == name) return row.feature;
  return std::nullopt;
}

}  // namespace awl
