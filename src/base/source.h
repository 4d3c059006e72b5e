#pragma once
// Source texts and places in them.
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace awl {

// A range of bytes in one source file: [begin, end). File 0 is "no place".
struct Span {
  uint32_t file = 0;
  uint32_t begin = 0;
  uint32_t end = 0;

  explicit operator bool() const { return file != 0; }
  bool operator==(const Span&) const = default;
};

// The smallest span that holds both; they must be of one file (else, or if one is empty, the first that is a place).
Span join(Span a, Span b);

struct Position {
  uint32_t line = 0;    // 1-based
  uint32_t column = 0;  // 1-based, in bytes
};

struct SourceFile {
  std::string name;  // as shown in diagnostics: a path as given, or "stdin"
  std::string text;
  std::vector<uint32_t> line_starts;
};

// All texts of one compilation. Files keep their address.
class Sources {
 public:
  // Takes a text in and returns its file number (1 or more).
  uint32_t add(std::string name, std::string text);
  const SourceFile& file(uint32_t number) const { return files_.at(written(number) - 1); }
  uint32_t count() const { return static_cast<uint32_t>(files_.size()); }

  // A further number for a file (or for such a number), for spans of text that a macro call at `from` put in its place: everything here reads
  // them as spans of the file, and expanded_from() tells the call.
  uint32_t expand(uint32_t number, Span from);
  // The span with the number that add() gave.
  Span written(Span span) const { return span ? Span{written(span.file), span.begin, span.end} : span; }
  // From here on the text of a file stands where it was imported.
  void imported(uint32_t number, Span from) { imports_[number] = from; }
  // The macro call or import that put this text where it is; no place if it stands there itself. That may be such text as well.
  Span expanded_from(Span span) const;

  std::string_view text(Span span) const;
  Position position(uint32_t file, uint32_t offset) const;
  // The text of a line (1-based) without its newline.
  std::string_view line(uint32_t file, uint32_t line) const;

 private:
  struct Expansion {
    uint32_t file;
    Span from;
  };
  static constexpr uint32_t first_expansion = 1u << 24;
  uint32_t written(uint32_t number) const { return number >= first_expansion ? expansions_.at(number - first_expansion).file : number; }

  std::deque<SourceFile> files_;
  std::vector<Expansion> expansions_;
  std::map<uint32_t, Span> imports_;
};

}  // namespace awl
