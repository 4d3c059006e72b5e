#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/diag/syntax.h"
#include "lexer/scan.h"

namespace awl {
namespace {

constexpr std::string_view texts[] = {
#define T(name, text) text,
#include "lexer/token.def"
#undef T
};
constexpr std::string_view names[] = {
#define T(name, text) #name,
#include "lexer/token.def"
#undef T
};

constexpr std::pair<std::string_view, Tok> keywords[] = {
    {"break", Tok::kw_break},       {"comptime", Tok::kw_comptime}, {"config", Tok::kw_config},     {"continue", Tok::kw_continue},
    {"else", Tok::kw_else},         {"enum", Tok::kw_enum},         {"false", Tok::kw_false},       {"for", Tok::kw_for},
    {"if", Tok::kw_if},             {"import", Tok::kw_import},     {"let", Tok::kw_let},           {"macro", Tok::kw_macro},
    {"offsetof", Tok::kw_offsetof}, {"return", Tok::kw_return},     {"sizeof", Tok::kw_sizeof},     {"struct", Tok::kw_struct},
    {"true", Tok::kw_true},         {"typeinfo", Tok::kw_typeinfo}, {"typeof", Tok::kw_typeof},     {"union", Tok::kw_union},
    {"unroll", Tok::kw_unroll},     {"while", Tok::kw_while},
};

}  // namespace

std::string_view token_text(Tok kind) { return texts[static_cast<size_t>(kind)]; }
std::string_view token_name(Tok kind) { return names[static_cast<size_t>(kind)]; }

void Scan::word(const char* text, int length) {
  std::string_view word(text, static_cast<size_t>(length));
  auto it = std::ranges::find(keywords, word, &std::pair<std::string_view, Tok>::first);
  add(it == std::end(keywords) ? Tok::identifier : it->second, text, length);
}

void Scan::parameter(const char* text, int length) {
  std::string_view digits(text + 1, static_cast<size_t>(length) - 1);
  uint64_t value = 0;
  for (char c : digits) {
    if (value > std::numeric_limits<uint32_t>::max()) break;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  if (value == 0 || value > std::numeric_limits<uint32_t>::max()) {
    report(fmt::format("param {} is out of integer range [1, {}]", std::string_view(text, static_cast<size_t>(length)),
                       value == 0 ? std::numeric_limits<int64_t>::max() : int64_t{std::numeric_limits<uint32_t>::max()}));
    value = 1;
  }
  add(Tok::parameter, text, length);
  out.tokens.back().value = value;
}

void Scan::integer(const char* text, int length) {
  add(Tok::integer, text, length);
  out.tokens.back().value = parse_integer(out.tokens.back().text, here(), *diagnostics);
}

void Scan::string(const char* text, int length) {
  add(Tok::string);
  out.tokens.back().text =
      parse_string(std::string_view(text + 1, static_cast<size_t>(length) - 2), {file, begin + 1, end - 1}, *diagnostics);
}

void Scan::unterminated() {
  size_t quote = source.find('"', begin);
  uint32_t at = static_cast<uint32_t>(quote == std::string_view::npos ? begin : quote);
  diagnostics->report<Diag::syntax>(Span{file, end, end}, "unterminated string").note({file, at, at + 1}, "the string starts here");
  out.cut_short = true;
}

void Scan::open_brace() {
  ++depth;
  add(Tok::open_brace);
}

void Scan::open_body() {
  predicate = false;
  open_brace();
}

void Scan::close_brace() {
  if (depth > 0) --depth;
  add(Tok::close_brace);
  if (depth == 0 && !predicate) until_semicolon = map_declaration = false;
}

bool Scan::after_operand() const {
  switch (out.tokens.back().kind) {
    case Tok::identifier:
    case Tok::variable:
    case Tok::map:
    case Tok::parameter:
    case Tok::integer:
    case Tok::string:
    case Tok::kw_true:
    case Tok::kw_false:
    case Tok::close_paren:
    case Tok::close_bracket:
    case Tok::close_brace: return true;
    default: return false;
  }
}

bool Scan::ends_item() {
  bool ends = until_semicolon || map_declaration;
  until_semicolon = map_declaration = false;
  return ends;
}

void Scan::start_c() {
  c_begin = begin, c_end = end;
  depth = 1;
}

void Scan::end_c() {
  std::string_view text = source.substr(c_begin, c_end - c_begin);
  out.tokens.push_back({Tok::c_text, {file, c_begin, c_end}, std::string(text), 0});
  if (depth == 0) return;
  diagnostics->report<Diag::syntax>(Span{file, c_end, c_end}, "expected '}'").note({file, c_begin, c_begin + 1}, "the definition starts here");
  out.cut_short = true;
}

TokenList lex(const Sources& sources, uint32_t file, Diagnostics& diagnostics) {
  const std::string& text = sources.file(file).text;
  Scan scan;
  scan.file = file;
  scan.diagnostics = &diagnostics;
  scan.source = text;
  // Offsets are 32 bits wide, and no script comes near this.
  if (text.size() > std::numeric_limits<int32_t>::max() / 2) diagnostics.report<Diag::syntax>(Span{file, 0, 0}, "the file is larger than 1 GiB");
  else scan.run(text);
  uint32_t end = scan.end;
  scan.out.tokens.push_back({Tok::end, {file, end, end}, {}, 0});
  return std::move(scan.out);
}

std::string print_tokens(const TokenList& list) {
  std::string out;
  for (const Token& t : list.tokens) {
    out += token_name(t.kind);
    if (t.kind == Tok::integer) out += fmt::format(" {}", t.value);
    else if (t.kind == Tok::string) out += fmt::format(" {:?}", t.text);
    else if (!t.text.empty()) out += fmt::format(" {}", t.text);
    out += '\n';
  }
  return out;
}

}  // namespace awl
