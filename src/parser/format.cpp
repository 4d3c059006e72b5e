#include "parser/format.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "lexer/token.h"

namespace awl {
namespace {

using namespace ast;

// Binding strength as in the grammar: lower binds tighter.
enum Level : int { postfix_level = 1, unary_level = 2, ternary_level = 13 };

int level(BinaryOp op) {
  static constexpr int levels[] = {3, 3, 3, 4, 4, 5, 5, 6, 6, 6, 6, 7, 7, 8, 9, 10, 11, 12};
  return levels[static_cast<size_t>(op)];
}

int level(const Expr& e) {
  if (const auto* b = std::get_if<Binary>(&e.node)) return level(b->op);
  if (std::holds_alternative<Ternary>(e.node)) return ternary_level;
  if (std::holds_alternative<Unary>(e.node) || std::holds_alternative<Cast>(e.node)) return unary_level;
  if (const auto* i = std::get_if<IncDec>(&e.node); i && i->prefix) return unary_level;
  return postfix_level;
}

std::string_view trim(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t\r\n\f\v");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n\f\v") - begin + 1);
}

class Formatter {
 public:
  Formatter(const Sources& sources, const Script& script) : sources_(sources), script_(script), text_(sources.file(script.file).text) {
    Sources own;
    Diagnostics ignored(own);
    comments_ = lex(own, own.add("", text_), ignored).comments;
  }

  std::string run() {
    struct Item {
      Span span;
      std::function<void()> write;
    };
    std::vector<Item> items;
    for (const auto& c : script_.c_definitions) items.push_back({c.span, [&] { verbatim(c); }});
    if (script_.config_span) items.push_back({script_.config_span, [&] { config(); }});
    for (const auto& i : script_.imports) items.push_back({i.span, [&] { out_ += fmt::format("import {};\n", import_text(i)); }});
    for (const auto& m : script_.maps) items.push_back({m.span, [&] { out_ += fmt::format("let {} = {}({}){};\n", m.name, m.map_type, m.max_entries ? std::to_string(m.max_entries) : "", m.pin_span ? fmt::format(" pin({})", sources_.text(m.pin_span)) : ""); }});
    for (const auto& l : script_.loads) items.push_back({l.span, [&] { out_ += fmt::format("load {} from {};\n", l.name, sources_.text(l.path_span)); }});
    for (const auto& m : script_.macros) items.push_back({m.span, [&] { macro(m); }});
    for (const auto& f : script_.functions) items.push_back({f.span, [&] { function(f); }});
    for (const auto& p : script_.probes) items.push_back({p.span, [&] { probe(p); }});
    std::ranges::sort(items, {}, [](const Item& i) { return i.span.begin; });

    if (!script_.shebang.empty()) {
      out_ += script_.shebang + "\n";
      last_ = static_cast<uint32_t>(script_.shebang.size());
    }
    for (const Item& item : items) {
      before(item.span.begin);
      item.write();
      last_ = std::max(last_, item.span.end);
    }
    comments_until(static_cast<uint32_t>(text_.size()));
    return std::move(out_);
  }

 private:
  // ---- lines, empty lines and comments ----

  void indent() { out_.append(2 * depth_, ' '); }

  // One empty line if the source has one between what was written last and `begin`.
  void empty_line(uint32_t begin) {
    if (out_.empty() || out_.ends_with("{\n") || begin <= last_) return;
    std::string_view gap = std::string_view(text_).substr(last_, begin - last_);
    size_t first = gap.find('\n');
    if (first == std::string_view::npos) return;
    size_t second = gap.find_first_not_of(" \t\r", first + 1);
    if (second != std::string_view::npos && gap[second] == '\n') out_ += "\n";
  }

  void comment(std::string_view text) {
    if (text.starts_with("//")) {
      indent();
      out_ += std::string(text.substr(0, text.find_last_not_of(" \t\r") + 1)) + "\n";
      return;
    }
    text.remove_prefix(2);
    if (text.ends_with("*/")) text.remove_suffix(2);
    std::vector<std::string_view> lines;
    while (true) {
      size_t end = text.find('\n');
      std::string_view line = trim(text.substr(0, end));
      if (line.starts_with('*')) line = trim(line.substr(line.find_first_not_of('*') == std::string_view::npos ? line.size() : line.find_first_not_of('*')));
      lines.push_back(line);
      if (end == std::string_view::npos) break;
      text.remove_prefix(end + 1);
    }
    while (!lines.empty() && lines.back().empty()) lines.pop_back();
    while (lines.size() > 1 && lines.front().empty()) lines.erase(lines.begin());
    for (std::string_view line : lines) {
      indent();
      out_ += line.empty() ? "//\n" : fmt::format("// {}\n", line);
    }
  }

  void comments_until(uint32_t position) {
    for (; next_comment_ < comments_.size() && comments_[next_comment_].begin < position; ++next_comment_) {
      Span span = comments_[next_comment_];
      empty_line(span.begin);
      comment(std::string_view(text_).substr(span.begin, span.end - span.begin));
      last_ = std::max(last_, span.end);
    }
  }

  void before(uint32_t position) {
    comments_until(position);
    empty_line(position);
  }

  // ---- items ----

  void verbatim(const CDefinition& c) {
    out_ += c.text;
    if (!c.text.ends_with('\n')) out_ += "\n";
    while (next_comment_ < comments_.size() && comments_[next_comment_].begin < c.span.end) ++next_comment_;
  }

  std::string import_text(const Import& import) {
    std::string_view source = sources_.text(import.span);
    size_t open = source.find('"'), close = source.rfind('"');
    return std::string(source.substr(open, close - open + 1));
  }

  void config() {
    out_ += "config = {\n";
    ++depth_;
    for (const ConfigItem& item : script_.config) {
      before(item.name_span.begin);
      indent();
      out_ += fmt::format("{} = {};\n", item.name, sources_.text(item.value_span));
      last_ = item.value_span.end;
    }
    comments_until(script_.config_span.end);
    --depth_;
    out_ += "}\n";
  }

  void probe(const Probe& p) {
    if (!p.name.empty()) out_ += p.name + "=";
    for (size_t i = 0; i < p.attach_points.size(); ++i) out_ += (!i ? "" : p.attach_points[i].alternative ? " else " : ",\n") + p.attach_points[i].text;
    if (p.predicate) {
      out_ += "\n/";
      // A predicate that starts with '*' would make a comment.
      std::string predicate = captured([&] { expr(*p.predicate, ternary_level); });
      out_ += (predicate.starts_with('*') ? " " : "") + predicate + "/";
    }
    out_ += "\n";
    last_ = std::max(last_, p.body.span.begin);
    braces(p.body.statements, nullptr, p.body.span.end);
    out_ += "\n";
  }

  void macro(const Macro& m) {
    out_ += "macro " + m.name + "(";
    for (size_t i = 0; i < m.parameters.size(); ++i) out_ += (i ? ", " : "") + m.parameters[i].name;
    out_ += ")\n";
    last_ = std::max(last_, m.name_span.end);
    braces(m.body.statements, m.body.value.get(), m.span.end, m.body.open);
    out_ += "\n";
  }

  void function(const Function& f) {
    out_ += "fn " + f.name + "(";
    for (size_t i = 0; i < f.parameters.size(); ++i) {
      out_ += (i ? ", " : "") + f.parameters[i].name + " : ";
      type(f.parameters[i].type);
    }
    out_ += ")";
    if (f.result) {
      out_ += " : ";
      type(*f.result);
    }
    out_ += "\n";
    last_ = std::max(last_, f.body.span.begin);
    braces(f.body.statements, nullptr, f.body.span.end);
    out_ += "\n";
  }

  // ---- statements ----

  // { statements value }; `end` is behind the closing brace in the source; `gives`: without a value, the last statement, a compound one, may give the block's
  // value. Leaves the line open.
  void braces(const std::vector<StmtPtr>& statements, const Expr* value, uint32_t end, bool gives = false) {
    out_ += "{";
    bool any_comment = next_comment_ < comments_.size() && comments_[next_comment_].begin < end;
    if (statements.empty() && !value && !any_comment) {
      out_ += "}";
      return;
    }
    out_ += "\n";
    ++depth_;
    for (const StmtPtr& s : statements) statement(*s, gives && !value && s == statements.back());
    if (value) {
      before(value->span.begin);
      indent();
      std::string text = captured([&] { expr(*value, ternary_level); });
      out_ += text.starts_with('{') ? "(" + text + ")\n" : text + "\n";
      last_ = std::max(last_, value->span.end);
    }
    comments_until(end);
    --depth_;
    indent();
    out_ += "}";
    last_ = std::max(last_, end);
  }

  void block(const Block& b, bool gives = false) {
    last_ = std::max(last_, b.span.begin);
    braces(b.statements, nullptr, b.span.end, gives && b.open);
  }

  // `gives`: in the place of a block's value, where a ';' would take it away.
  void statement(const Stmt& s, bool gives = false) {
    before(s.span.begin);
    indent();
    bool outer = std::exchange(gives_, gives);
    bool compound = std::visit([&](const auto& n) { return write(n); }, s.node);
    gives_ = outer;
    out_ += compound || (gives && std::holds_alternative<ExprStmt>(s.node)) ? "\n" : ";\n";
    last_ = std::max(last_, s.span.end);
  }

  // What is in front of a block: parentheses where the peer's grammar wants them.
  void head(const Expr& e) {
    std::string text = captured([&] { expr(e, ternary_level); });
    bool plain = level(e) <= unary_level && !text.starts_with('{');
    out_ += plain ? text : "(" + text + ")";
  }

  // Writes a statement without its ';'; true if it needs none.
  bool write(const ExprStmt& n) {
    const auto* t = std::get_if<Ternary>(&n.value->node);
    // A statement that starts with a comparison is not one for bpftrace.
    bool wrap = t && level(*t->condition) > unary_level;
    std::string text = captured([&] {
      if (!wrap) return expr(*n.value, ternary_level);
      out_ += "(";
      expr(*t->condition, ternary_level);
      out_ += ")";
      branches(*t);
    });
    out_ += text.starts_with('{') ? "(" + text + ")" : text;
    return false;
  }
  bool write(const Discard& n) {
    out_ += "_ = ";
    expr(*n.value, ternary_level);
    return false;
  }
  bool write(const Assign& n) {
    expr(*n.target, ternary_level);
    out_ += n.op ? fmt::format(" {}= ", spelling(*n.op)) : " = ";
    expr(*n.value, ternary_level);
    return false;
  }
  bool write(const Let& n) {
    out_ += "let " + n.name;
    if (n.type) {
      out_ += " : ";
      type(*n.type);
    }
    if (n.value) {
      out_ += " = ";
      expr(*n.value, ternary_level);
    }
    return false;
  }
  bool write(const If& n) {
    const If* current = &n;
    bool gives = gives_ && n.no;
    for (;;) {
      out_ += current->comptime ? "if comptime " : "if ";
      head(*current->condition);
      out_ += " ";
      block(current->yes, gives);
      if (!current->no) return true;
      out_ += " else ";
      const auto& other = current->no->statements;
      const If* nested = other.size() == 1 && other[0]->span == current->no->span ? std::get_if<If>(&other[0]->node) : nullptr;
      if (!nested) break;
      current = nested;
    }
    block(*current->no, gives);
    return true;
  }
  bool write(const ForMap& n) {
    out_ += "for " + n.variable + " : ";
    expr(*n.map, postfix_level);
    out_ += " ";
    block(n.body);
    return true;
  }
  bool write(const ForRange& n) {
    out_ += "for " + n.variable + " : ";
    bound(*n.from);
    out_ += "..";
    bound(*n.to);
    out_ += " ";
    block(n.body);
    return true;
  }
  void bound(const Expr& e) {
    std::string text = captured([&] { expr(e, ternary_level); });
    out_ += level(e) > postfix_level || text.starts_with('{') ? "(" + text + ")" : text;
  }
  bool write(const While& n) {
    out_ += "while ";
    head(*n.condition);
    out_ += " ";
    block(n.body);
    return true;
  }
  bool write(const Unroll& n) {
    out_ += "unroll (";
    expr(*n.count, ternary_level);
    out_ += ") ";
    block(n.body);
    return true;
  }
  bool write(const Break&) { return out_ += "break", false; }
  bool write(const Continue&) { return out_ += "continue", false; }
  bool write(const Return& n) {
    out_ += "return";
    if (n.value) {
      out_ += " ";
      expr(*n.value, ternary_level);
    }
    return false;
  }
  bool write(const Block& n) { return block(n, gives_), true; }

  // ---- expressions ----

  template <typename F>
  std::string captured(F&& f) {
    size_t before = out_.size();
    f();
    std::string text = out_.substr(before);
    out_.resize(before);
    return text;
  }

  // Whether parentheses stand around the expression in the source.
  bool parenthesised(const Expr& e) const {
    size_t begin = e.span.begin, end = e.span.end;
    while (begin > 0 && std::isspace(static_cast<unsigned char>(text_[begin - 1]))) --begin;
    while (end < text_.size() && std::isspace(static_cast<unsigned char>(text_[end]))) ++end;
    return begin > 0 && text_[begin - 1] == '(' && end < text_.size() && text_[end] == ')';
  }

  // An expression where one of at most level `allowed` can stand.
  void expr(const Expr& e, int allowed) {
    bool parens = (e.comptime ? unary_level : level(e)) > allowed;
    if (parens) out_ += "(";
    if (e.comptime) {
      bool inner = level(e) > unary_level;
      out_ += inner ? "comptime (" : "comptime ";
      std::visit([&](const auto& n) { term(e, n); }, e.node);
      if (inner) out_ += ")";
    } else {
      std::visit([&](const auto& n) { term(e, n); }, e.node);
    }
    if (parens) out_ += ")";
  }
  // The same for an operand, whose parentheses the reader may want to keep.
  void operand(const Expr& e, int allowed) { expr(e, !e.comptime && level(e) > unary_level && parenthesised(e) ? 0 : allowed); }

  void list(const std::vector<ExprPtr>& es) {
    for (size_t i = 0; i < es.size(); ++i) {
      if (i) out_ += ", ";
      expr(*es[i], ternary_level);
    }
  }

  void type(const TypeName& t) {
    if (t.of) {
      out_ += "typeof(";
      question(*t.of);
      out_ += ")";
    } else {
      out_ += t.name;
    }
    for (const TypeSuffix& s : t.suffixes) out_ += s.kind == TypeSuffix::pointer ? "*" : s.count ? fmt::format("[{}]", *s.count) : "[]";
  }

  // The operand of sizeof and the like, where a bare name or `name[1]` would be a type.
  void question(const Expr& e) {
    const Expr* root = &e;
    while (const auto* index = std::get_if<Index>(&root->node)) root = index->object.get();
    bool name = std::holds_alternative<Identifier>(root->node);
    bool parens = name && (root != &e || parenthesised(e));
    if (parens && root == &e) {
      // `sizeof(pid)`: the parentheses seen are those of sizeof itself, unless there are two.
      Expr outer{e.span, Boolean{}, nullptr};
      size_t begin = e.span.begin, end = e.span.end;
      while (begin > 0 && std::isspace(static_cast<unsigned char>(text_[begin - 1]))) --begin;
      while (end < text_.size() && std::isspace(static_cast<unsigned char>(text_[end]))) ++end;
      outer.span.begin = static_cast<uint32_t>(begin - 1), outer.span.end = static_cast<uint32_t>(end + 1);
      parens = parenthesised(outer);
    }
    if (parens) out_ += "(";
    expr(e, ternary_level);
    if (parens) out_ += ")";
  }
  void question(const std::optional<TypeName>& t, const ExprPtr& e) {
    if (t) type(*t);
    else question(*e);
  }

  void term(const Expr& e, const Integer&) { out_ += sources_.text(e.span); }
  void term(const Expr& e, const String&) { out_ += sources_.text(e.span); }
  void term(const Expr&, const Boolean& n) { out_ += n.value ? "true" : "false"; }
  void term(const Expr&, const Identifier& n) { out_ += n.name; }
  void term(const Expr&, const Variable& n) { out_ += n.name; }
  void term(const Expr&, const Parameter& n) { out_ += n.index == 0 ? "$#" : fmt::format("${}", n.index); }
  void term(const Expr&, const MapRef& n) {
    out_ += n.name;
    if (!n.keyed) return;
    out_ += "[";
    list(n.keys);
    out_ += "]";
  }
  void term(const Expr&, const Call& n) {
    out_ += n.name + "(";
    list(n.args);
    out_ += ")";
  }
  void term(const Expr&, const Unary& n) {
    std::string inner = captured([&] { operand(*n.operand, unary_level); });
    std::string_view op = spelling(n.op);
    out_ += op;
    if (inner.starts_with(op) && (op == "-" || op == "&")) out_ += " ";
    out_ += inner;
  }
  void term(const Expr&, const IncDec& n) {
    std::string_view op = n.increment ? "++" : "--";
    if (n.prefix) out_ += op;
    expr(*n.target, postfix_level);
    if (!n.prefix) out_ += op;
  }
  void term(const Expr&, const Binary& n) {
    operand(*n.left, level(n.op));
    out_ += fmt::format(" {} ", spelling(n.op));
    // In a predicate `/ {` would end it.
    operand(*n.right, n.op == BinaryOp::divide && std::holds_alternative<BlockExpr>(n.right->node) ? 0 : level(n.op) - 1);
  }
  void term(const Expr&, const Ternary& n) {
    operand(*n.condition, ternary_level - 1);
    branches(n);
  }
  void branches(const Ternary& n) {
    if (n.yes) {
      out_ += " ? ";
      operand(*n.yes, ternary_level);
      out_ += " : ";
    } else {
      out_ += " ?: ";
    }
    operand(*n.no, ternary_level);
  }
  void term(const Expr&, const Cast& n) {
    out_ += "(";
    type(n.to);
    out_ += ")";
    operand(*n.operand, unary_level);
  }
  void term(const Expr&, const Field& n) {
    expr(*n.object, postfix_level);
    out_ += "." + n.name;
  }
  void term(const Expr&, const TupleField& n) {
    expr(*n.object, postfix_level);
    out_ += fmt::format(".{}", n.index);
  }
  void term(const Expr&, const Index& n) {
    expr(*n.object, postfix_level);
    out_ += "[";
    expr(*n.index, ternary_level);
    if (n.length) {
      out_ += ":";
      expr(*n.length, ternary_level);
    }
    out_ += "]";
  }
  void term(const Expr&, const Tuple& n) {
    out_ += "(";
    list(n.elements);
    out_ += n.elements.size() == 1 ? ",)" : ")";
  }
  // Named arguments of a call are a record without parentheses.
  void term(const Expr& e, const Record& n) {
    const bool bare = !sources_.text(e.span).starts_with('(');
    if (!bare) out_ += "(";
    for (size_t i = 0; i < n.fields.size(); ++i) {
      out_ += (i ? ", " : "") + n.fields[i].name + "=";
      expr(*n.fields[i].value, ternary_level);
    }
    if (!bare) out_ += ")";
  }
  void term(const Expr&, const SizeOf& n) {
    out_ += "sizeof(";
    question(n.type, n.operand);
    out_ += ")";
  }
  void term(const Expr&, const TypeInfo& n) {
    out_ += "typeinfo(";
    question(n.type, n.operand);
    out_ += ")";
  }
  void term(const Expr&, const OffsetOf& n) {
    out_ += "offsetof(";
    question(n.type, n.operand);
    for (size_t i = 0; i < n.path.size(); ++i) out_ += (i ? "." : ", ") + n.path[i];
    out_ += ")";
  }
  void term(const Expr&, const TypeOf& n) {
    out_ += "typeof(";
    if (n.type.of && n.type.suffixes.empty()) question(*n.type.of);
    else type(n.type);
    out_ += ")";
  }
  void term(const Expr& e, const BlockExpr& n) {
    const If* branch = n.statements.size() == 1 && !n.value ? std::get_if<If>(&n.statements[0]->node) : nullptr;
    if (!branch || text_[e.span.begin] == '{') return braces(n.statements, n.value.get(), e.span.end, n.open);
    bool outer = std::exchange(gives_, true);
    write(*branch);
    gives_ = outer;
  }

  const Sources& sources_;
  const Script& script_;
  const std::string& text_;
  std::vector<Span> comments_;
  size_t next_comment_ = 0;
  std::string out_;
  size_t depth_ = 0;
  bool gives_ = false;
  uint32_t last_ = 0;  // end in the source of what was written last
};

}  // namespace

std::string format(const Sources& sources, const Script& script) { return Formatter(sources, script).run(); }

}  // namespace awl
