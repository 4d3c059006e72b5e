#include <fmt/format.h>
#include <fmt/ranges.h>

#include "parser/parse.h"

namespace awl {
namespace {

using namespace ast;

// A string literal as it would be written.
std::string quote(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\', out += c;
    else if (c == '\n') out += "\\n";
    else if (c == '\t') out += "\\t";
    else if (c == '\r') out += "\\r";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) out += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
    else out += c;
  }
  return out + "\"";
}

class Printer {
 public:
  std::string out;

  void line(std::string_view text) {
    out.append(2 * indent_, ' ');
    out += text;
    out += '\n';
  }
  template <typename F>
  void nested(F&& f) {
    ++indent_;
    f();
    --indent_;
  }
  // A heading with something below it.
  template <typename F>
  void under(std::string_view heading, F&& f) {
    line(heading);
    nested(f);
  }

  void type(const TypeName& t) {
    std::string suffixes;
    for (const TypeSuffix& s : t.suffixes) suffixes += s.kind == TypeSuffix::pointer ? "*" : s.count ? fmt::format("[{}]", *s.count) : "[]";
    if (!t.of) return line(fmt::format("type {}{}", t.name, suffixes));
    under(fmt::format("type typeof(){}", suffixes), [&] { expr(*t.of); });
  }
  void optional(const ExprPtr& e) {
    if (e) expr(*e);
  }
  void list(const std::vector<ExprPtr>& es) {
    for (const ExprPtr& e : es) expr(*e);
  }
  void statements(const std::vector<StmtPtr>& ss) {
    for (const StmtPtr& s : ss) stmt(*s);
  }
  void block(std::string_view heading, const Block& b) {
    under(heading, [&] { statements(b.statements); });
  }

  void expr(const Expr& e) { std::visit(*this, e.node); }
  void stmt(const Stmt& s) { std::visit(*this, s.node); }

  void operator()(const Integer& n) { line(n.negative ? fmt::format("int {}", static_cast<int64_t>(n.value)) : fmt::format("int {}", n.value)); }
  void operator()(const String& n) { line("string " + quote(n.value)); }
  void operator()(const Boolean& n) { line(n.value ? "true" : "false"); }
  void operator()(const Identifier& n) { line("name " + n.name); }
  void operator()(const Variable& n) { line("variable " + n.name); }
  void operator()(const MapRef& n) {
    under((n.keyed ? "map key " : "map ") + n.name, [&] { list(n.keys); });
  }
  void operator()(const Parameter& n) { line(n.index == 0 ? "parameter $#" : fmt::format("parameter ${}", n.index)); }
  void operator()(const Call& n) {
    under("call " + n.name, [&] { list(n.args); });
  }
  void operator()(const Unary& n) {
    under(fmt::format("unary {}", spelling(n.op)), [&] { expr(*n.operand); });
  }
  void operator()(const IncDec& n) {
    under(fmt::format("{} {}", n.prefix ? "prefix" : "postfix", n.increment ? "++" : "--"), [&] { expr(*n.target); });
  }
  void operator()(const Binary& n) {
    under(fmt::format("binary {}", spelling(n.op)), [&] { expr(*n.left), expr(*n.right); });
  }
  void operator()(const Ternary& n) {
    under(n.yes ? "ternary" : "ternary ?:", [&] { expr(*n.condition), optional(n.yes), expr(*n.no); });
  }
  void operator()(const Cast& n) {
    under("cast", [&] { type(n.to), expr(*n.operand); });
  }
  void operator()(const Field& n) {
    under("field " + n.name, [&] { expr(*n.object); });
  }
  void operator()(const TupleField& n) {
    under(fmt::format("element {}", n.index), [&] { expr(*n.object); });
  }
  void operator()(const Index& n) {
    under(n.length ? "part" : "index", [&] {
      expr(*n.object), expr(*n.index);
      if (n.length) expr(*n.length);
    });
  }
  void operator()(const Tuple& n) {
    under("tuple", [&] { list(n.elements); });
  }
  void operator()(const Record& n) {
    under("record", [&] {
      for (const NamedExpr& f : n.fields) under(f.name + " =", [&] { expr(*f.value); });
    });
  }
  void type_or_value(std::string_view heading, const std::optional<TypeName>& t, const ExprPtr& e) {
    under(heading, [&] {
      if (t) type(*t);
      optional(e);
    });
  }
  void operator()(const SizeOf& n) { type_or_value("sizeof", n.type, n.operand); }
  void operator()(const OffsetOf& n) { type_or_value(fmt::format("offsetof {}", fmt::join(n.path, ".")), n.type, n.operand); }
  void operator()(const TypeInfo& n) { type_or_value("typeinfo", n.type, n.operand); }
  void operator()(const TypeOf& n) {
    under("typeof", [&] { type(n.type); });
  }
  void operator()(const BlockExpr& n) {
    under("block expression", [&] {
      statements(n.statements);
      if (n.value) under("value", [&] { expr(*n.value); });
    });
  }

  void operator()(const ExprStmt& n) { expr(*n.value); }
  void operator()(const Discard& n) {
    under("discard", [&] { expr(*n.value); });
  }
  void operator()(const Assign& n) {
    under(n.op ? fmt::format("assign {}=", spelling(*n.op)) : "assign", [&] { expr(*n.target), expr(*n.value); });
  }
  void operator()(const Let& n) {
    under("let " + n.name, [&] {
      if (n.type) type(*n.type);
      optional(n.value);
    });
  }
  void operator()(const If& n) {
    under(n.comptime ? "if comptime" : "if", [&] {
      expr(*n.condition);
      block("then", n.yes);
      if (n.no) block("else", *n.no);
    });
  }
  void operator()(const ForMap& n) {
    under("for " + n.variable, [&] { expr(*n.map), block("do", n.body); });
  }
  void operator()(const ForRange& n) {
    under("for " + n.variable + " range", [&] { expr(*n.from), expr(*n.to), block("do", n.body); });
  }
  void operator()(const While& n) {
    under("while", [&] { expr(*n.condition), block("do", n.body); });
  }
  void operator()(const Unroll& n) {
    under("unroll", [&] { expr(*n.count), block("do", n.body); });
  }
  void operator()(const Break&) { line("break"); }
  void operator()(const Continue&) { line("continue"); }
  void operator()(const Return& n) {
    under("return", [&] { optional(n.value); });
  }
  void operator()(const Block& n) { block("block", n); }

  void probe(const Probe& p) {
    under(p.name.empty() ? "probe" : "probe " + p.name, [&] {
      for (const AttachPoint& point : p.attach_points) line(fmt::format("{} {}", point.alternative ? "else" : "attach", fmt::join(point.parts, " | ")));
      if (p.predicate) under("predicate", [&] { expr(*p.predicate); });
      statements(p.body.statements);
    });
  }
  void macro(const Macro& m) {
    static constexpr std::string_view kinds[] = {"expression", "variable", "map"};
    under("macro " + m.name, [&] {
      for (const MacroParameter& p : m.parameters) line(fmt::format("{} {}", kinds[p.kind], p.name));
      (*this)(m.body);
    });
  }
  void function(const Function& f) {
    under("function " + f.name, [&] {
      for (const FunctionParameter& p : f.parameters) under("parameter " + p.name, [&] { type(p.type); });
      if (f.result) under("result", [&] { type(*f.result); });
      statements(f.body.statements);
    });
  }

 private:
  size_t indent_ = 0;
};

}  // namespace

std::string print_ast(const ast::Script& script) {
  Printer p;
  if (!script.shebang.empty()) p.line("shebang " + script.shebang);
  for (const CDefinition& c : script.c_definitions) p.line("c " + quote(c.text));
  for (const ConfigItem& item : script.config) p.line(fmt::format("config {} = {}", item.name, item.is_string ? quote(item.value) : item.value));
  for (const Import& import : script.imports) p.line("import " + quote(import.path));
  for (const MapDeclaration& m : script.maps) p.line(fmt::format("map {} {} {}{}", m.name, m.map_type, m.max_entries, m.pin_span ? " pin " + quote(m.pin) : ""));
  for (const Load& l : script.loads) p.line(fmt::format("load {} {}", l.name, l.parameter ? fmt::format("${}", l.parameter) : quote(l.path)));
  for (const Macro& m : script.macros) p.macro(m);
  for (const Function& f : script.functions) p.function(f);
  for (const Probe& probe : script.probes) p.probe(probe);
  return std::move(p.out);
}

std::string print_ast(const ast::Expr& expr) {
  Printer p;
  p.expr(expr);
  return std::move(p.out);
}

}  // namespace awl
