#include "runtime/pins.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/fd.h"
#include "probes/btf_lookup.h"

namespace awl {
namespace {

using artifact::Map;
using artifact::Meta;

constexpr unsigned deepest_layout = 32;

std::string pin_path(const Map& map) { return fmt::format("{}/{}", artifact::pin_folder, map.pin); }

bool pins_anything(const Meta& meta) {
  return std::ranges::any_of(meta.maps, [](const Map& map) { return !map.pin.empty(); });
}

Result<> make_folder() {
  const std::string folder(artifact::pin_folder), above = std::filesystem::path(folder).parent_path().string();
  struct statfs system{};
  if (statfs(above.c_str(), &system) != 0 || system.f_type != BPF_FS_MAGIC)
    return fail_text(0, fmt::format("pinned maps need the file system 'bpf' at {}, which is not mounted", above), fmt::format("mount it: mount -t bpf bpf {}", above));
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return fail(errno, "cannot make the folder {} for pinned maps", folder);
  struct stat status{};
  if (lstat(folder.c_str(), &status) != 0) return fail(errno, "cannot look at {}", folder);
  if (S_ISDIR(status.st_mode) && status.st_uid == geteuid() && !(status.st_mode & 077)) return {};
  return fail_text(0, fmt::format("{} is not a folder of user {} that nobody else may enter", folder, geteuid()), "look at who made it; `chmod 700` and `chown` make it usable");
}

std::string layout_text(const btf* types, uint32_t id, unsigned depth) {
  const btf_type* type = id ? btf__type_by_id(types, id) : nullptr;
  if (!type || depth > deepest_layout) return "?";
  const auto name = [&](uint32_t offset) { return std::string(btf__name_by_offset(types, offset)); };
  switch (btf_kind(type)) {
    case BTF_KIND_INT: return btf_int_encoding(type) & BTF_INT_BOOL ? "bool" : fmt::format("{}int{}", btf_int_encoding(type) & BTF_INT_SIGNED ? "" : "u", 8 * type->size);
    case BTF_KIND_PTR: return "pointer";
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64: return fmt::format("enum of {} bytes", type->size);
    case BTF_KIND_ARRAY: return fmt::format("{}[{}]", layout_text(types, btf_array(type)->type, depth + 1), btf_array(type)->nelems);
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION: {
      std::string text = name(type->name_off) + "{";
      for (uint32_t i = 0; i < btf_vlen(type); ++i) {
        const btf_member& member = btf_members(type)[i];
        text += fmt::format("{}{} {}", i ? ", " : "", layout_text(types, member.type, depth + 1), name(member.name_off));
      }
      return text + "}";
    }
    case BTF_KIND_TYPEDEF:
    case BTF_KIND_CONST:
    case BTF_KIND_VOLATILE:
    case BTF_KIND_RESTRICT:
    case BTF_KIND_TYPE_TAG: return layout_text(types, type->type, depth + 1);
    default: return "?";
  }
}

// What of a map differs from what the script says; empty: nothing.
std::string difference(const bpf_map_info& info, const bpf_map* wanted, const btf* types) {
  const auto differs = [](std::string_view what, const auto& there, const auto& here) { return fmt::format("its {} is {}, the script's {}", what, there, here); };
  const auto kind = [](uint32_t type) {
    const char* name = libbpf_bpf_map_type_str(static_cast<bpf_map_type>(type));
    return name ? std::string(name) : std::to_string(type);
  };
  if (info.type != static_cast<uint32_t>(bpf_map__type(wanted))) return differs("kind", kind(info.type), kind(bpf_map__type(wanted)));
  if (info.max_entries != bpf_map__max_entries(wanted)) return differs("size", info.max_entries, bpf_map__max_entries(wanted));
  // Kinds without BTF for their elements, and kernels without it, leave the sizes.
  BtfPtr there(info.btf_id ? btf__load_from_kernel_by_id(info.btf_id) : nullptr);
  struct Side {
    std::string_view what;
    uint32_t there, here, size_there, size_here;
  };
  for (const Side& side : {Side{"key", info.btf_key_type_id, bpf_map__btf_key_type_id(wanted), info.key_size, bpf_map__key_size(wanted)},
                           Side{"value", info.btf_value_type_id, bpf_map__btf_value_type_id(wanted), info.value_size, bpf_map__value_size(wanted)}}) {
    if (there && types && side.there && side.here) {
      std::string theirs = awl::layout_text(there.get(), side.there), ours = awl::layout_text(types, side.here);
      if (theirs != ours) return differs(side.what, theirs, ours);
    }
    if (side.size_there != side.size_here) return differs(side.what, fmt::format("{} bytes", side.size_there), fmt::format("{} bytes", side.size_here));
  }
  if (info.map_flags != bpf_map__map_flags(wanted)) return differs("flags", info.map_flags, bpf_map__map_flags(wanted));
  return {};
}

Result<> use_pinned(bpf_map* map, const Map& row, const btf* types) {
  const std::string path = pin_path(row);
  Fd fd(bpf_obj_get(path.c_str()));
  if (!fd && errno == ENOENT) return {};
  if (!fd) return fail(errno, "cannot open the pinned map {}", path);
  bpf_map_info info{};
  uint32_t size = sizeof info;
  if (bpf_map_get_info_by_fd(fd.get(), &info, &size) != 0) return fail_text(0, fmt::format("{} is not a map", path), "choose another name in pin(), or remove it");
  if (std::string what = difference(info, map, types); !what.empty())
    return fail_text(0, fmt::format("the pinned map {} does not fit {}: {}", path, row.name, what), fmt::format("declare both alike, choose another name, or remove it when nobody needs it: rm {}", path));
  if (int error = bpf_map__reuse_fd(map, fd.get()); error != 0) return fail(-error, "cannot use the pinned map {}", path);
  return {};
}

}  // namespace

std::string layout_text(const btf* types, uint32_t id) { return layout_text(types, id, 0); }

Result<> use_pinned_maps(const bpf_object* object, std::span<bpf_map* const> maps, const Meta& meta) {
  if (!pins_anything(meta)) return {};
  AWL_CHECK(make_folder());
  for (size_t i = 0; i < meta.maps.size(); ++i)
    if (!meta.maps[i].pin.empty()) AWL_CHECK(use_pinned(maps[i], meta.maps[i], bpf_object__btf(object)));
  return {};
}

Result<> pin_new_maps(std::span<bpf_map* const> maps, const Meta& meta) {
  for (size_t i = 0; i < meta.maps.size(); ++i) {
    const Map& row = meta.maps[i];
    if (row.pin.empty()) continue;
    const std::string path = pin_path(row);
    // One that was there is left as it is; one that came meanwhile is another map.
    bpf_map_info there{}, ours{};
    uint32_t size = sizeof there, own_size = sizeof ours;
    const int fd = bpf_map__fd(maps[i]);
    Fd known(bpf_obj_get(path.c_str()));
    const bool same = known && bpf_map_get_info_by_fd(known.get(), &there, &size) == 0 && bpf_map_get_info_by_fd(fd, &ours, &own_size) == 0 && there.id == ours.id;
    if (same) continue;
    if (bpf_obj_pin(fd, path.c_str()) == 0) continue;
    if (errno == EEXIST) return fail_text(0, fmt::format("another program pinned {} at the same moment", path), "start the script again");
    return fail(errno, "cannot pin {} as {}", row.name, path);
  }
  return {};
}

}  // namespace awl
