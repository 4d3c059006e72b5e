#pragma once
#include <algorithm>
#include <string_view>

namespace awl {

// Calls a function with each line of a text, without its end.
template <typename F>
void each_line(std::string_view text, F&& line) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace awl
