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

enum class Diag : uint16_t {
#define D(id, severity, text) id,
#include "base/diag.def"
#undef D
};

namespace detail {
template <Diag>
struct DiagRow;
#define D(id, severity_, text_)                                  \
  template <>                                                    \
  struct DiagRow<Diag::id> {                                     \
    static constexpr Severity severity = Severity::severity_;    \
    static constexpr std::string_view text = text_;              \
  };
#include "base/diag.def"
#undef D
}  // namespace detail

struct Note {
  Span span;
  std::string text;
};

struct Diagnostic {
  Diag id{};
  Severity severity = Severity::error;
  Span span;  // may be no place
  std::string text;
  std::vector<Note> notes;         // other places that matter, each with its line shown
  std::vector<Span> expanded_from; // the macro calls and imports that put `span`'s text where it is, the innermost first
  std::vector<std::string> hints;  // what to do

  Diagnostic& note(Span where, std::string message);
  Diagnostic& hint(std::string message);
};

// The name of an id as it stands in diag.def.
std::string_view diag_name(Diag id);

class Diagnostics {
 public:
  explicit Diagnostics(const Sources& sources) : sources_(&sources) {}

  // Reports a row of diag.def. The arguments must match the row's placeholders. The reference is valid until the
  // next report. The same row at the same place with the same text is reported once.
  template <Diag id, typename... Args>
  Diagnostic& report(Span span, Args&&... args) {
    static constexpr std::string_view text = detail::DiagRow<id>::text;
    return add(id, detail::DiagRow<id>::severity, span, fmt::format(fmt::format_string<Args...>(text), std::forward<Args>(args)...));
  }

  bool has_errors() const { return errors_ != 0; }
  size_t error_count() const { return errors_; }
  const std::vector<Diagnostic>& all() const { return list_; }
  const Sources& sources() const { return *sources_; }

 private:
  Diagnostic& add(Diag id, Severity severity, Span span, std::string text);

  const Sources* sources_;
  std::vector<Diagnostic> list_;
  std::set<std::tuple<Diag, uint32_t, uint32_t, uint32_t, std::string>> seen_;
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
