#include <algorithm>

#include "base/diag/operators.h"
#include "base/diag/statements.h"
#include "base/diag/variables.h"
#include "semantic/checker.h"
#include "semantic/operators.h"
#include "semantic/scopes.h"

namespace awl {
namespace {

using ast::BinaryOp;

bool is_comparison(BinaryOp op) { return op >= BinaryOp::less && op <= BinaryOp::not_equal; }
bool is_equality(BinaryOp op) { return op == BinaryOp::equal || op == BinaryOp::not_equal; }
bool is_logical(BinaryOp op) { return op == BinaryOp::logical_and || op == BinaryOp::logical_or; }

// The families that messages tell apart: numbers of all kinds are one.
Kind family(TypeTable& types, Type t) {
  if (is_pointer(t)) return Kind::pointer;
  return number_type(types, t) ? Kind::integer : t->kind;
}

// Whether values of two types that are no numbers can be compared for equality.
bool comparable(TypeTable& types, Type a, Type b) {
  if (!merge(types, a, b)) return false;
  switch (a->kind) {
    case Kind::array: return is_integer(a->element) || is_boolean(a->element);
    case Kind::string:
    case Kind::tuple:
    case Kind::record:
    case Kind::structure:
    case Kind::kstack:
    case Kind::ustack:
    case Kind::ksym:
    case Kind::usym:
    case Kind::probe:
    case Kind::username:
    case Kind::inet:
    case Kind::macaddr:
    case Kind::buffer: return true;
    default: return false;
  }
}

}  // namespace

bool is_condition(TypeTable& types, Type t) { return is_string(t) || number_type(types, t) != nullptr; }

void Checker::warn_conversion(const ast::Expr& value, Type to) {
  Type from = number_type(unit_->types, value.type);
  if (!from || !is_integer(to) || is_literal(value) || is_pointer(value.type) || holds_all(to, from)) return;
  diagnostics_->report<Diag::conversion>(value.span, TypeTable::text(from), TypeTable::text(to));
}

bool Checker::goes_into(const ast::Expr& value, Type to) {
  TypeTable& types = unit_->types;
  Type from = value.type;
  if (!from || !to || from == to) return true;
  if (is_aggregation(to)) return false;
  // A prefix is found by any address in it.
  if (to->kind == Kind::cidr) return (is_integer(from) && from->size == 4) || integer_literal(value) || (from->kind == Kind::array && (from->size == 4 || from->size == 16));
  if (is_integer(to) && !is_boolean(from) && !is_pointer(from)) {
    Type number = number_type(types, from);
    if (!number) return false;
    const ast::Integer* literal = integer_literal(value);
    if (literal && is_integer(from)) {
      if (literal->negative) return to->is_signed && holds_all(to, literal_type(types, *literal));
      return to->is_signed ? holds_all(to, literal_type(types, *literal)) : to->size >= unsigned_size(literal->value);
    }
    warn_conversion(value, to);
    return true;
  }
  if (is_pointer(from) && is_pointer(to)) return from->element == to->element;
  if (is_string(from) && is_string(to)) return from->size <= to->size;
  return merge(types, to, from) == to;  // a record has the order of its place
}

void Checker::mismatch(Span span, BinaryOp op, const ast::Expr& left, const ast::Expr& right) {
  std::string a = TypeTable::text(left.type), b = TypeTable::text(right.type);
  diagnostics_->report<Diag::operand_mismatch>(span, spelling(op), a, b).note(left.span, fmt::format("left ({})", a)).note(right.span, fmt::format("right ({})", b));
}

void Checker::comparison(Span span, BinaryOp op, const ast::Expr& left, const ast::Expr& right) {
  TypeTable& types = unit_->types;
  Type a = left.type, b = right.type;
  if (number_type(types, a) && number_type(types, b)) {
    Type common = operand_type(types, left, right);
    warn_conversion(left, common);
    warn_conversion(right, common);
    return;
  }
  bool probe_name = (a->kind == Kind::probe && is_string(b)) || (b->kind == Kind::probe && is_string(a));
  if (probe_name && is_equality(op)) return;
  if (family(types, a) != family(types, b) || (is_equality(op) && !comparable(types, a, b))) return mismatch(span, op, left, right);
  if (!is_equality(op)) diagnostics_->report<Diag::binary_operator>(span, spelling(op), TypeTable::text(a), TypeTable::text(b));
}

void Checker::operands(Span span, BinaryOp op, const ast::Expr& left, const ast::Expr& right) {
  TypeTable& types = unit_->types;
  Type a = left.type, b = right.type;
  if (!a || !b) return;
  if (is_comparison(op)) return comparison(span, op, left, right);
  if (is_logical(op)) {
    if (!is_condition(types, a) || !is_condition(types, b)) mismatch(span, op, left, right);
    return;
  }
  bool left_pointer = is_pointer(a), right_pointer = is_pointer(b);
  if (left_pointer || right_pointer) {
    bool other = number_type(types, left_pointer ? b : a) && !(left_pointer && right_pointer);
    bool allowed = other && (op == BinaryOp::add || (op == BinaryOp::subtract && left_pointer));
    if (!allowed) diagnostics_->report<Diag::binary_operator>(span, spelling(op), TypeTable::text(a), TypeTable::text(b));
    return;
  }
  if (!number_type(types, a) || !number_type(types, b)) {
    if (family(types, a) != family(types, b)) mismatch(span, op, left, right);
    else diagnostics_->report<Diag::binary_operator>(span, spelling(op), TypeTable::text(a), TypeTable::text(b));
    return;
  }
  Type common = operand_type(types, left, right);
  if ((op == BinaryOp::divide || op == BinaryOp::modulo) && common->is_signed && !(is_literal(left) && is_literal(right))) diagnostics_->report<Diag::signed_division>(span, spelling(op));
  if (op == BinaryOp::shift_left || op == BinaryOp::shift_right) return;
  warn_conversion(left, common);
  warn_conversion(right, common);
}

void Checker::binary(const ast::Expr& e, const ast::Binary& b) {
  expr(*b.left);
  expr(*b.right);
  operands(e.span, b.op, *b.left, *b.right);
}

void Checker::unary(const ast::Expr& e, const ast::Unary& u) {
  expr(*u.operand);
  Type t = u.operand->type;
  if (!t) return;
  bool fits = true;
  switch (u.op) {
    case ast::UnaryOp::negate:
    case ast::UnaryOp::bit_not: fits = is_integer(t) || t->kind == Kind::enumeration; break;
    case ast::UnaryOp::logical_not: fits = is_integer(t) || is_boolean(t) || t->kind == Kind::enumeration; break;
    case ast::UnaryOp::dereference: fits = is_pointer(t) && t->element; break;
    case ast::UnaryOp::address_of:
      fits = std::holds_alternative<ast::Variable>(u.operand->node) || std::holds_alternative<ast::MapRef>(u.operand->node);
      break;
  }
  if (!fits) diagnostics_->report<Diag::unary_operator>(e.span, spelling(u.op), TypeTable::text(t));
}

void Checker::inc_dec(const ast::Expr& e, const ast::IncDec& n) {
  expr(*n.target);
  Type t = n.target->type;
  if (!t || is_integer(t) || is_pointer(t)) return;
  if (auto* map = std::get_if<ast::MapRef>(&n.target->node); map && is_aggregation(t)) {
    const MapInfo& info = unit_->maps[map->name];
    diagnostics_->report<Diag::map_value>(e.span, map->name, "uint64", TypeTable::text(t)).note(info.value_span, fmt::format("'{}' comes from here", TypeTable::text(t)));
    return;
  }
  diagnostics_->report<Diag::unary_operator>(e.span, n.increment ? "++" : "--", TypeTable::text(t));
}

void Checker::ternary(const ast::Expr& e, const ast::Ternary& t) {
  expr(*t.condition);
  if (t.comptime) {
    diagnostics_->report<Diag::comptime>(t.condition->span);
    return;
  }
  condition(*t.condition);
  if (t.yes) expr(*t.yes);
  expr(*t.no);
  const ast::Expr& yes = t.yes ? *t.yes : *t.condition;
  if (yes.type && t.no->type && !e.type)
    diagnostics_->report<Diag::branches>(e.span, TypeTable::text(yes.type), TypeTable::text(t.no->type)).note(yes.span, fmt::format("'{}'", TypeTable::text(yes.type))).note(t.no->span, fmt::format("'{}'", TypeTable::text(t.no->type)));
}

}  // namespace awl
