#include "parser/ast.h"

#include <array>

namespace awl::ast {
namespace {

template <typename T>
T copy(const T& value) {
  if constexpr (requires { clone(value); }) return clone(value);
  else return value;
}
ExprPtr copy(const ExprPtr& e) { return e ? clone(*e) : nullptr; }
StmtPtr copy(const StmtPtr& s) { return s ? clone(*s) : nullptr; }
NamedExpr copy(const NamedExpr& n) { return {n.name, n.span, copy(n.value)}; }

template <typename T>
std::vector<T> copy(const std::vector<T>& list) {
  std::vector<T> out;
  out.reserve(list.size());
  for (const T& item : list) out.push_back(copy(item));
  return out;
}
template <typename T>
std::optional<T> copy(const std::optional<T>& value) {
  if (!value) return std::nullopt;
  return copy(*value);
}

struct CopyExpr {
  Expr::Node operator()(const Integer& n) { return n; }
  Expr::Node operator()(const String& n) { return n; }
  Expr::Node operator()(const Boolean& n) { return n; }
  Expr::Node operator()(const Identifier& n) { return n; }
  Expr::Node operator()(const Variable& n) { return n; }
  Expr::Node operator()(const MapRef& n) { return MapRef{n.name, copy(n.keys), n.keyed}; }
  Expr::Node operator()(const Parameter& n) { return n; }
  Expr::Node operator()(const Call& n) { return Call{n.name, n.name_span, copy(n.args), n.builtin, n.site}; }
  Expr::Node operator()(const Unary& n) { return Unary{n.op, copy(n.operand)}; }
  Expr::Node operator()(const IncDec& n) { return IncDec{n.increment, n.prefix, copy(n.target)}; }
  Expr::Node operator()(const Binary& n) { return Binary{n.op, copy(n.left), copy(n.right)}; }
  Expr::Node operator()(const Ternary& n) { return Ternary{copy(n.condition), copy(n.yes), copy(n.no), n.comptime}; }
  Expr::Node operator()(const Cast& n) { return Cast{clone(n.to), copy(n.operand)}; }
  Expr::Node operator()(const Field& n) { return Field{copy(n.object), n.name, n.name_span}; }
  Expr::Node operator()(const TupleField& n) { return TupleField{copy(n.object), n.index}; }
  Expr::Node operator()(const Index& n) { return Index{copy(n.object), copy(n.index), copy(n.length)}; }
  Expr::Node operator()(const Tuple& n) { return Tuple{copy(n.elements)}; }
  Expr::Node operator()(const Record& n) { return Record{copy(n.fields)}; }
  Expr::Node operator()(const SizeOf& n) { return SizeOf{copy(n.type), copy(n.operand), n.resolved}; }
  Expr::Node operator()(const OffsetOf& n) { return OffsetOf{copy(n.type), copy(n.operand), n.path, n.resolved}; }
  Expr::Node operator()(const TypeOf& n) { return TypeOf{clone(n.type)}; }
  Expr::Node operator()(const TypeInfo& n) { return TypeInfo{copy(n.type), copy(n.operand)}; }
  Expr::Node operator()(const BlockExpr& n) { return BlockExpr{copy(n.statements), copy(n.value), n.open}; }
};

struct CopyStmt {
  Stmt::Node operator()(const ExprStmt& n) { return ExprStmt{copy(n.value)}; }
  Stmt::Node operator()(const Discard& n) { return Discard{copy(n.value)}; }
  Stmt::Node operator()(const Assign& n) { return Assign{copy(n.target), n.op, copy(n.value)}; }
  Stmt::Node operator()(const Let& n) { return Let{n.name, n.name_span, copy(n.type), copy(n.value)}; }
  Stmt::Node operator()(const If& n) { return If{copy(n.condition), n.comptime, clone(n.yes), copy(n.no)}; }
  Stmt::Node operator()(const ForMap& n) { return ForMap{n.variable, n.variable_span, copy(n.map), clone(n.body)}; }
  Stmt::Node operator()(const ForRange& n) { return ForRange{n.variable, n.variable_span, copy(n.from), copy(n.to), clone(n.body)}; }
  Stmt::Node operator()(const While& n) { return While{copy(n.condition), clone(n.body)}; }
  Stmt::Node operator()(const Unroll& n) { return Unroll{copy(n.count), clone(n.body)}; }
  Stmt::Node operator()(const Break& n) { return n; }
  Stmt::Node operator()(const Continue& n) { return n; }
  Stmt::Node operator()(const Return& n) { return Return{copy(n.value)}; }
  Stmt::Node operator()(const Block& n) { return clone(n); }
};

}  // namespace

ExprPtr clone(const Expr& e) { return std::make_unique<Expr>(Expr{e.span, std::visit(CopyExpr{}, e.node), e.type, e.comptime}); }
StmtPtr clone(const Stmt& s) { return std::make_unique<Stmt>(Stmt{s.span, std::visit(CopyStmt{}, s.node)}); }
Block clone(const Block& b) { return Block{b.span, copy(b.statements), b.open}; }
TypeName clone(const TypeName& t) { return TypeName{t.span, t.name, copy(t.of), t.suffixes}; }

std::string_view spelling(BinaryOp op) {
  static constexpr std::array<std::string_view, 18> text{"*", "/", "%", "+", "-", "<<", ">>", "<", "<=", ">", ">=", "==", "!=", "&", "^", "|", "&&", "||"};
  return text[static_cast<size_t>(op)];
}

std::string_view spelling(UnaryOp op) {
  static constexpr std::array<std::string_view, 5> text{"-", "~", "!", "*", "&"};
  return text[static_cast<size_t>(op)];
}

}  // namespace awl::ast
