#include "semantic/map_kinds.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <ranges>

namespace awl {
namespace {

using Key = MapKind::Key;
using artifact::Storage;

constexpr std::string_view of_keyed = "print clear zero delete has_key find len for", of_arrays = "print clear zero has_key find len for", of_queues = "clear push pop peek";
constexpr std::string_view of_storages = "delete has_key find";
constexpr std::string_view redirect_use = "@m[index] = value, and return redirect(@m, index) in xdp probes";
constexpr std::string_view queue_use = "push(@m, value), pop(@m, $value), peek(@m, $value)";

constexpr MapKind::Objects tasks{"task_struct", BPF_FUNC_task_storage_get, BPF_FUNC_task_storage_delete, ""};
constexpr MapKind::Objects inodes{"inode", BPF_FUNC_inode_storage_get, BPF_FUNC_inode_storage_delete, "lsm"};
constexpr MapKind::Objects sockets{"sock", BPF_FUNC_sk_storage_get, BPF_FUNC_sk_storage_delete, ""};
constexpr MapKind::Objects cgroups{"cgroup", BPF_FUNC_cgrp_storage_get, BPF_FUNC_cgrp_storage_delete, ""};

constexpr MapKind rows[] = {
    {"hash", Key::any, of_keyed, "@m[key] = value", Storage::hash, BPF_MAP_TYPE_HASH, 0, {}},
    {"lruhash", Key::any, of_keyed, "@m[key] = value", Storage::hash, BPF_MAP_TYPE_LRU_HASH, 0, {}},
    {"percpuhash", Key::any, of_keyed, "@m[key] = count()", Storage::percpu_hash, BPF_MAP_TYPE_PERCPU_HASH, 0, {}},
    {"percpulruhash", Key::any, of_keyed, "@m[key] = count()", Storage::percpu_hash, BPF_MAP_TYPE_LRU_PERCPU_HASH, 0, {}},
    // The kernel takes no others of the kind than those whose elements are made when they are needed.
    {"lpmtrie", Key::prefix, "print clear zero delete has_key find", "@m[cidr(\"10.0.0.0/8\")] = value, and look up @m[ip.saddr]", Storage::hash, BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC, {}},
    {"array", Key::index, of_arrays, "@m[index] = value", Storage::array, BPF_MAP_TYPE_ARRAY, 0, {}},
    {"percpuarray", Key::index, of_arrays, "@m[index] = count()", Storage::percpu_array, BPF_MAP_TYPE_PERCPU_ARRAY, 0, {}},
    {"queue", Key::none, of_queues, queue_use, Storage::queue, BPF_MAP_TYPE_QUEUE, 0, {}},
    {"stack", Key::none, of_queues, queue_use, Storage::queue, BPF_MAP_TYPE_STACK, 0, {}},
    {"bloom", Key::member, "push has_key", "push(@m, key), has_key(@m, key)", Storage::bloom, BPF_MAP_TYPE_BLOOM_FILTER, 0, Feature::bloom_filter},
    {"taskstorage", Key::object, of_storages, "@m[curtask] = value", Storage::object, BPF_MAP_TYPE_TASK_STORAGE, BPF_F_NO_PREALLOC, Feature::task_storage, &tasks},
    {"inodestorage", Key::object, of_storages, "@m[args.inode] = value", Storage::object, BPF_MAP_TYPE_INODE_STORAGE, BPF_F_NO_PREALLOC, Feature::inode_storage, &inodes},
    {"sockstorage", Key::object, of_storages, "@m[args.sk] = value", Storage::object, BPF_MAP_TYPE_SK_STORAGE, BPF_F_NO_PREALLOC, Feature::socket_storage, &sockets},
    {"cgroupstorage", Key::object, of_storages, "@m[args.cgrp] = value", Storage::object, BPF_MAP_TYPE_CGRP_STORAGE, BPF_F_NO_PREALLOC, Feature::cgroup_storage, &cgroups},
    {"devmap", Key::index, "redirect", redirect_use, Storage::redirect, BPF_MAP_TYPE_DEVMAP, 0, {}},
    {"cpumap", Key::index, "redirect", redirect_use, Storage::redirect, BPF_MAP_TYPE_CPUMAP, 0, {}},
    {"xskmap", Key::index, "redirect", "return redirect(@m, index) in xdp probes; another process puts its AF_XDP sockets in", Storage::sockets, BPF_MAP_TYPE_XSKMAP, 0, {}},
    {"sockmap", Key::index, "hold assign", "hold(@m, index) in sockops probes, and return assign(@m, index) in sk_lookup probes", Storage::sockets, BPF_MAP_TYPE_SOCKMAP, 0, {}},
};

}  // namespace

std::span<const MapKind> map_kinds() { return rows; }

const MapKind* find_map_kind(std::string_view name) {
  auto found = std::ranges::find(rows, name, &MapKind::name);
  return found == std::end(rows) ? nullptr : &*found;
}

const MapKind& usual_map_kind(bool percpu) { return *find_map_kind(percpu ? "percpuhash" : "hash"); }

const MapKind* counterpart(const MapKind& kind) {
  const bool percpu = artifact::is_percpu(kind.storage);
  for (const MapKind& other : rows)
    if (other.key == kind.key && artifact::is_percpu(other.storage) != percpu) return &other;
  return nullptr;
}

bool MapKind::allows(std::string_view function) const {
  return std::ranges::any_of(functions | std::views::split(' '), [&](auto word) { return std::string_view(word) == function; });
}

std::string map_kind_names(std::string_view function) {
  auto chosen = rows | std::views::filter([&](const MapKind& kind) { return function.empty() || kind.allows(function); });
  return fmt::format("{}", fmt::join(chosen | std::views::transform(&MapKind::name), ", "));
}

}  // namespace awl
