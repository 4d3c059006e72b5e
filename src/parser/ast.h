#pragma once
// The syntax tree of a script, as plain data. The parser makes it; the passes of semantic/ rewrite it and fill in the
// members marked "set by"; code generation only reads it.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/source.h"

namespace awl {
struct TypeNode;               // semantic/type.h
using Type = const TypeNode*;  // null: not known yet
struct Builtin;                // builtins/builtin.h
struct Provider;               // probes/provider.h
}  // namespace awl

namespace awl::ast {

struct Expr;
struct Stmt;
struct Block;
using ExprPtr = std::unique_ptr<Expr>;
using StmtPtr = std::unique_ptr<Stmt>;

// ---- types as written -------------------------------------------------------------------------------------------

// `uint64`, `struct task_struct *`, `int32*[4]`, `string[64]`, `typeof(expr)`. Suffixes are read left to right.
struct TypeSuffix {
  enum Kind : uint8_t { pointer, array } kind = pointer;
  std::optional<uint64_t> count;  // array: elements, none for `[]`
};
struct TypeName {
  Span span;
  std::string name;  // "uint64", "struct task_struct", "union x", "enum y"; empty for typeof
  ExprPtr of;        // typeof(expression)
  std::vector<TypeSuffix> suffixes;
};

// ---- expressions ------------------------------------------------------------------------------------------------

enum class UnaryOp : uint8_t { negate, bit_not, logical_not, dereference, address_of };
enum class BinaryOp : uint8_t {
  multiply, divide, modulo, add, subtract, shift_left, shift_right,
  less, less_equal, greater, greater_equal, equal, not_equal,
  bit_and, bit_xor, bit_or, logical_and, logical_or,
};

struct Integer {
  uint64_t value = 0;
  bool negative = false;  // set by folding: the value is -(2^64 - value), that is, `value` read as int64
};
struct String { std::string value; };  // escapes resolved; may hold NUL
struct Boolean { bool value = false; };
struct Identifier { std::string name; };  // a builtin without parentheses, an enumerator, a macro
struct Variable { std::string name; };    // "$x"
struct MapRef {                           // "@", "@x", with keys "@x[a, b]"
  std::string name;
  std::vector<ExprPtr> keys;  // several keys are one tuple: the plan pass leaves at most one here
  bool keyed = false;         // brackets were written
};
struct Parameter { uint32_t index = 0; };  // $1 ...; 0 stands for $#
struct Argument;
struct Call {
  std::string name;
  Span name_span;
  std::vector<ExprPtr> args;  // a type as argument is an Expr of TypeOf
  const Builtin* builtin = nullptr;  // set by inference
  int32_t function = -1;      // set by inference: index into Unit::functions of a function of the script
  int32_t site = -1;                 // set by planning: index into Plan::sites for asynchronous calls
};
struct Unary { UnaryOp op{}; ExprPtr operand; };
struct IncDec { bool increment = true; bool prefix = true; ExprPtr target; };
struct Binary { BinaryOp op{}; ExprPtr left, right; };
struct Ternary { ExprPtr condition, yes, no; bool comptime = false; };  // yes is null in `a ?: b`; comptime: of an `if comptime` whose branches give a value
struct Cast { TypeName to; ExprPtr operand; };
struct Field { ExprPtr object; std::string name; Span name_span; };  // `.` and `->`
struct TupleField { ExprPtr object; uint32_t index = 0; };           // `.0`
struct Index { ExprPtr object, index, length; };  // length: of a part of the packet, `pkt[offset:length]`; else null
struct Tuple { std::vector<ExprPtr> elements; };
struct NamedExpr { std::string name; Span span; ExprPtr value; };
struct Record { std::vector<NamedExpr> fields; };
struct SizeOf { std::optional<TypeName> type; ExprPtr operand; Type resolved = nullptr; };  // resolved: set by inference
struct OffsetOf { std::optional<TypeName> type; ExprPtr operand; std::vector<std::string> path; Type resolved = nullptr; };  // resolved: the structure, set by inference
struct TypeOf { TypeName type; };                                  // only as an argument of a macro call
struct TypeInfo { std::optional<TypeName> type; ExprPtr operand; };
// `open`: the last statement has no ';' (of a block that ends in `if` its branches may then give the value)
struct BlockExpr { std::vector<StmtPtr> statements; ExprPtr value; bool open = false; };

struct Expr {
  using Node = std::variant<Integer, String, Boolean, Identifier, Variable, MapRef, Parameter, Call, Unary, IncDec,
                            Binary, Ternary, Cast, Field, TupleField, Index, Tuple, Record, SizeOf, OffsetOf, TypeOf,
                            TypeInfo, BlockExpr>;
  Span span;
  Node node;
  Type type = nullptr;    // set by inference
  bool comptime = false;  // `comptime` stands in front
};

// ---- statements -------------------------------------------------------------------------------------------------

struct ExprStmt { ExprPtr value; };
struct Discard { ExprPtr value; };  // `_ = value`
struct Assign {
  ExprPtr target;              // Variable or MapRef
  std::optional<BinaryOp> op;  // of `+=` and the like
  ExprPtr value;
};
struct Let { std::string name; Span name_span; std::optional<TypeName> type; ExprPtr value; };
struct Block { Span span; std::vector<StmtPtr> statements; bool open = false; };  // open: as in BlockExpr
struct If { ExprPtr condition; bool comptime = false; Block yes; std::optional<Block> no; };  // `else if`: a block of one If
struct ForMap { std::string variable; Span variable_span; ExprPtr map; Block body; };
struct ForRange { std::string variable; Span variable_span; ExprPtr from, to; Block body; };
struct While { ExprPtr condition; Block body; };
struct Unroll { ExprPtr count; Block body; };
struct Break {};
struct Continue {};
struct Return { ExprPtr value; };

struct Stmt {
  using Node = std::variant<ExprStmt, Discard, Assign, Let, If, ForMap, ForRange, While, Unroll, Break, Continue, Return, Block>;
  Span span;
  Node node;
};

// ---- the script -------------------------------------------------------------------------------------------------

// An attach point as written, split at ':' outside quotes (quotes removed). parts[0] is the provider as written.
struct AttachPoint {
  Span span;
  std::string text;
  std::vector<std::string> parts;
  std::vector<Span> part_spans;
  bool alternative = false;  // written behind `else`: for when the attach point before it does not exist
};

struct Probe {
  Span span;
  std::string name;  // of `name = attach_point`, has no effect
  std::vector<AttachPoint> attach_points;
  ExprPtr predicate;  // may be null
  Block body;
};

struct ConfigItem { std::string name; Span name_span; std::string value; Span value_span; bool is_string = false; };
struct Import { Span span; std::string path; };
struct MapDeclaration {
  Span span;
  std::string name;
  std::string map_type;
  Span type_span;
  uint64_t max_entries = 0;  // 0: none given
  std::string pin;  // of `pin("name")`
  Span pin_span;    // none without it
};
struct Load { Span span; std::string name; Span name_span; std::string path; uint32_t parameter = 0; Span path_span; };  // parameter: of `from $1`, else 0
struct MacroParameter {
  enum Kind : uint8_t { expression, variable, map } kind = expression;
  std::string name;  // with its sigil
  Span span;
};
struct Macro { Span span; std::string name; Span name_span; std::vector<MacroParameter> parameters; BlockExpr body; };
struct FunctionParameter { std::string name; TypeName type; Span span; };
struct Function { Span span; std::string name; Span name_span; std::vector<FunctionParameter> parameters; std::optional<TypeName> result; Block body; };
// C text kept for the C parser: preprocessor lines and struct, union, enum definitions, in source order.
struct CDefinition { Span span; std::string text; };

struct Script {
  uint32_t file = 0;
  std::string shebang;
  std::vector<CDefinition> c_definitions;
  std::vector<ConfigItem> config;
  Span config_span;
  std::vector<Import> imports;
  std::vector<MapDeclaration> maps;
  std::vector<Load> loads;
  std::vector<Macro> macros;
  std::vector<Function> functions;
  std::vector<Probe> probes;
};

// Deep copies; types and other annotations are copied too.
ExprPtr clone(const Expr& e);
StmtPtr clone(const Stmt& s);
Block clone(const Block& b);
TypeName clone(const TypeName& t);

template <typename T>
ExprPtr make(Span span, T node, Type type = nullptr) {
  return std::make_unique<Expr>(Expr{.span = span, .node = std::move(node), .type = type});
}
template <typename T>
StmtPtr make_stmt(Span span, T node) {
  return std::make_unique<Stmt>(Stmt{span, std::move(node)});
}

// The operator as written: "+", "<<", ...
std::string_view spelling(BinaryOp op);
std::string_view spelling(UnaryOp op);

}  // namespace awl::ast

namespace awl {
// Builds a visitor for std::visit out of lambdas.
template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};
}  // namespace awl
