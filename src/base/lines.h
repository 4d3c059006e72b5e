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

// The next word, cut off the front.
inline std::string_view next_word(std::string_view& text) {
  const auto is_blank = [&](size_t at) { return text[at] == ' ' || text[at] == '\t'; };
  size_t begin = 0;
  while (begin < text.size() && is_blank(begin)) ++begin;
  size_t end = begin;
  while (end < text.size() && !is_blank(end)) ++end;
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

}  // namespace awl
