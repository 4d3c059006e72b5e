// Operators.
#include <algorithm>

#include "codegen/lower_internal.h"

namespace awl {

using ast::BinaryOp;

namespace {

bool is_comparison(BinaryOp op) { return op >= BinaryOp::less && op <= BinaryOp::not_equal; }

Compare compare_of(BinaryOp op, bool is_signed) {
  switch (op) {
    case BinaryOp::less: return is_signed ? Compare::slt : Compare::ult;
    case BinaryOp::less_equal: return is_signed ? Compare::sle : Compare::ule;
    case BinaryOp::greater: return is_signed ? Compare::sgt : Compare::ugt;
    case BinaryOp::greater_equal: return is_signed ? Compare::sge : Compare::uge;
    case BinaryOp::not_equal: return Compare::ne;
    default: return Compare::eq;
  }
}

// Strings up to this size are compared by words when both are zero-padded; longer ones in a loop.
constexpr uint32_t unrolled_bytes = 128;

}  // namespace

Value Lowering::binary(const ast::Expr& e, const ast::Binary& node) {
  if (node.op == BinaryOp::logical_and)
    return emit.choose(condition(*node.left), [&] { return condition(*node.right); }, [&] { return emit.imm(0, 1); });
  if (node.op == BinaryOp::logical_or)
    return emit.choose(condition(*node.left), [&] { return emit.imm(1, 1); }, [&] { return condition(*node.right); });
  if (is_comparison(node.op)) return comparison(node);
  if (is_pointer(node.left->type) && is_pointer(e.type)) return pointer_arithmetic(node.op, scalar(*node.left), e.type, *node.right);
  if (is_pointer(node.right->type) && is_pointer(e.type)) return pointer_arithmetic(node.op, scalar(*node.right), e.type, *node.left);
  Type meeting = operand_type(types, *node.left, *node.right);
  if (!meeting) meeting = types.integer(8, true);
  Value a = number(*node.left, meeting), b = number(*node.right, meeting);
  Value result = arithmetic(node.op, a, b, meeting->is_signed, node.right.get(), site_of(unit.division_sites, &e));
  return convert(result, meeting, e.type);
}

Value Lowering::arithmetic(BinaryOp op, Value a, Value b, bool is_signed, const ast::Expr* right, int32_t division_site) {
  auto count = [&] {
    auto literal = right ? literal_of(*right) : std::nullopt;
    return literal && *literal < 64 ? b : emit.binary(Op::bit_and, b, emit.imm(63, emit.width(b)));
  };
  switch (op) {
    case BinaryOp::add: return emit.binary(Op::add, a, b);
    case BinaryOp::subtract: return emit.binary(Op::sub, a, b);
    case BinaryOp::multiply: return emit.binary(Op::mul, a, b);
    case BinaryOp::bit_and: return emit.binary(Op::bit_and, a, b);
    case BinaryOp::bit_or: return emit.binary(Op::bit_or, a, b);
    case BinaryOp::bit_xor: return emit.binary(Op::bit_xor, a, b);
    case BinaryOp::shift_left: return emit.binary(Op::shl, a, count());
    case BinaryOp::shift_right: return emit.binary(is_signed ? Op::ashr : Op::lshr, a, count());
    default: return division(op, a, b, is_signed, right, division_site);
  }
}

// Signed where an operand is; by zero: 1.
Value Lowering::division(BinaryOp op, Value a, Value b, bool is_signed, const ast::Expr* divisor, int32_t site) {
  bool quotient = op == BinaryOp::divide;
  auto divide = [&] {
    if (is_signed) return emit.binary(quotient ? Op::sdiv : Op::smod, a, b);
    return emit.binary(quotient ? Op::udiv : Op::umod, a, b);
  };
  if (divisor)
    if (auto literal = literal_of(*divisor); literal && *literal != 0) return divide();
  unsigned width = emit.width(b);
  return emit.choose(emit.compare(Compare::eq, b, emit.imm(0, width)), [&] {
    runtime_error(site, emit.imm(0));
    return emit.imm(1, width);
  }, divide);
}

Value Lowering::pointer_arithmetic(BinaryOp op, Value pointer, Type type, const ast::Expr& amount) {
  Value distance = emit.binary(Op::mul, number64(amount), element_size(type->element));
  return emit.binary(op == BinaryOp::subtract ? Op::sub : Op::add, pointer, distance);
}

Value Lowering::comparison(const ast::Binary& node) {
  const ast::Expr &left = *node.left, &right = *node.right;
  bool negated = node.op == BinaryOp::not_equal;
  auto result = [&](Value equal) { return negated ? emit.binary(Op::bit_xor, equal, emit.imm(1, 1)) : equal; };
  if (is_string(left.type) && is_string(right.type)) return result(equal_strings(left, right));
  bool numbers = (is_scalar(left.type) || is_aggregation(left.type)) && (is_scalar(right.type) || is_aggregation(right.type));
  if (!numbers) {
    Value a = address(left), b = address(right);
    return result(equal_memory(a, left.type, b, right.type, false, std::min(alignment(left), alignment(right))));
  }
  Type meeting = operand_type(types, left, right);
  bool is_signed = meeting && meeting->is_signed && !is_pointer(left.type) && !is_pointer(right.type);
  Value a = meeting ? number(left, meeting) : number64(left), b = meeting ? number(right, meeting) : number64(right);
  return emit.compare(compare_of(node.op, is_signed), a, b);
}

// Words from both sides, all of them compared: no branch for each.
Value Lowering::equal_bytes(Value a, Value b, uint32_t size, uint32_t align) {
  if (size > unrolled_bytes) {
    Value same = emit.slot(8);
    emit.store(same, emit.imm(1));
    emit.loop(emit.imm(0), emit.imm(size), size, [&](Value i) {
      emit.branch(emit.compare(Compare::ne, emit.load(emit.offset(a, i), 8), emit.load(emit.offset(b, i), 8)), [&] {
        emit.store(same, emit.imm(0));
        emit.leave_loop();
      });
    });
    return emit.resize(emit.load(same, 64), 1, false);
  }
  Value difference = emit.imm(0);
  for (uint32_t at = 0; at < size;) {
    uint32_t step = align;
    while (at + step > size) step /= 2;
    Value x = emit.binary(Op::bit_xor, emit.load(a, step * 8, at), emit.load(b, step * 8, at));
    difference = emit.binary(Op::bit_or, difference, step == 8 ? x : emit.resize(x, 64, false));
    at += step;
  }
  return emit.compare(Compare::eq, difference, emit.imm(0));
}

// A string against a literal: the literal with its NUL decides, whatever follows in the string's memory.
Value Lowering::equal_literal(const ast::Expr& e, const std::string& text) {
  std::string bytes = text.substr(0, text.find('\0'));
  uint32_t size = static_cast<uint32_t>(bytes.size());
  if (size > e.type->size) return emit.imm(0, 1);
  if (size < e.type->size) {
    bytes.push_back('\0');
    ++size;
  }
  Value at = address(e);
  return equal_bytes(at, emit.bytes(bytes), size, alignment(e));
}

// Of the address that address() gives: elements of tuples lie where their own type allows, all else starts a word.
uint32_t Lowering::alignment(const ast::Expr& e) {
  bool inner = std::holds_alternative<ast::TupleField>(e.node) || std::holds_alternative<ast::Field>(e.node) || std::holds_alternative<ast::Index>(e.node);
  return inner ? std::clamp(e.type->align, 1u, 8u) : 8;
}

Value Lowering::equal_strings(const ast::Expr& left, const ast::Expr& right) {
  if (auto* text = std::get_if<ast::String>(&right.node)) return equal_literal(left, text->value);
  if (auto* text = std::get_if<ast::String>(&left.node)) return equal_literal(right, text->value);
  bool padded = is_padded(left) && is_padded(right);
  Value a = address(left), b = address(right);
  return equal_memory(a, left.type, b, right.type, padded, std::min(alignment(left), alignment(right)));
}

Value Lowering::equal_memory(Value a, Type ta, Value b, Type tb, bool padded, uint32_t align) {
  if (is_scalar(ta) && is_scalar(tb)) {
    Type wide = types.integer(8, true);
    return emit.compare(Compare::eq, convert(load_scalar(a, ta), ta, wide), convert(load_scalar(b, tb), tb, wide));
  }
  if (is_string(ta) && is_string(tb)) {
    uint32_t size = std::min(ta->size, tb->size);
    if (padded && ta->size == tb->size && size <= unrolled_bytes) return equal_bytes(a, b, size, align);
    Value same = emit.slot(8);
    emit.store(same, emit.imm(1));
    emit.loop(emit.imm(0), emit.imm(size), size, [&](Value i) {
      Value x = emit.load(emit.offset(a, i), 8), y = emit.load(emit.offset(b, i), 8);
      emit.branch(emit.compare(Compare::ne, x, y), [&] {
        emit.store(same, emit.imm(0));
        emit.leave_loop();
      });
      emit.branch(emit.compare(Compare::eq, x, emit.imm(0, 8)), [&] { emit.leave_loop(); });
    });
    return emit.resize(emit.load(same, 64), 1, false);
  }
  if (ta->members.size() == tb->members.size() && !ta->members.empty()) {
    Value all = emit.imm(1, 1);
    for (size_t i = 0; i < ta->members.size(); ++i) {
      const Member& x = ta->members[i];
      const Member* y = &tb->members[i];
      if (ta->kind == Kind::record) y = types.member(tb, x.name);
      Value same = y ? equal_memory(emit.offset(a, uint64_t{x.offset}), x.type, emit.offset(b, uint64_t{y->offset}), y->type, padded, x.type->align) : emit.imm(0, 1);
      all = emit.binary(Op::bit_and, all, same);
    }
    return all;
  }
  return equal_bytes(a, b, std::min(ta->size, tb->size), align);
}

// ++ and -- of variables and map elements: 64-bit, pointers by their element.
Value Lowering::increment(const ast::Expr& e, const ast::IncDec& node, bool used) {
  Type type = node.target->type;
  Value step = is_pointer(type) ? element_size(type->element) : emit.imm(1);
  auto change = [&](Value old) {
    Value one = emit.width(old) == 64 ? step : emit.imm(1, emit.width(old));
    return emit.binary(node.increment ? Op::add : Op::sub, old, one);
  };
  if (std::holds_alternative<ast::MapRef>(node.target->node)) {
    Type stored_type = map_info(*node.target).value;
    if (!used && stored_type->size == 8) {
      // One instruction where the element is there, and exact on all CPUs.
      add_to_map(*node.target, node.increment ? step : emit.binary(Op::sub, emit.imm(0), step));
      return {};
    }
    Value v = modify_map(*node.target, change, !node.prefix);
    return used ? convert(v, stored_type, e.type) : Value{};
  }
  Value slot = variable(std::get<ast::Variable>(node.target->node).name);
  Value old = load_scalar(slot, type), changed = change(old);
  store_scalar(slot, changed, type);
  return convert(node.prefix ? changed : old, type, e.type);
}

}  // namespace awl
