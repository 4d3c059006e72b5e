#include "semantic/operators.h"

#include <algorithm>
#include <vector>

#include "semantic/unit.h"

namespace awl {
namespace {

using ast::BinaryOp;
using ast::UnaryOp;
__extension__ typedef __int128 Wide;  // holds every int64 and uint64

Type promote(TypeTable& types, Type a, Type b) {
  if (a->is_signed == b->is_signed) return a->size >= b->size ? a : b;
  Type with_sign = a->is_signed ? a : b, without = a->is_signed ? b : a;
  if (with_sign->size > without->size) return with_sign;
  return types.integer(std::min(8u, without->size * 2), true);
}

Type merge_members(TypeTable& types, Type a, Type b) {
  if (a->members.size() != b->members.size()) return nullptr;
  bool named = a->kind == Kind::record;
  std::vector<std::pair<std::string, Type>> fields;
  std::vector<Type> elements;
  for (size_t i = 0; i < a->members.size(); ++i) {
    const Member* other = named ? types.member(b, a->members[i].name) : &b->members[i];
    Type common = other ? merge(types, a->members[i].type, other->type) : nullptr;
    if (!common) return nullptr;
    elements.push_back(common);
    fields.emplace_back(a->members[i].name, common);
  }
  return named ? types.record(fields) : types.tuple(elements);
}

Wide value_of(const ast::Integer& i) { return i.negative ? Wide{static_cast<int64_t>(i.value)} : Wide{i.value}; }

bool fits(Wide v) { return v >= INT64_MIN && v <= Wide{UINT64_MAX}; }

ast::Integer to_literal(Wide v) { return {static_cast<uint64_t>(v), v < 0}; }

// A number of a literal that is an integer or a boolean.
std::optional<ast::Integer> number(const ast::Expr& e) {
  if (auto* i = std::get_if<ast::Integer>(&e.node)) return *i;
  if (auto* b = std::get_if<ast::Boolean>(&e.node)) return ast::Integer{b->value, false};
  return std::nullopt;
}

// Bits of both as 64-bit numbers; the result is negative only if an operand was.
ast::Integer bitwise(BinaryOp op, ast::Integer a, ast::Integer b) {
  uint64_t v = op == BinaryOp::bit_and ? a.value & b.value : op == BinaryOp::bit_or ? a.value | b.value : a.value ^ b.value;
  return {v, (a.negative || b.negative) && static_cast<int64_t>(v) < 0};
}

std::optional<Wide> arithmetic(BinaryOp op, Wide a, Wide b) {
  switch (op) {
    case BinaryOp::multiply: {
      Wide out;
      if (__builtin_mul_overflow(a, b, &out)) return std::nullopt;
      return out;
    }
    case BinaryOp::divide: return b == 0 ? std::nullopt : std::optional(a / b);
    case BinaryOp::modulo: return b == 0 ? std::nullopt : std::optional(a % b);
    case BinaryOp::add: return a + b;
    case BinaryOp::subtract: return a - b;
    case BinaryOp::shift_left:
      if (b < 0 || b > 63) return std::nullopt;
      return a * (Wide{1} << static_cast<int>(b));
    case BinaryOp::shift_right:
      if (b < 0 || b > 63) return std::nullopt;
      return a >> static_cast<int>(b);
    default: return std::nullopt;
  }
}

template <typename T>
std::optional<bool> comparison(BinaryOp op, const T& a, const T& b) {
  switch (op) {
    case BinaryOp::less: return a < b;
    case BinaryOp::less_equal: return a <= b;
    case BinaryOp::greater: return a > b;
    case BinaryOp::greater_equal: return a >= b;
    case BinaryOp::equal: return a == b;
    case BinaryOp::not_equal: return a != b;
    default: return std::nullopt;
  }
}

// Literals: comparison, `"a" + "b"`, and `"abc" + n`, which leaves out the first n characters.
bool fold_strings(ast::Expr& e, const ast::Binary& b) {
  auto* left = std::get_if<ast::String>(&b.left->node);
  auto* right = std::get_if<ast::String>(&b.right->node);
  if (auto* n = integer_literal(*b.right); left && n && !n->negative && b.op == BinaryOp::add) {
    e.node = ast::String{left->value.substr(std::min<uint64_t>(n->value, left->value.size()))};
    return true;
  }
  if (!left || !right) return false;
  if (auto truth = comparison(b.op, left->value, right->value)) {
    e.node = ast::Boolean{*truth};
    return true;
  }
  if (b.op != BinaryOp::add) return false;
  e.node = ast::String{left->value + right->value};
  return true;
}

// Whether two constants are equal, tuples and records of literals among them; nothing where that is not known.
std::optional<bool> equal_constants(const ast::Expr& a, const ast::Expr& b) {
  if (auto *left = std::get_if<ast::String>(&a.node), *right = std::get_if<ast::String>(&b.node); left && right) return left->value == right->value;
  if (auto left = number(a), right = number(b); left && right) return value_of(*left) == value_of(*right);
  std::optional<bool> all = true;
  auto also = [&](const ast::Expr& x, const ast::Expr& y) {
    auto equal = equal_constants(x, y);
    all = all && equal ? std::optional(*all && *equal) : std::nullopt;
  };
  if (auto *left = std::get_if<ast::Tuple>(&a.node), *right = std::get_if<ast::Tuple>(&b.node); left && right && left->elements.size() == right->elements.size()) {
    for (size_t i = 0; i < left->elements.size(); ++i) also(*left->elements[i], *right->elements[i]);
    return all;
  }
  auto *left = std::get_if<ast::Record>(&a.node), *right = std::get_if<ast::Record>(&b.node);
  if (!left || !right || left->fields.size() != right->fields.size()) return std::nullopt;
  for (const ast::NamedExpr& field : left->fields) {
    auto other = std::ranges::find(right->fields, field.name, &ast::NamedExpr::name);
    if (other == right->fields.end()) return std::nullopt;
    also(*field.value, *other->value);
  }
  return all;
}

}  // namespace

Type merge(TypeTable& types, Type a, Type b) {
  if (!a || !b) return a ? a : b;
  if (a == b) return a;
  if (a->kind == Kind::enumeration && is_integer(b)) a = types.integer(a->size, a->is_signed);
  if (b->kind == Kind::enumeration && is_integer(a)) b = types.integer(b->size, b->is_signed);
  if (a->kind != b->kind) return nullptr;
  switch (a->kind) {
    case Kind::integer: return promote(types, a, b);
    case Kind::string: return types.string(std::max(a->size, b->size), a->truncatable || b->truncatable);
    case Kind::buffer: return a->size >= b->size ? a : b;
    case Kind::tuple:
    case Kind::record: return merge_members(types, a, b);
    case Kind::pointer:
      if (a->element != b->element) return nullptr;
      return types.pointer(a->element, a->space == b->space ? a->space : AddressSpace::none, a->trusted && b->trusted);
    default: return nullptr;
  }
}

Type number_type(TypeTable& types, Type t) {
  if (!t) return nullptr;
  switch (t->kind) {
    case Kind::integer: return t;
    case Kind::boolean: return types.integer(1, false);
    case Kind::enumeration: return types.integer(t->size, t->is_signed);
    case Kind::pointer: return types.integer(8, false);
    case Kind::count: return types.integer(8, false);
    case Kind::sum:
    case Kind::min:
    case Kind::max:
    case Kind::avg: return types.integer(8, t->is_signed);
    default: return nullptr;
  }
}

Type literal_type(TypeTable& types, const ast::Integer& literal) {
  if (!literal.negative && literal.value > INT64_MAX) return types.integer(8, false);
  int64_t v = static_cast<int64_t>(literal.value);
  for (uint32_t size : {1u, 2u, 4u}) {
    int64_t limit = int64_t{1} << (size * 8 - 1);
    if (v >= -limit && v < limit) return types.integer(size, true);
  }
  return types.integer(8, true);
}

uint32_t unsigned_size(uint64_t value) { return value <= 0xff ? 1 : value <= 0xffff ? 2 : value <= 0xffffffff ? 4 : 8; }

const ast::Integer* integer_literal(const ast::Expr& e) { return std::get_if<ast::Integer>(&e.node); }

bool is_literal(const ast::Expr& e) {
  return std::holds_alternative<ast::Integer>(e.node) || std::holds_alternative<ast::String>(e.node) || std::holds_alternative<ast::Boolean>(e.node);
}

bool holds_all(Type to, Type from) {
  if (to->is_signed == from->is_signed) return to->size >= from->size;
  return to->is_signed && to->size > from->size;
}

std::optional<bool> literal_truth(const ast::Expr& e) {
  if (std::holds_alternative<ast::String>(e.node)) return true;
  if (auto n = number(e)) return n->value != 0;
  return std::nullopt;
}

bool fold_unary(ast::Expr& e, bool& overflow) {
  auto& u = std::get<ast::Unary>(e.node);
  auto n = number(*u.operand);
  if (!n || (u.op != UnaryOp::logical_not && !integer_literal(*u.operand))) return false;
  switch (u.op) {
    case UnaryOp::negate: {
      Wide v = -value_of(*n);
      if (v < INT64_MIN) {
        overflow = true;
        return false;
      }
      e.node = to_literal(v);
      return true;
    }
    case UnaryOp::bit_not: e.node = ast::Integer{~n->value, false}; return true;
    case UnaryOp::logical_not: e.node = ast::Boolean{n->value == 0}; return true;
    default: return false;
  }
}

bool fold_binary(ast::Expr& e, bool& overflow) {
  auto& b = std::get<ast::Binary>(e.node);
  if (b.op == BinaryOp::logical_and || b.op == BinaryOp::logical_or) {
    auto left = literal_truth(*b.left), right = literal_truth(*b.right);
    if (!left || !right) return false;
    e.node = ast::Boolean{b.op == BinaryOp::logical_and ? *left && *right : *left || *right};
    return true;
  }
  if (fold_strings(e, b)) return true;
  bool groups = !is_literal(*b.left) && !is_literal(*b.right);
  if (groups && (b.op == BinaryOp::equal || b.op == BinaryOp::not_equal)) {
    auto equal = equal_constants(*b.left, *b.right);
    if (equal) e.node = ast::Boolean{*equal == (b.op == BinaryOp::equal)};
    return equal.has_value();
  }
  auto left = number(*b.left), right = number(*b.right);
  if (!left || !right || std::holds_alternative<ast::Boolean>(b.left->node) != std::holds_alternative<ast::Boolean>(b.right->node)) return false;
  if (auto truth = comparison(b.op, value_of(*left), value_of(*right))) {
    e.node = ast::Boolean{*truth};
    return true;
  }
  if (b.op == BinaryOp::bit_and || b.op == BinaryOp::bit_or || b.op == BinaryOp::bit_xor) {
    e.node = bitwise(b.op, *left, *right);
    return true;
  }
  auto result = arithmetic(b.op, value_of(*left), value_of(*right));
  if (!result || !fits(*result)) {
    overflow = true;
    return false;
  }
  e.node = to_literal(*result);
  return true;
}

bool GrowingType::add(TypeTable& types, const ast::Expr* value, Type type) {
  if (!type) return true;
  const ast::Integer* literal = value && is_integer(type) ? integer_literal(*value) : nullptr;
  if (literal && type == literal_type(types, *literal)) {
    if (solid && !is_integer(solid) && solid->kind != Kind::enumeration) return false;
    literals = literals ? merge(types, literals, type) : type;
    negative |= literal->negative;
    if (!literal->negative) largest = std::max(largest, literal->value);
    return true;
  }
  if (literals && !is_integer(type) && type->kind != Kind::enumeration) return false;
  Type common = merge(types, solid, type);
  if (!common) return false;
  solid = common;
  return true;
}

Type GrowingType::result(TypeTable& types) const {
  Type t = solid;
  if (literals) {
    if (!t) t = literals;
    else if (is_integer(t) && !t->is_signed && !negative) t = types.integer(std::max(t->size, unsigned_size(largest)), false);
    else t = merge(types, t, literals);
  }
  if (!t && wide) return types.integer(8, true);
  return wide && is_integer(t) ? types.integer(8, t->is_signed) : t;
}

Type operand_type(TypeTable& types, const ast::Expr& left, const ast::Expr& right) {
  Type a = number_type(types, left.type), b = number_type(types, right.type);
  if (!a || !b) return nullptr;
  bool left_open = is_non_negative_literal(left), right_open = is_non_negative_literal(right);
  if (left_open && right_open) return types.integer(8, a->is_signed && b->is_signed);
  bool is_signed = (!left_open && a->is_signed) || (!right_open && b->is_signed);
  return types.integer(8, is_signed);
}

}  // namespace awl
