#pragma once
// Mistakes in the user's program: collected while compilation goes on, shown with the source line underlined.
#include <fmt/format.h>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/source.h"

namespace awl {

enum class Severity : uint8_t { error, warning, note };

// A kind of diagnostic: D(id, severity, text) in one of the files diag/*.def, `Diag::id` in the header beside it. The text's placeholders are filled by
// the arguments of Diagnostics::report<Diag::id>(span, ...), checked when awl is compiled. Where bpftrace 0.27 has a message for the mistake, the text is
// the same. Each id is shown by a test in tests/golden. The rows stand in several files so that a new one does not rebuild everything.
struct DiagRow {
  std::string_view name;
  Severity severity;
  std::string_view text;
};

struct Note {
  Span span;
  std::string text;
};

struct Diagnostic {
  const DiagRow* row = nullptr;
  Severity severity = Severity::error;
  Span span;  // may be no place
  std::string text;
  std::vector<Note> notes;         // other places that matter, each with its line shown
  std::vector<Span> expanded_from; // the macro calls and imports that put `span`'s text where it is, the innermost first
  std::vector<std::string> hints;  // what to do

  Diagnostic& note(Span where, std::string message);
  Diagnostic& hint(std::string message);
};

class Diagnostics {
 public:
  explicit Diagnostics(const Sources& sources) : sources_(&sources) {}

  // The arguments must match the row's placeholders. The reference is valid until the next report. The same row at the same place with the same text is
  // reported once.
  template <const DiagRow& row, typename... Args>
  Diagnostic& report(Span span, Args&&... args) {
    return add(row, span, fmt::format(fmt::format_string<Args...>(row.text), std::forward<Args>(args)...));
  }

  bool has_errors() const { return errors_ != 0; }
  size_t error_count() const { return errors_; }
  const std::vector<Diagnostic>& all() const { return list_; }
  const Sources& sources() const { return *sources_; }

 private:
  Diagnostic& add(const DiagRow& row, Span span, std::string text);

  const Sources* sources_;
  std::vector<Diagnostic> list_;
  std::set<std::tuple<const DiagRow*, uint32_t, uint32_t, uint32_t, std::string>> seen_;
  Diagnostic ignored_;  // what a repeated report returns
  size_t errors_ = 0;
};

struct RenderOptions {
  bool color = false;
  bool warnings = true;
};

// The text of all diagnostics as the user sees it, errors before warnings:
//   FILE:LINE:COL-COL: ERROR: message
//   source line
//       ~~~~
//   HINT: text
// Columns are 1-based bytes, the second exclusive; a tab shows as four blanks; a span over several lines shows as
// FILE:LINE-LINE: with all lines and no underline.
std::string render(const Diagnostics& diagnostics, const RenderOptions& options);

// One place rendered as above, for run-time messages that point into the script.
std::string render_place(const Sources& sources, Span span, std::string_view severity, std::string_view text);

// One JSON object per diagnostic, newline separated (for editors and `awl check --json`): id, severity, message and, where there are any,
// span {file, start {line, column}, end {line, column}}, notes [{message, span}], hints [text]. Lines and columns as above.
std::string render_json(const Diagnostics& diagnostics);

}  // namespace awl
