#pragma once
// What types do to each other: merging, literals, conversions.
#include <optional>

#include "parser/ast.h"
#include "types/type.h"

namespace awl {

// The common type of two values that one variable, map value or map key is to hold; null when there is none.
Type merge(TypeTable& types, Type a, Type b);

// The type of the number that a value gives where a number is needed: itself for integers; what merging over the CPUs gives for
// count, sum, min, max, avg. Null for what is no number (booleans, pointers and enumerations are numbers too).
Type number_type(TypeTable& types, Type t);

// The smallest signed type that holds a literal; uint64 above int64's range.
Type literal_type(TypeTable& types, const ast::Integer& literal);
// The bytes that an unsigned type needs for a literal that is not negative.
uint32_t unsigned_size(uint64_t value);

const ast::Integer* integer_literal(const ast::Expr& e);
inline bool is_non_negative_literal(const ast::Expr& e) {
  const ast::Integer* literal = integer_literal(e);
  return literal && !literal->negative;
}
bool is_literal(const ast::Expr& e);

// Whether every value of integer type `from` is one of `to`.
bool holds_all(Type to, Type from);

// Replaces an operator on literals by its result. False (and nothing changed): not both are literals. `overflow` is set when
// the operation has no result within 64 bits.
bool fold_unary(ast::Expr& e, bool& overflow);
bool fold_binary(ast::Expr& e, bool& overflow);
// The truth of a literal.
std::optional<bool> literal_truth(const ast::Expr& e);

// A map's or variable's type as it grows. Literals that are not negative do not decide the sign.
struct GrowingType {
  Type solid = nullptr;         // merged from everything else
  Type literals = nullptr;      // merged from literals, as signed types
  uint64_t largest = 0;         // literal
  bool negative = false;        // a literal was
  bool wide = false;            // ++ or --: 64 bits

  // False: the value does not go with what is there (which stays).
  bool add(TypeTable& types, const ast::Expr* value, Type type);
  Type result(TypeTable& types) const;
};

}  // namespace awl
