#pragma once
// The rules of one probe's typed body. Where a type is null the mistake behind it is reported where it was made, once.
#include "semantic/unit.h"

namespace awl {

class Checker {
 public:
  // `function`: the probe is that function's body.
  Checker(Unit& unit, ProbeInstance& probe, Diagnostics& diagnostics, const FunctionInstance* function = nullptr)
      : unit_(&unit), probe_(&probe), diagnostics_(&diagnostics), function_(function) {}
  void run();

 private:
  // check.cpp: statements
  void statements(const std::vector<ast::StmtPtr>& list);
  void statement(ast::Stmt& s);
  void expression_statement(const ast::ExprStmt& s);
  void assign(const ast::Stmt& s, const ast::Assign& a);
  void assign_variable(const ast::Stmt& s, const ast::Assign& a, const std::string& name);
  void assign_map(const ast::Stmt& s, const ast::Assign& a, const ast::MapRef& target);
  void let(const ast::Stmt& s, const ast::Let& l);
  void for_map(const ast::ForMap& f);
  void for_range(const ast::ForRange& f);
  void unroll(const ast::Stmt& s, const ast::Unroll& u);
  void if_statement(ast::If& i);
  void return_statement(const ast::Stmt& s, const ast::Return& r);
  void verdict(const ast::Expr& e, const Verdicts& verdicts);
  void assign_context(const ast::Stmt& s, const ast::Assign& a, const ast::Field& field);
  void loop_body(const ast::Block& body);
  void condition(ast::Expr& e);
  bool aggregation_source(const ast::Stmt& s, const ast::Assign& a, std::string_view target);

  // check_expressions.cpp. `assigned`: the value of an assignment to a map, where aggregation functions may stand.
  void expr(ast::Expr& e, bool assigned = false);
  void identifier(const ast::Expr& e, const ast::Identifier& i);
  bool fits_key(const MapInfo& map, const ast::Expr& key);
  void map_ref(const ast::Expr& e, const ast::MapRef& m, bool stored = false);  // stored: it is only assigned to
  bool object_key(const MapInfo& map, const ast::Expr& key);
  void call(ast::Expr& e, ast::Call& c, bool assigned);
  void function_call(ast::Expr& e, ast::Call& c);
  bool allowed_here(const ast::Expr& e, const ast::Call& c);
  void whole_map(const ast::Expr& e, const ast::MapRef& m);
  void field(const ast::Expr& e, const ast::Field& f);
  bool special_field(const ast::Expr& e, const ast::Field& f);
  bool unreadable_argument(const ast::Expr& e, const ast::Field& f);
  void tuple_field(const ast::Expr& e, const ast::TupleField& f);
  void index(const ast::Expr& e, const ast::Index& i);
  void part(const ast::Index& i);
  void type_name(const ast::TypeName& name, Type resolved);
  void size_of(const ast::SizeOf& s);
  void offset_of(const ast::Expr& e, const ast::OffsetOf& o);
  void cast(const ast::Expr& e, const ast::Cast& c);

  // check_operators.cpp
  void unary(const ast::Expr& e, const ast::Unary& u);
  void inc_dec(const ast::Expr& e, const ast::IncDec& n);
  void binary(const ast::Expr& e, const ast::Binary& b);
  // An operator of two values; `span` for messages.
  void operands(Span span, ast::BinaryOp op, const ast::Expr& left, const ast::Expr& right);
  void comparison(Span span, ast::BinaryOp op, const ast::Expr& left, const ast::Expr& right);
  void ternary(const ast::Expr& e, const ast::Ternary& t);
  void mismatch(Span span, ast::BinaryOp op, const ast::Expr& left, const ast::Expr& right);
  void warn_conversion(const ast::Expr& value, Type to);

  // Whether a value may go to a place of type `to`; warns where its sign or size may get lost.
  bool goes_into(const ast::Expr& value, Type to);

  Unit* unit_;
  ProbeInstance* probe_;
  Diagnostics* diagnostics_;
  const FunctionInstance* function_;
  unsigned loops_ = 0, for_loops_ = 0;
};

// Whether a value of this type is true or false.
bool is_condition(TypeTable& types, Type t);

}  // namespace awl
