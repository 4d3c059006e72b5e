#pragma once
// The state of one scan, used by scanner.l alone.
#include <new>

#include "base/diag/syntax.h"
#include "lexer/token.h"

namespace awl {

struct Scan {
  uint32_t file = 0;
  Diagnostics* diagnostics = nullptr;
  TokenList out;
  uint32_t begin = 0, end = 0;   // of the current match
  uint32_t depth = 0;            // open braces
  bool predicate = false;        // inside / /
  bool until_semicolon = false;  // the item is an import or a `load`
  bool map_declaration = false;  // the item is a `let @map`
  uint32_t c_begin = 0, c_end = 0;
  std::string_view source;

  void run(std::string_view text);  // in scanner.l

  void advance(uint32_t length) { begin = end, end += length; }
  void retreat(uint32_t length) { end -= length; }
  Span here() const { return {file, begin, end}; }
  void add(Tok kind) { out.tokens.push_back({kind, here(), {}, 0}); }
  void add(Tok kind, const char* text, int length) { out.tokens.push_back({kind, here(), std::string(text, static_cast<size_t>(length)), 0}); }
  void report(std::string_view message) { diagnostics->report<Diag::syntax>(here(), message); }

  void comment() { out.comments.push_back(here()); }
  void shebang(const char* text, int length) {
    if (begin == 0) add(Tok::shebang, text, length);
    else report("'#!' must be the first two characters of a script");
  }
  void word(const char* text, int length);
  void parameter(const char* text, int length);
  void integer(const char* text, int length);
  void string(const char* text, int length);
  void unterminated();  // the match is a string without its closing quote

  void open_brace();
  void close_brace();
  void open_body();  // the brace that starts a probe's body
  bool after_operand() const;
  bool ends_item();
  void start_c();
  void grow_c() { c_end = end; }
  void end_c();
};

}  // namespace awl
