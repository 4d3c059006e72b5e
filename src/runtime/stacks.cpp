#include "runtime/stacks.h"

#include <bpf/bpf.h>
#include <errno.h>

#include <algorithm>

namespace awl {

using artifact::StackKey;

void Stacks::open(int map, uint32_t value_bytes) {
  map_ = map;
  value_bytes_ = value_bytes;
}

void Stacks::keep(const StackKey& key, std::span<const uint8_t> value) {
  uint64_t bytes = std::min<uint64_t>(uint64_t{key.frames} * key.frame_bytes, value.size());
  known_.try_emplace(key, value.begin(), value.begin() + static_cast<std::ptrdiff_t>(bytes));
}

void Stacks::collect() {
  if (map_ < 0) return;
  // A call takes whole buckets of the kernel's hash table, which are as many as elements: this is room for any that occur.
  constexpr uint32_t room = 256;
  std::vector<StackKey> keys(room);
  std::vector<uint8_t> values(size_t{room} * value_bytes_);
  uint32_t position = 0;
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  for (bool first = true;; first = false) {
    uint32_t count = room;
    int failed = bpf_map_lookup_and_delete_batch(map_, first ? nullptr : &position, &position, keys.data(), values.data(), &count, &options);
    if (failed && errno != ENOENT) return;  // they stay where they are: find() looks there too
    for (uint32_t i = 0; i < count; ++i) keep(keys[i], std::span(values).subspan(size_t{i} * value_bytes_, value_bytes_));
    if (failed) return;
  }
}

std::span<const uint8_t> Stacks::find(const StackKey& key) {
  auto known = known_.find(key);
  if (known == known_.end() && map_ >= 0) {
    std::vector<uint8_t> value(value_bytes_);
    if (bpf_map_lookup_elem(map_, &key, value.data()) == 0) {
      keep(key, value);
      known = known_.find(key);
    }
  }
  if (known != known_.end()) return known->second;
  missing_.insert(key);
  return {};
}

}  // namespace awl
