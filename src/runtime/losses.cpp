#include "runtime/losses.h"

#include <algorithm>
#include <numeric>

#include "runtime/config.h"
#include "runtime/format/json.h"

namespace awl {
namespace {

using artifact::Meta;

std::string probe_of(const Meta& meta, size_t program) { return program < meta.programs.size() ? meta.programs[program].probe : "?"; }
std::string map_of(const Meta& meta, int64_t map) {
  return map >= 0 && static_cast<size_t>(map) < meta.maps.size() ? meta.maps[static_cast<size_t>(map)].name : "?";
}

// "1 string", "2 strings".
std::string counted(uint64_t count, std::string_view what) { return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s"); }

// Objects of a JSON record: {"name": count, ...}, counts of one name added up.
class Counts {
 public:
  void add(std::string name, uint64_t count) {
    if (count) counts_[std::move(name)] += count;
  }
  void append(std::string& out, std::string_view title) const {
    if (counts_.empty()) return;
    if (!out.ends_with('{')) out += ", ";
    append_json_string(out, title);
    out += ": {";
    for (const auto& [name, count] : counts_) {
      if (!out.ends_with('{')) out += ", ";
      append_json_string(out, name);
      out += fmt::format(": {}", count);
    }
    out += '}';
  }

 private:
  std::map<std::string, uint64_t> counts_;
};

void say_events(const Losses& losses, const Meta& meta, Messages& messages) {
  uint64_t total = std::accumulate(losses.events.begin(), losses.events.end(), uint64_t{0});
  if (total == 0) return;
  messages.warning(fmt::format("Total lost event count: {}", total));
  if (meta.programs.size() == 1) return;
  for (size_t i = 0; i < losses.events.size(); ++i)
    if (losses.events[i]) messages.warning(fmt::format("  {} in {}", losses.events[i], probe_of(meta, i)));
}

}  // namespace

bool Losses::any() const {
  return std::ranges::any_of(events, [](uint64_t count) { return count != 0; }) || !updates.empty() || !helpers.empty() || !cut_in_events.empty() ||
         !cut_in_maps.empty() || stacks != 0;
}

void say_losses(const Losses& losses, const Meta& meta, Messages& messages) {
  say_events(losses, meta, messages);
  for (const auto& [where, count] : losses.updates)
    messages.warning(fmt::format("{} of map {} did not find room, in {}", counted(count, "update"), map_of(meta, where.second), probe_of(meta, where.first)));
  for (const auto& [where, count] : losses.helpers)
    messages.warning(fmt::format("{} of {} failed, in {}", counted(count, "call"), where.second, probe_of(meta, where.first)));
  std::string_view longest = setting(meta, "max_strlen", "1024");
  for (const auto& [program, count] : losses.cut_in_events)
    messages.warning(fmt::format("{} reached max_strlen ({}) and may be cut, in {}", counted(count, "string"), longest, probe_of(meta, program)));
  for (const auto& [map, count] : losses.cut_in_maps)
    messages.warning(fmt::format("{} reached max_strlen ({}) and may be cut, in map {}", counted(count, "string"), longest, map_of(meta, static_cast<int64_t>(map))));
  if (losses.stacks) messages.warning(fmt::format("The frames of {} were lost: too many different stacks came at once.", counted(losses.stacks, "stack")));
}

std::string losses_json(const Losses& losses, const Meta& meta) {
  if (!losses.any()) return {};
  Counts events, updates, helpers, in_events, in_maps, stacks;
  for (size_t i = 0; i < losses.events.size(); ++i) events.add(probe_of(meta, i), losses.events[i]);
  for (const auto& [where, count] : losses.updates) updates.add(map_of(meta, where.second), count);
  for (const auto& [where, count] : losses.helpers) helpers.add(where.second, count);
  for (const auto& [program, count] : losses.cut_in_events) in_events.add(probe_of(meta, program), count);
  for (const auto& [map, count] : losses.cut_in_maps) in_maps.add(map_of(meta, static_cast<int64_t>(map)), count);
  std::string out = "{\"type\": \"losses\", \"data\": {";
  events.append(out, "events");
  updates.append(out, "map_updates");
  helpers.append(out, "failed_calls");
  in_events.append(out, "cut_strings");
  in_maps.append(out, "cut_strings_in_maps");
  if (losses.stacks) out += fmt::format("{}\"stacks\": {}", out.ends_with('{') ? "" : ", ", losses.stacks);
  out += "}}\n";
  return out;
}

}  // namespace awl
