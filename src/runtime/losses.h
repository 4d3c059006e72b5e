#pragma once
// What a run did not see or could not keep: never silent.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "artifact/schema.h"
#include "runtime/messages.h"

namespace awl {

struct Losses {
  std::vector<uint64_t> events;              // by program: the ring buffer (or that of packets) was full, or the temporary memory taken
  std::map<std::pair<uint32_t, int32_t>, uint64_t> updates;      // by program and map: refused since the map was full
  std::map<std::pair<uint32_t, std::string>, uint64_t> helpers;  // by program and helper: calls that failed (told of with -k)
  std::map<uint32_t, uint64_t> cut_in_events;  // by program: strings that did not fit max_strlen
  std::map<size_t, uint64_t> cut_in_maps;      // by map: the same in what was printed of it last
  uint64_t stacks = 0;                         // stacks whose frames were not kept

  bool any() const;
};

// Says what was lost, a line for each kind and place; nothing when nothing was.
void say_losses(const Losses& losses, const artifact::Meta& meta, Messages& messages);
// The same as one JSON record with a newline, empty when nothing was lost.
std::string losses_json(const Losses& losses, const artifact::Meta& meta);

}  // namespace awl
