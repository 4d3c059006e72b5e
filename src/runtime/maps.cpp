#include "runtime/maps.h"

#include <bpf/bpf.h>
#include <errno.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <set>

#include "runtime/format/series.h"

namespace awl {
namespace {

using artifact::Kind;
using artifact::Map;
using artifact::Storage;

size_t rounded(size_t size) { return (size + 7) & ~size_t{7}; }
bool is_percpu(const Map& map) { return artifact::is_percpu(map.storage); }
uint32_t key_size(const Map& map) { return map.key.empty() ? 4 : map.key[0].size; }

// Bytes of one CPU's value.
size_t value_size(const Map& map) {
  switch (map.value.kind) {
    case Kind::count: return 8;
    case Kind::sum:
    case Kind::min:
    case Kind::max:
    case Kind::avg:
    case Kind::stats: return 16;
    case Kind::hist:
    case Kind::lhist: return size_t{8} * map.histogram.buckets;
    case Kind::tseries: return sizeof(SeriesPoint) * map.histogram.buckets;
    default: return map.value.size;
  }
}

// Bytes of an element as the kernel gives it.
size_t stored_size(const MapHandle& handle) {
  size_t size = value_size(*handle.map);
  if (handle.map->storage == Storage::percpu_slot) size = std::min<size_t>(size, artifact::slot_piece);
  return is_percpu(*handle.map) ? rounded(size) * handle.cpus : size;
}

uint64_t word(std::span<const uint8_t> bytes, size_t index) {
  uint64_t value = 0;
  if (bytes.size() >= 8 * index + 8) memcpy(&value, bytes.data() + 8 * index, 8);
  return value;
}

MapRow make_row(const MapHandle& handle, std::span<const uint8_t> key, std::span<const uint8_t> value) {
  if (is_percpu(*handle.map)) return {.key = key, .value = merge_cpus(*handle.map, value, handle.cpus)};
  return {.key = key, .value = value};
}

std::vector<uint8_t> series_bytes(std::span<const SeriesPoint> points) {
  std::vector<uint8_t> bytes(points.size_bytes());
  if (!bytes.empty()) memcpy(bytes.data(), points.data(), bytes.size());
  return bytes;
}

using Visit = std::function<void(std::span<const uint8_t> key, std::span<const uint8_t> value)>;

Result<> visit_one_by_one(const MapHandle& handle, const Visit& visit) {
  std::vector<uint8_t> key(key_size(*handle.map)), next(key.size()), value(stored_size(handle));
  bool first = true;
  while (bpf_map_get_next_key(handle.fd, first ? nullptr : key.data(), next.data()) == 0) {
    first = false;
    key = next;
    // An element that is gone by now is not an error.
    if (bpf_map_lookup_elem(handle.fd, key.data(), value.data()) == 0) visit(key, value);
  }
  if (errno != ENOENT) return fail(errno, "cannot read the map {}", handle.map->name);
  return {};
}

// Whole buckets of the hash table in a call. Kernels or map types without it: EINVAL or ENOTSUPP, before anything was visited.
Result<> visit_in_batches(const MapHandle& handle, const Visit& visit) {
  size_t keys = key_size(*handle.map), values = stored_size(handle);
  uint32_t room = std::min<uint32_t>(std::max<uint32_t>(handle.map->max_entries, 1), 1024);
  // The position is opaque: 4 bytes for hash tables, for others a key.
  std::vector<uint8_t> in(std::max<size_t>(keys, 8)), out(in.size()), key(keys * room), value(values * room);
  bool first = true;
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  for (;;) {
    uint32_t count = room;
    int failed = bpf_map_lookup_batch(handle.fd, first ? nullptr : in.data(), out.data(), key.data(), value.data(), &count, &options);
    int error = failed ? errno : 0;
    if (error == ENOSPC) {  // one bucket holds more
      room *= 2;
      key.resize(keys * room);
      value.resize(values * room);
      continue;
    }
    if (error && error != ENOENT) {
      if (first) return fail(error, "no batches");
      return fail(error, "cannot read the map {}", handle.map->name);
    }
    for (uint32_t i = 0; i < count; ++i)
      visit(std::span<const uint8_t>(key).subspan(i * keys, keys), std::span<const uint8_t>(value).subspan(i * values, values));
    if (error == ENOENT) return {};
    first = false;
    in = out;
  }
}

Result<> visit_all(const MapHandle& handle, const Visit& visit) {
  bool any = false;
  Result<> done = visit_in_batches(handle, [&](auto key, auto value) {
    any = true;
    visit(key, value);
  });
  if (done || any) return done;
  return visit_one_by_one(handle, visit);
}

Result<std::vector<uint8_t>> read_slot(const MapHandle& handle) {
  const Map& map = *handle.map;
  std::vector<uint8_t> piece(stored_size(handle));
  std::vector<SeriesPoint> points;
  for (uint32_t i = 0; i < artifact::slot_pieces(map); ++i) {
    if (bpf_map_lookup_elem(handle.fd, &i, piece.data()) != 0) return fail(errno, "cannot read the map {}", map.name);
    if (!is_series(map)) return merge_cpus(map, piece, handle.cpus);
    std::ranges::copy(series_points(piece), std::back_inserter(points));
  }
  return series_bytes(merge_series(map.histogram, map.value.is_signed, points));
}

Result<std::vector<std::vector<uint8_t>>> all_keys(const MapHandle& handle) {
  std::vector<std::vector<uint8_t>> keys;
  AWL_CHECK(visit_all(handle, [&](auto key, auto) { keys.emplace_back(key.begin(), key.end()); }));
  return keys;
}

// Takes all values out.
Result<std::vector<MapRow>> drain(const MapHandle& handle) {
  std::vector<MapRow> rows;
  std::vector<uint8_t> value(stored_size(handle));
  // Programs may put in more meanwhile.
  while (rows.size() < handle.map->max_entries && bpf_map_lookup_and_delete_elem(handle.fd, nullptr, value.data()) == 0) rows.push_back({.value = value});
  if (rows.size() < handle.map->max_entries && errno != ENOENT) return fail(errno, "cannot read the map {}", handle.map->name);
  return rows;
}

// Elements of an array are always there: those that nothing was written to count as none.
bool is_blank(std::span<const uint8_t> value) { return std::ranges::all_of(value, [](uint8_t byte) { return byte == 0; }); }

std::span<uint8_t> global_bytes(const MapHandle& handle, uint64_t offset, uint64_t size) {
  if (offset > handle.globals.size() || size > handle.globals.size() - offset) return {};
  return handle.globals.subspan(offset, size);
}

Result<> write_zeros_to_slot(const MapHandle& handle) {
  std::vector<uint8_t> values(stored_size(handle));
  for (uint32_t i = 0; i < artifact::slot_pieces(*handle.map); ++i)
    if (bpf_map_update_elem(handle.fd, &i, values.data(), BPF_ANY) != 0) return fail(errno, "cannot change the map {}", handle.map->name);
  return {};
}

}  // namespace

std::vector<uint8_t> merge_cpus(const Map& map, std::span<const uint8_t> values, uint32_t cpus) {
  size_t size = value_size(map), stride = rounded(size);
  if (is_series(map)) return series_bytes(merge_series(map.histogram, map.value.is_signed, series_points(values.first(std::min(values.size(), cpus * stride)))));
  std::vector<uint64_t> total(stride / 8);
  for (uint32_t cpu = 0; cpu < cpus && (cpu + 1) * stride <= values.size(); ++cpu) {
    std::span<const uint8_t> one = values.subspan(cpu * stride, size);
    if (map.value.kind == Kind::min || map.value.kind == Kind::max) {
      uint64_t value = word(one, 0), updates = word(one, 1);
      if (!updates) continue;
      bool less = map.value.is_signed ? static_cast<int64_t>(value) < static_cast<int64_t>(total[0]) : value < total[0];
      if (!total[1] || (value != total[0] && less == (map.value.kind == Kind::min))) total[0] = value;
      total[1] += updates;
    } else {
      for (size_t i = 0; i < total.size(); ++i) total[i] += word(one, i);
    }
  }
  std::vector<uint8_t> merged(size);
  if (size) memcpy(merged.data(), total.data(), size);
  return merged;
}

bool is_updated(const Map& map, std::span<const uint8_t> merged) {
  switch (map.value.kind) {
    case Kind::sum:
    case Kind::min:
    case Kind::max:
    case Kind::avg:
    case Kind::stats: return word(merged, 1) != 0;
    default: return std::any_of(merged.begin(), merged.end(), [](uint8_t byte) { return byte != 0; });
  }
}

MapRow zero_row(const Map& map) { return {.key = {}, .value = std::vector<uint8_t>(value_size(map))}; }

Result<std::vector<MapRow>> read_map(const MapHandle& handle) {
  const Map& map = *handle.map;
  std::vector<MapRow> rows;
  if (map.storage == Storage::global) {
    std::span<uint8_t> set = global_bytes(handle, map.set_offset, 8), value = global_bytes(handle, map.offset, map.value.size);
    if (word(set, 0)) rows.push_back({.key = {}, .value = std::span<const uint8_t>(value)});
    return rows;
  }
  if (map.storage == Storage::percpu_slot) {
    AWL_TRY(value, read_slot(handle));
    if (handle.zeroed || is_updated(map, value)) rows.push_back({.key = {}, .value = value});
    return rows;
  }
  if (map.storage == Storage::queue) return drain(handle);
  if (!artifact::is_listed(map.storage)) return rows;
  AWL_CHECK(visit_all(handle, [&](auto key, auto value) {
    if (!artifact::is_array(map.storage) || !is_blank(value)) rows.push_back(make_row(handle, key, value));
  }));
  return rows;
}

bool has_user_addresses(const artifact::Type& type) {
  if (type.kind == Kind::ustack || type.kind == Kind::usym) return true;
  return std::any_of(type.elements.begin(), type.elements.end(), [](const artifact::Element& e) { return has_user_addresses(e.type.at(0)); });
}

void collect_processes(const artifact::Type& type, ValueBytes bytes, std::set<uint32_t>& pids) {
  size_t at = type.kind == Kind::ustack ? 12 : 8;  // see Kind
  if (type.kind == Kind::ustack || type.kind == Kind::usym) {
    if (bytes.size() >= at + 4) pids.insert(static_cast<uint32_t>(load_integer(bytes.subspan(at), 4, false)));
    return;
  }
  for (const artifact::Element& element : type.elements) {
    uint8_t storage[8];
    if (has_user_addresses(element.type.at(0))) collect_processes(element.type.at(0), element_bytes(element, bytes, storage), pids);
  }
}

void collect_processes(const MapHandle& handle, std::set<uint32_t>& pids) {
  const Map& map = *handle.map;
  if (map.storage == Storage::global) return collect_processes(map.value, global_bytes(handle, map.offset, map.value.size), pids);
  if (map.key.empty() || handle.fd < 0) return;
  bool in_value = has_user_addresses(map.value);
  // Best effort: what cannot be read now is read, or reported, when the map is printed.
  static_cast<void>(visit_all(handle, [&](auto key, auto value) {
    collect_processes(map.key[0], key, pids);
    if (in_value) collect_processes(map.value, value, pids);
  }));
}

Result<MapRow> read_element(const MapHandle& handle, std::span<const uint8_t> key) {
  const Map& map = *handle.map;
  if (map.key.empty()) {
    AWL_TRY(rows, read_map(handle));
    return rows.empty() ? zero_row(map) : std::move(rows[0]);
  }
  std::vector<uint8_t> padded(key.begin(), key.end()), value(stored_size(handle));
  padded.resize(key_size(map));
  if (bpf_map_lookup_elem(handle.fd, padded.data(), value.data()) == 0) return make_row(handle, padded, value);
  if (errno != ENOENT) return fail(errno, "cannot read the map {}", map.name);
  return zero_row(map);
}

Result<> store_element(const MapHandle& handle, uint32_t index, uint32_t value) {
  if (bpf_map_update_elem(handle.fd, &index, &value, BPF_ANY) == 0) return {};
  if (errno == E2BIG) return fail(0, "{}[{}] is not there: the map has the indices 0 to {}", handle.map->name, index, handle.map->max_entries - 1);
  return fail(errno, "the kernel refuses {} for {}[{}]", value, handle.map->name, index);
}

Result<> clear_map(MapHandle& handle) {
  const Map& map = *handle.map;
  handle.zeroed = false;
  if (map.storage == Storage::global) {
    std::span<uint8_t> set = global_bytes(handle, map.set_offset, 8), value = global_bytes(handle, map.offset, map.value.size);
    std::fill(set.begin(), set.end(), uint8_t{0});
    std::fill(value.begin(), value.end(), uint8_t{0});
    return {};
  }
  if (map.storage == Storage::percpu_slot) return write_zeros_to_slot(handle);
  if (map.storage == Storage::queue) {
    AWL_CHECK(drain(handle));
    return {};
  }
  if (artifact::is_array(map.storage)) return zero_map(handle);
  AWL_TRY(keys, all_keys(handle));
  for (const std::vector<uint8_t>& key : keys)
    if (bpf_map_delete_elem(handle.fd, key.data()) != 0 && errno != ENOENT) return fail(errno, "cannot change the map {}", map.name);
  return {};
}

Result<> zero_map(MapHandle& handle) {
  const Map& map = *handle.map;
  if (map.storage == Storage::global) {
    std::span<uint8_t> value = global_bytes(handle, map.offset, map.value.size);
    std::fill(value.begin(), value.end(), uint8_t{0});
    return {};
  }
  if (map.storage == Storage::percpu_slot) {
    AWL_TRY(value, read_slot(handle));
    handle.zeroed = handle.zeroed || is_updated(map, value);
    return write_zeros_to_slot(handle);
  }
  AWL_TRY(keys, all_keys(handle));
  std::vector<uint8_t> zeros(stored_size(handle));
  for (const std::vector<uint8_t>& key : keys)
    if (bpf_map_update_elem(handle.fd, key.data(), zeros.data(), BPF_EXIST) != 0 && errno != ENOENT)
      return fail(errno, "cannot change the map {}", map.name);
  return {};
}

}  // namespace awl
