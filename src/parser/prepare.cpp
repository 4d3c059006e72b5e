#include "parser/prepare.h"

namespace awl {
namespace {

bool is_keyword(Tok kind) { return kind >= Tok::kw_config && kind <= Tok::kw_enum; }
bool is_tagged(Tok kind) { return kind == Tok::kw_struct || kind == Tok::kw_union || kind == Tok::kw_enum; }
bool takes_type(Tok kind) { return kind == Tok::kw_sizeof || kind == Tok::kw_offsetof || kind == Tok::kw_typeof || kind == Tok::kw_typeinfo; }

class Preparer {
 public:
  Preparer(PreparedTokens& out, IsBuiltin is_builtin) : out_(out), t_(out.tokens), is_builtin_(is_builtin) {}

  void run() {
    split_pointers();
    for (size_t i = 0; i < t_.size(); ++i) {
      Tok kind = t_[i].kind;
      if (is_keyword(kind)) keyword(i);
      else if (kind == Tok::open_bracket && before(i, 1) == Tok::map) t_[i].kind = Tok::key_open;
      else if (kind == Tok::open_paren) paren(i);
      else if (kind == Tok::identifier && before(i, 1) == Tok::map && before(i, 2) == Tok::kw_load && t_[i].text == "from") t_[i].kind = Tok::kw_from;
    }
    braces();
  }

 private:
  Tok at(size_t i) const { return i < t_.size() ? t_[i].kind : Tok::end; }
  Tok before(size_t i, size_t n) const { return i >= n ? t_[i - n].kind : Tok::end; }

  // `let $x: uint64*=1`: the '*' belongs to the type.
  void split_pointers() {
    std::vector<size_t> places;
    for (size_t i = 0; i + 3 < t_.size(); ++i) {
      if (t_[i].kind != Tok::kw_let || t_[i + 1].kind != Tok::variable || t_[i + 2].kind != Tok::colon) continue;
      size_t end = i + 3;
      if (is_tagged(at(end))) ++end;
      if (at(end) == Tok::kw_typeof) end = skip_parens(end + 1);
      else if (at(end) == Tok::identifier) ++end;
      else continue;
      while (at(end) == Tok::star) ++end;
      if (at(end) == Tok::assign_multiply) places.push_back(end);
    }
    for (auto place = places.rbegin(); place != places.rend(); ++place) {
      Token rest = t_[*place];
      t_[*place].kind = Tok::star;
      t_[*place].span.end = rest.span.begin + 1;
      rest.kind = Tok::assign;
      ++rest.span.begin;
      t_.insert(t_.begin() + static_cast<ptrdiff_t>(*place) + 1, std::move(rest));
    }
  }

  void keyword(size_t i) {
    Tok previous = before(i, 1), next = at(i + 1);
    bool field = previous == Tok::dot || previous == Tok::arrow;
    bool record = (previous == Tok::open_paren || previous == Tok::comma) && next == Tok::assign;
    bool path = previous == Tok::comma && (next == Tok::close_paren || next == Tok::dot) && t_[i].kind != Tok::kw_true && t_[i].kind != Tok::kw_false;
    if (field || record || path || is_tagged(previous)) t_[i].kind = Tok::identifier;
    else if (t_[i].kind == Tok::kw_comptime && previous != Tok::kw_if) t_[i].kind = Tok::comptime_value;
  }

  // The index after the closing partner of the parenthesis at `i`, or the end. Gives up after `reach` tokens, so that the whole stays linear.
  size_t skip_parens(size_t i) const {
    constexpr size_t reach = 400;
    size_t depth = 0;
    for (size_t last = i + reach; i < t_.size() && i < last; ++i) {
      if (t_[i].kind == Tok::open_paren) ++depth;
      else if (t_[i].kind == Tok::close_paren && --depth == 0) return i + 1;
      else if (t_[i].kind == Tok::semicolon || t_[i].kind == Tok::open_brace) break;
    }
    return t_.size();
  }

  struct TypeScan {
    size_t end = 0;  // index after the type; 0: no type
    bool certain = false;
    bool named = false;  // a bare identifier, possibly with [n]
    bool suffixed = false;
    bool builtin = false;
  };
  TypeScan scan_type(size_t i) const {
    TypeScan scan;
    if (is_tagged(at(i)) && (at(i + 1) == Tok::identifier || is_keyword(at(i + 1)))) {
      scan.certain = true;
      i += 2;
    } else if (at(i) == Tok::identifier) {
      scan.named = true;
      scan.builtin = is_builtin_ && is_builtin_(t_[i].text);
      ++i;
    } else if (at(i) == Tok::kw_typeof && at(i + 1) == Tok::open_paren) {
      i = skip_parens(i + 1);
    } else {
      return scan;
    }
    for (;;) {
      if (at(i) == Tok::star) scan.certain = true, ++i;
      else if (at(i) == Tok::open_bracket && at(i + 1) == Tok::close_bracket) scan.certain = true, i += 2;
      else if (at(i) == Tok::open_bracket && at(i + 1) == Tok::integer && at(i + 2) == Tok::close_bracket) scan.suffixed = true, i += 3;
      else break;
    }
    scan.end = i;
    return scan;
  }

  bool starts_expression(size_t i) const {
    switch (at(i)) {
      case Tok::increment:
      case Tok::decrement: return at(i + 1) == Tok::variable || at(i + 1) == Tok::map;
      case Tok::integer:
      case Tok::string:
      case Tok::identifier:
      case Tok::variable:
      case Tok::map:
      case Tok::parameter:
      case Tok::kw_true:
      case Tok::kw_false:
      case Tok::kw_sizeof:
      case Tok::kw_offsetof:
      case Tok::kw_typeof:
      case Tok::kw_typeinfo:
      case Tok::open_paren:
      case Tok::minus:
      case Tok::exclamation:
      case Tok::tilde:
      case Tok::star:
      case Tok::ampersand: return true;
      default: return false;
    }
  }

  void paren(size_t i) {
    Tok previous = before(i, 1);
    if (takes_type(previous)) {
      TypeScan scan = scan_type(i + 1);
      bool bare_builtin = scan.named && scan.builtin && !scan.certain && !scan.suffixed;
      bool ends = at(scan.end) == Tok::close_paren || (previous == Tok::kw_offsetof && at(scan.end) == Tok::comma);
      if (scan.end != 0 && ends && !bare_builtin) t_[i].kind = Tok::type_open;
      return;
    }
    if (previous == Tok::identifier || previous == Tok::kw_for) return;
    TypeScan scan = scan_type(i + 1);
    if (scan.end == 0 || at(scan.end) != Tok::close_paren) return;
    if (scan.certain || (!scan.builtin && starts_expression(scan.end + 1))) t_[i].kind = Tok::cast_open;
  }

  // Whether a '{' after token `i - 1` stands where an operand must come.
  bool operand_position(size_t i) const {
    Tok previous = before(i, 1);
    if (previous == Tok::comma && before(i, 2) == Tok::attach) return false;
    if (previous == Tok::assign && before(i, 2) == Tok::kw_config) return false;
    if (previous == Tok::colon && before(i, 2) == Tok::variable && (before(i, 3) == Tok::kw_for || before(i, 4) == Tok::kw_for)) return false;
    switch (previous) {
      case Tok::open_paren:
      case Tok::open_bracket:
      case Tok::key_open:
      case Tok::comma:
      case Tok::colon:
      case Tok::question:
      case Tok::predicate_open:
      case Tok::kw_return:
      case Tok::comptime_value: return true;
      default: return previous >= Tok::assign && previous <= Tok::tilde && previous != Tok::increment && previous != Tok::decrement;
    }
  }

  void braces() {
    out_.partner.resize(t_.size());
    std::vector<uint32_t> open;
    for (uint32_t i = 0; i < t_.size(); ++i) {
      out_.partner[i] = i;
      if (t_[i].kind == Tok::open_brace) {
        open.push_back(i);
        if (operand_position(i)) t_[i].kind = Tok::expression_brace;
      } else if (t_[i].kind == Tok::close_brace && !open.empty()) {
        out_.partner[i] = open.back();
        out_.partner[open.back()] = i;
        open.pop_back();
      } else if (t_[i].kind == Tok::attach) {
        open.clear();
      }
    }
  }

  PreparedTokens& out_;
  std::vector<Token>& t_;
  IsBuiltin is_builtin_;
};

}  // namespace

PreparedTokens prepare(TokenList list, IsBuiltin is_builtin) {
  PreparedTokens out{std::move(list.tokens), {}, list.cut_short};
  Preparer(out, is_builtin).run();
  return out;
}

}  // namespace awl
