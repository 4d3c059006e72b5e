#include "base/diagnostics.h"

#include <array>
#include <nlohmann/json.hpp>

namespace awl {
namespace {

constexpr std::array<std::string_view, 3> severity_names{"ERROR", "WARNING", "NOTE"};

// A source line as shown: tabs as four blanks. `columns` maps the byte column (0-based) to the column on the screen.
std::string expand_tabs(std::string_view line) {
  std::string out;
  for (char c : line) out += c == '\t' ? std::string(4, ' ') : std::string(1, c);
  return out;
}

std::string place(const Sources& sources, Span span, std::string_view severity, std::string_view text) {
  if (!span) return fmt::format("{}: {}", severity, text);
  Position begin = sources.position(span.file, span.begin), end = sources.position(span.file, span.end);
  const std::string& name = sources.file(span.file).name;
  if (begin.line != end.line) return fmt::format("{}:{}-{}: {}: {}", name, begin.line, end.line, severity, text);
  return fmt::format("{}:{}:{}-{}: {}: {}", name, begin.line, begin.column, end.column, severity, text);
}

std::string excerpt(const Sources& sources, Span span) {
  if (!span) return {};
  Position begin = sources.position(span.file, span.begin), end = sources.position(span.file, span.end);
  std::string out;
  for (uint32_t n = begin.line; n <= end.line; ++n) out += expand_tabs(sources.line(span.file, n)) + "\n";
  if (begin.line != end.line) return out;
  std::string_view line = sources.line(span.file, begin.line);
  size_t from = expand_tabs(line.substr(0, begin.column - 1)).size();
  std::string_view marked = begin.column - 1 < line.size() ? line.substr(begin.column - 1, end.column - begin.column) : "";
  return out + std::string(from, ' ') + std::string(expand_tabs(marked).size(), '~') + "\n";
}

}  // namespace

Diagnostic& Diagnostic::note(Span where, std::string message) {
  notes.push_back({where, std::move(message)});
  return *this;
}

Diagnostic& Diagnostic::hint(std::string message) {
  hints.push_back(std::move(message));
  return *this;
}

Diagnostic& Diagnostics::add(const DiagRow& row, Span span, std::string text) {
  std::vector<Span> calls;
  for (Span call = sources_->expanded_from(span); call; call = sources_->expanded_from(call)) calls.push_back(sources_->written(call));
  span = sources_->written(span);
  if (!seen_.emplace(&row, span.file, span.begin, span.end, text).second) {
    ignored_ = {};
    return ignored_;
  }
  if (row.severity == Severity::error) ++errors_;
  return list_.emplace_back(Diagnostic{&row, row.severity, span, std::move(text), {}, std::move(calls), {}});
}

std::string render_place(const Sources& sources, Span span, std::string_view severity, std::string_view text) {
  return place(sources, span, severity, text) + "\n" + excerpt(sources, span);
}

std::string render(const Diagnostics& diagnostics, const RenderOptions& options) {
  const Sources& sources = diagnostics.sources();
  std::string out;
  for (Severity severity : {Severity::error, Severity::warning}) {
    if (severity == Severity::warning && !options.warnings) continue;
    std::string_view on = !options.color ? "" : severity == Severity::error ? "\033[31m" : "\033[33m";
    std::string_view off = options.color ? "\033[0m" : "";
    std::string_view word = severity_names[static_cast<size_t>(severity)];
    for (const Diagnostic& d : diagnostics.all()) {
      if (d.severity != severity) continue;
      out += fmt::format("{}{}{}\n{}", on, place(sources, d.span, word, d.text), off, excerpt(sources, d.span));
      auto other = [&](Span span, std::string_view text) { out += fmt::format("{}{}{}\n{}", on, place(sources, span, word, text), off, excerpt(sources, span)); };
      for (const Note& note : d.notes) other(note.span, note.text);
      for (Span call : d.expanded_from) other(call, "expanded from");
      for (const std::string& hint : d.hints) out += fmt::format("HINT: {}\n", hint);
    }
  }
  return out;
}

namespace {

nlohmann::ordered_json json_place(const Sources& sources, Span span) {
  Position begin = sources.position(span.file, span.begin), end = sources.position(span.file, span.end);
  return {{"file", sources.file(span.file).name},
          {"start", {{"line", begin.line}, {"column", begin.column}}},
          {"end", {{"line", end.line}, {"column", end.column}}}};
}

}  // namespace

std::string render_json(const Diagnostics& diagnostics) {
  static constexpr std::array<std::string_view, 3> severities{"error", "warning", "note"};
  const Sources& sources = diagnostics.sources();
  std::string out;
  for (const Diagnostic& d : diagnostics.all()) {
    nlohmann::ordered_json object{{"id", d.row->name}, {"severity", severities[static_cast<size_t>(d.severity)]}, {"message", d.text}};
    if (d.span) object["span"] = json_place(sources, d.span);
    auto other = [&](Span span, std::string_view text) {
      nlohmann::ordered_json entry{{"message", text}};
      if (span) entry["span"] = json_place(sources, span);
      object["notes"].push_back(std::move(entry));
    };
    for (const Note& note : d.notes) other(note.span, note.text);
    for (Span call : d.expanded_from) other(call, "expanded from");
    if (!d.hints.empty()) object["hints"] = d.hints;
    out += object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }
  return out;
}

}  // namespace awl
