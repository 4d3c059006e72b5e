#pragma once
// Reading and changing the script's maps.
#include <functional>
#include <set>
#include <span>
#include <vector>

#include "artifact/schema.h"
#include "base/result.h"
#include "runtime/format/map.h"

namespace awl {

// A map as the kernel has it. Scalars of Storage::global live in `globals`, the mapped .bss.
struct MapHandle {
  const artifact::Map* map = nullptr;
  int fd = -1;
  std::span<uint8_t> globals;
  uint32_t cpus = 1;          // slots of a per-CPU value: possible CPUs
  bool zeroed = false;        // zero() met a value, and nothing was cleared since: an empty slot then prints as zero
};

// All elements with their values merged over CPUs, unsorted. A scalar without a value gives no row.
Result<std::vector<MapRow>> read_map(const MapHandle& handle);
// Whether keys of a type hold user addresses, and the processes that they are of.
bool has_user_addresses(const artifact::Type& type);
void collect_processes(const artifact::Type& type, ValueBytes bytes, std::set<uint32_t>& pids);
// The processes whose addresses stand in a map's keys and values.
void collect_processes(const MapHandle& handle, std::set<uint32_t>& pids);

// One element by its key (ignored for scalars), merged; zero when there is none.
Result<MapRow> read_element(const MapHandle& handle, std::span<const uint8_t> key);
// Writes an element of a map that programs cannot write to.
Result<> store_element(const MapHandle& handle, uint32_t index, uint32_t value);
// clear(@m): removes all elements. zero(@m): sets all values to zero.
Result<> clear_map(MapHandle& handle);
Result<> zero_map(MapHandle& handle);

// A value of zero for maps that print one when they hold nothing.
MapRow zero_row(const artifact::Map& map);

// Merges the values of all CPUs (each at a multiple of the value's size rounded up to 8) into one, as MapRow has it.
std::vector<uint8_t> merge_cpus(const artifact::Map& map, std::span<const uint8_t> values, uint32_t cpus);
// Whether a merged aggregation was updated at all.
bool is_updated(const artifact::Map& map, std::span<const uint8_t> merged);

}  // namespace awl
