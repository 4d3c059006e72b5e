#pragma once
// The tokens of a script.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostics.h"

namespace awl {

enum class Tok : uint8_t {
#define T(name, text) name,
#include "lexer/token.def"
#undef T
};

struct Token {
  Tok kind = Tok::end;
  Span span;
  std::string text;    // names with their sigil, attach points and C text as written, strings with escapes resolved
  uint64_t value = 0;  // of integer and parameter ($# has 0)
};

struct TokenList {
  std::vector<Token> tokens;  // the last one is Tok::end
  std::vector<Span> comments; // those outside of C text
  bool cut_short = false;     // a string literal was not closed, so the end of input says nothing
};

// Cuts a file into tokens. What cannot be read is reported and becomes a token that stands in for it (0, or Tok::bad).
TokenList lex(const Sources& sources, uint32_t file, Diagnostics& diagnostics);

// The token as an error message calls it: "'{'", "integer".
std::string_view token_text(Tok kind);
// The token kind as it stands in token.def.
std::string_view token_name(Tok kind);

// One line per token: its name and, where it has one, its text (golden tests, `-d lex`).
std::string print_tokens(const TokenList& list);

// ---- literals, also used by tests -------------------------------------------------------------------------------

// The value of an integer literal as written (decimal, octal, hexadecimal, scientific, with a duration or C suffix). Mistakes are
// reported at `span`, the place of `text`, and give 0.
uint64_t parse_integer(std::string_view text, Span span, Diagnostics& diagnostics);
// The bytes of a string literal from what stands between its quotes; `span` is the place of `text`.
std::string parse_string(std::string_view text, Span span, Diagnostics& diagnostics);

}  // namespace awl
