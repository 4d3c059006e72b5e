#pragma once
#include <charconv>
#include <string_view>

#include "artifact/schema.h"

namespace awl {

// A setting that the script (or the environment of its compilation) made; names as in the config block.
inline std::string_view setting(const artifact::Meta& meta, std::string_view name, std::string_view otherwise) {
  for (const artifact::Setting& s : meta.settings)
    if (s.name == name) return s.value;
  return otherwise;
}

inline uint64_t number_setting(const artifact::Meta& meta, std::string_view name, uint64_t otherwise) {
  std::string_view text = setting(meta, name, "");
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end != text.data() ? value : otherwise;
}

inline bool switch_setting(const artifact::Meta& meta, std::string_view name, bool otherwise) {
  std::string_view text = setting(meta, name, otherwise ? "true" : "false");
  return text == "true" || text == "1";
}

}  // namespace awl
