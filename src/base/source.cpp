#include "base/source.h"

#include <algorithm>

namespace awl {

Span join(Span a, Span b) {
  if (!a) return b;
  if (!b || a.file != b.file) return a;
  return {a.file, std::min(a.begin, b.begin), std::max(a.end, b.end)};
}

uint32_t Sources::add(std::string name, std::string text) {
  SourceFile file{std::move(name), std::move(text), {0}};
  for (uint32_t i = 0; i < file.text.size(); ++i)
    if (file.text[i] == '\n') file.line_starts.push_back(i + 1);
  files_.push_back(std::move(file));
  return count();
}

uint32_t Sources::expand(uint32_t number, Span from) {
  expansions_.push_back({written(number), from});
  return first_expansion + static_cast<uint32_t>(expansions_.size()) - 1;
}

Span Sources::expanded_from(Span span) const {
  if (span.file >= first_expansion) return expansions_.at(span.file - first_expansion).from;
  auto found = imports_.find(span.file);
  return found == imports_.end() ? Span{} : found->second;
}

std::string_view Sources::text(Span span) const {
  if (!span) return {};
  std::string_view text = file(span.file).text;
  if (span.begin >= text.size()) return {};
  return text.substr(span.begin, span.end - span.begin);
}

Position Sources::position(uint32_t number, uint32_t offset) const {
  const auto& starts = file(number).line_starts;
  auto it = std::upper_bound(starts.begin(), starts.end(), offset) - 1;
  return {static_cast<uint32_t>(it - starts.begin()) + 1, offset - *it + 1};
}

std::string_view Sources::line(uint32_t number, uint32_t line) const {
  const SourceFile& source = file(number);
  if (line == 0 || line > source.line_starts.size()) return {};
  uint32_t begin = source.line_starts[line - 1];
  size_t end = source.text.find('\n', begin);
  if (end == std::string::npos) end = source.text.size();
  return std::string_view(source.text).substr(begin, end - begin);
}

}  // namespace awl
