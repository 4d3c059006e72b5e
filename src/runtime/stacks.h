#pragma once
// The frames that values of Kind::kstack and Kind::ustack stand for.
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "artifact/schema.h"

namespace awl {

class Stacks {
 public:
  // The object's map awl_stacks (kept open by the caller) and the size of its values.
  void open(int map, uint32_t value_bytes);
  bool is_open() const { return map_ >= 0; }
  // Moves what the kernel side has stored since to this side, so that there is room for other stacks.
  void collect();
  // key.frames * key.frame_bytes bytes, valid until the end; empty and counted when the stack is nowhere.
  std::span<const uint8_t> find(const artifact::StackKey& key);
  // Different stacks that find() did not find: they were not stored, because too many others were.
  size_t missing() const { return missing_.size(); }

 private:
  void keep(const artifact::StackKey& key, std::span<const uint8_t> value);

  int map_ = -1;
  uint32_t value_bytes_ = 0;
  std::map<artifact::StackKey, std::vector<uint8_t>> known_;
  std::set<artifact::StackKey> missing_;
};

}  // namespace awl
