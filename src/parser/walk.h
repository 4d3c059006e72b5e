#pragma once
// Walking the syntax tree: the children of a node, in evaluation order.
#include "parser/ast.h"

namespace awl::ast {

// Calls `f` with each direct child of a node: an ExprPtr& or a StmtPtr& (never null), which `f` may replace. The expression of a
// typeof inside a TypeName counts as a child. A const node gives const ExprPtr& and const StmtPtr&. To visit a whole tree, let `f`
// call for_each_child again:
//   void visit(ExprPtr& e) { for_each_child(*e, Overloaded{[](ExprPtr& c) { visit(c); }, [](StmtPtr& c) { visit(c); }}); }
template <typename F>
void for_each_child(Expr& e, F&& f);
template <typename F>
void for_each_child(const Expr& e, F&& f);
template <typename F>
void for_each_child(Stmt& s, F&& f);
template <typename F>
void for_each_child(const Stmt& s, F&& f);
template <typename F>
void for_each_child(Block& b, F&& f);
template <typename F>
void for_each_child(const Block& b, F&& f);

namespace detail {

template <typename N>
constexpr bool is_leaf = std::is_same_v<N, Integer> || std::is_same_v<N, String> || std::is_same_v<N, Boolean> || std::is_same_v<N, Identifier> ||
                         std::is_same_v<N, Variable> || std::is_same_v<N, Parameter> || std::is_same_v<N, Break> || std::is_same_v<N, Continue>;

template <typename F>
struct ChildVisitor {
  F& f;

  void child(auto& pointer) {
    if (pointer) f(pointer);
  }
  void list(auto& pointers) {
    for (auto& p : pointers) child(p);
  }
  void type(auto& maybe_type) {
    if (maybe_type) child(maybe_type->of);
  }

  template <typename T>
  void operator()(T& n) {
    using N = std::remove_const_t<T>;
    if constexpr (std::is_same_v<N, MapRef>) list(n.keys);
    else if constexpr (std::is_same_v<N, Call>) list(n.args);
    else if constexpr (std::is_same_v<N, Unary>) child(n.operand);
    else if constexpr (std::is_same_v<N, IncDec>) child(n.target);
    else if constexpr (std::is_same_v<N, Binary>) child(n.left), child(n.right);
    else if constexpr (std::is_same_v<N, Ternary>) child(n.condition), child(n.yes), child(n.no);
    else if constexpr (std::is_same_v<N, Cast>) child(n.to.of), child(n.operand);
    else if constexpr (std::is_same_v<N, Field> || std::is_same_v<N, TupleField>) child(n.object);
    else if constexpr (std::is_same_v<N, Index>) child(n.object), child(n.index), child(n.length);
    else if constexpr (std::is_same_v<N, Tuple>) list(n.elements);
    else if constexpr (std::is_same_v<N, Record>) for (auto& field : n.fields) child(field.value);
    else if constexpr (std::is_same_v<N, SizeOf> || std::is_same_v<N, OffsetOf> || std::is_same_v<N, TypeInfo>) type(n.type), child(n.operand);
    else if constexpr (std::is_same_v<N, TypeOf>) child(n.type.of);
    else if constexpr (std::is_same_v<N, BlockExpr>) list(n.statements), child(n.value);
    else if constexpr (std::is_same_v<N, ExprStmt> || std::is_same_v<N, Discard> || std::is_same_v<N, Return>) child(n.value);
    else if constexpr (std::is_same_v<N, Assign>) child(n.value), child(n.target);
    else if constexpr (std::is_same_v<N, Let>) type(n.type), child(n.value);
    else if constexpr (std::is_same_v<N, Block>) list(n.statements);
    else if constexpr (std::is_same_v<N, If>) {
      child(n.condition), list(n.yes.statements);
      if (n.no) list(n.no->statements);
    } else if constexpr (std::is_same_v<N, ForMap>) child(n.map), list(n.body.statements);
    else if constexpr (std::is_same_v<N, ForRange>) child(n.from), child(n.to), list(n.body.statements);
    else if constexpr (std::is_same_v<N, While>) child(n.condition), list(n.body.statements);
    else if constexpr (std::is_same_v<N, Unroll>) child(n.count), list(n.body.statements);
    else static_assert(is_leaf<N>);
  }
};

}  // namespace detail

template <typename F>
void for_each_child(Expr& e, F&& f) {
  std::visit(detail::ChildVisitor<F>{f}, e.node);
}
template <typename F>
void for_each_child(const Expr& e, F&& f) {
  std::visit(detail::ChildVisitor<F>{f}, e.node);
}
template <typename F>
void for_each_child(Stmt& s, F&& f) {
  std::visit(detail::ChildVisitor<F>{f}, s.node);
}
template <typename F>
void for_each_child(const Stmt& s, F&& f) {
  std::visit(detail::ChildVisitor<F>{f}, s.node);
}
template <typename F>
void for_each_child(Block& b, F&& f) {
  detail::ChildVisitor<F>{f}(b);
}
template <typename F>
void for_each_child(const Block& b, F&& f) {
  detail::ChildVisitor<F>{f}(b);
}

}  // namespace awl::ast
