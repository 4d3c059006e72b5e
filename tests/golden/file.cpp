#include "file.h"

#include <algorithm>
#include <map>

namespace golden {
namespace {

constexpr std::string_view severities[] = {"error", "warning", "note"};

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    size_t end = text.find('\n');
    out.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

std::string words_after(std::string_view line, std::string_view prefix, std::vector<std::string>& words) {
  std::string rest(line.substr(prefix.size()));
  for (size_t i = 0; i < rest.size();) {
    size_t begin = rest.find_first_not_of(' ', i);
    if (begin == std::string::npos) break;
    i = std::min(rest.find(' ', begin), rest.size());
    words.push_back(rest.substr(begin, i - begin));
  }
  return rest;
}

// "LINE:COL-COL", or "LINE-LINE" for a span over lines; with the file's name where it is another file.
std::string place(const awl::Sources& sources, awl::Span span, uint32_t number) {
  awl::Position begin = sources.position(span.file, span.begin), end = sources.position(span.file, span.end);
  std::string name = sources.written(span).file == number ? "" : sources.file(span.file).name + ":";
  if (begin.line != end.line) return fmt::format("{}{}-{}", name, begin.line, end.line);
  return fmt::format("{}{}:{}-{}", name, begin.line, begin.column, end.column);
}

// The line that marks the place: `//~    ^~~ `; where there is no room or more than one line, `//~ at LINE:COL-COL `.
std::string marker(const awl::Sources& sources, awl::Span span, uint32_t number) {
  if (!span) return "//~ ";
  awl::Position begin = sources.position(span.file, span.begin), end = sources.position(span.file, span.end);
  if (span.file != number || begin.line != end.line || begin.column < 5) return fmt::format("//~ at {} ", place(sources, span, number));
  std::string out = "//~";
  std::string_view line = sources.line(span.file, begin.line);
  for (size_t i = 3; i + 1 < begin.column; ++i) out += i < line.size() && line[i] == '\t' ? '\t' : ' ';
  if (begin.column == end.column) return out + "| ";
  return out + '^' + std::string(end.column - begin.column - 1, '~') + ' ';
}

std::string describe(const awl::Sources& sources, const awl::Diagnostic& d, uint32_t number) {
  std::string out = fmt::format("{}{}[{}]: {}\n", marker(sources, d.span, number), severities[static_cast<size_t>(d.severity)], d.row->name, d.text);
  for (const awl::Note& note : d.notes) out += note.span ? fmt::format("//~ note {}: {}\n", place(sources, note.span, number), note.text) : fmt::format("//~ note: {}\n", note.text);
  for (awl::Span call : d.expanded_from) out += fmt::format("//~ note {}: expanded from\n", place(sources, call, number));
  for (const std::string& hint : d.hints) out += fmt::format("//~ hint: {}\n", hint);
  return out;
}

}  // namespace

File read(std::string_view text) {
  File file;
  file.lines = split(text);
  for (const std::string& line : file.lines) {
    if (line.starts_with("// RUN:")) {
      file.run.push_back(line);
      words_after(line, "// RUN:", file.kinds);
    } else if (!line.starts_with("//~") && !line.starts_with("//=")) {
      file.source += line + "\n";
    }
  }
  if (!file.source.empty()) file.source.pop_back();
  return file;
}

std::string write(const File& file, uint32_t number, const awl::Diagnostics& diagnostics, std::string_view output) {
  const awl::Sources& sources = diagnostics.sources();
  std::map<uint32_t, std::vector<const awl::Diagnostic*>> by_line;  // 0: no place in this file
  for (const awl::Diagnostic& d : diagnostics.all()) {
    uint32_t line = d.span.file == number ? sources.position(number, d.span.end).line : 0;
    by_line[line].push_back(&d);
  }
  std::string out;
  for (const std::string& run : file.run) out += run + "\n";
  std::vector<std::string> lines = split(file.source);
  for (uint32_t n = 1; n <= lines.size(); ++n) {
    out += lines[n - 1] + "\n";
    for (const awl::Diagnostic* d : by_line[n]) out += describe(sources, *d, number);
    by_line.erase(n);
  }
  for (const auto& [line, list] : by_line)
    for (const awl::Diagnostic* d : list) out += describe(sources, *d, number);
  for (const std::string& line : split(output)) out += line.empty() ? "//=\n" : "//= " + line + "\n";
  return out;
}

}  // namespace golden
