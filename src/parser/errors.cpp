// What a syntax error says.
#include "parser/build.h"

namespace awl::build {
namespace {

struct Expected {
  const std::vector<Tok>& kinds;
  bool has(Tok kind) const { return std::ranges::find(kinds, kind) != kinds.end(); }
};

// What the tokens before the mistake tell; empty if nothing.
std::string_view from_context(const Parse& parse, const Expected& expected) {
  Tok one = parse.before(1), two = parse.before(2), three = parse.before(3);
  if (one == Tok::kw_let && expected.has(Tok::variable)) return "expected variable after 'let'";
  if (one == Tok::kw_for || (one == Tok::open_paren && two == Tok::kw_for)) return "expected variable in for loop";
  if (one == Tok::colon && two == Tok::variable && (three == Tok::kw_for || (three == Tok::open_paren && parse.before(4) == Tok::kw_for)))
    return "expected map or range in for loop";
  if (one == Tok::dot || one == Tok::arrow) return "expected field name after '.'";
  if (one == Tok::kw_else) return "expected '{' or 'if' after 'else'";
  if (one == Tok::kw_import) return "expected string after 'import'";
  if (one == Tok::string && two == Tok::kw_import) return "expected ';' after import";
  if (one == Tok::kw_from) return "expected file name: a string, or a positional parameter such as $1";
  if (two == Tok::kw_from) return "expected ';' after load";
  if (one == Tok::open_paren && two == Tok::kw_pin) return "expected the name as a string: pin(\"name\")";
  if (expected.has(Tok::variable) && expected.has(Tok::map) && !expected.has(Tok::integer)) return "expected macro argument ($var, @map, or identifier)";
  if (expected.kinds.size() == 2 && expected.has(Tok::integer) && expected.has(Tok::close_paren)) return "expected positive integer for map declaration max entries";
  return {};
}

// What could stand here, the most likely first.
std::string_view from_expected(const Parse& parse, const Expected& expected) {
  bool at_end = parse.current().kind == Tok::end;
  if (at_end && expected.has(Tok::close_brace) && !expected.has(Tok::semicolon)) return "expected '}'";
  if (expected.has(Tok::integer) && expected.has(Tok::string) && expected.has(Tok::minus)) return "expected expression";
  if (expected.has(Tok::close_bracket) && expected.has(Tok::integer)) return "expected array size or ']'";
  for (Tok kind : {Tok::predicate_close, Tok::close_paren, Tok::close_bracket})
    if (expected.has(kind)) return token_text(kind);
  if (expected.has(Tok::semicolon)) return token_text(Tok::semicolon);
  for (Tok kind : {Tok::open_brace, Tok::colon, Tok::close_brace, Tok::assign, Tok::open_paren, Tok::comma, Tok::attach, Tok::map, Tok::variable, Tok::identifier})
    if (expected.has(kind)) return token_text(kind);
  return expected.kinds.empty() ? std::string_view("different input") : token_text(expected.kinds.front());
}

// The innermost '{' that is not closed before the end of the input, or null.
const Token* unclosed_brace(const Parse& parse) {
  const auto& tokens = parse.input.tokens;
  for (size_t i = tokens.size(); i-- > 0;) {
    bool opens = tokens[i].kind == Tok::open_brace || tokens[i].kind == Tok::expression_brace;
    if (opens && parse.input.partner[i] == i) return &tokens[i];
  }
  return nullptr;
}

}  // namespace

void Parse::syntax_error(const std::vector<Tok>& kinds) {
  const Token& token = current();
  if (token.kind == Tok::end && input.cut_short) return;
  if (token.kind == Tok::bad && token.text.empty()) return;  // the lexer has said what is wrong
  Expected expected{kinds};
  if (before(1) == Tok::kw_let && !expected.has(Tok::variable) && expected.has(Tok::map)) {
    error(input.tokens[next - 2].span, "root-level let statements need to be map declarations, e.g. let @a = hash(2);");
    return;
  }
  std::string message(from_context(*this, expected));
  if (message.empty()) {
    message = from_expected(*this, expected);
    if (!message.starts_with("expected")) message = "expected " + message;
  }
  Diagnostic& diagnostic = error(token.span, message);
  if (token.kind == Tok::end)
    if (const Token* open = unclosed_brace(*this)) diagnostic.note(open->span, "the '{' that is not closed");
  if (before(1) == Tok::attach && next >= 2) {
    const std::string& text = input.tokens[next - 2].text;
    if (text.starts_with(';')) diagnostic.hint("no ';' belongs between probes");
    else if (text.starts_with('}')) diagnostic.hint("this '}' closes nothing");
    else if (text == "typedef") diagnostic.hint("put a typedef into a header and #include it");
  }
}

}  // namespace awl::build
