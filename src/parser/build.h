#pragma once
// What the grammar's actions use: pieces of the tree with their depth, and the feed of tokens.
#include <algorithm>

#include "base/diag/syntax.h"
#include "parser/ast.h"
#include "parser/prepare.h"

namespace awl::build {

// Deeper trees are refused: every pass recurses over them.
constexpr uint32_t max_depth = 500;
// Beyond so many errors the parser gives up.
constexpr size_t max_errors = 200;

struct Expression {
  ast::ExprPtr node;
  uint32_t depth = 0;
};
struct Expressions {
  std::vector<ast::ExprPtr> list;
  uint32_t depth = 0;
};
struct Statement {
  ast::StmtPtr node;
  uint32_t depth = 0;
  bool open = false;  // a compound statement without ';'
};
struct Type {
  ast::TypeName type;
  uint32_t depth = 0;
};
struct Body {
  Span span;
  std::vector<ast::StmtPtr> statements;
  uint32_t depth = 0;
  bool open = false;  // the last statement has no ';'
};
struct Fields {
  std::vector<ast::NamedExpr> list;
  uint32_t depth = 0;
};
struct Loop {
  Expression from, to;  // `to` is empty for a map
};

// One run of the parser.
struct Parse {
  const Sources& sources;
  uint32_t file;
  Diagnostics& diagnostics;
  PreparedTokens input;
  IsBuiltin is_builtin;
  ast::Script script;

  size_t next = 0;          // index of the token to hand out
  bool recovering = false;  // from the report of a syntax error until the grammar has found its way back
  bool too_deep = false;    // was reported
  bool seen_items = false;  // a probe, macro or function has come
  bool give_skipped = false;
  Token skipped;

  // The next token, `{ }` groups left out while recovering.
  const Token& take();
  // The n-th token before the one handed out last (1: the one before).
  Tok before(size_t n) const { return next >= n + 1 ? input.tokens[next - n - 1].kind : Tok::end; }
  const Token& current() const { return input.tokens[next - 1]; }
  void begin_recovery();
  void recovered() { recovering = false; }

  Diagnostic& error(Span span, std::string_view text) { return diagnostics.report<Diag::syntax>(span, text); }

  template <typename T>
  Expression expr(Span span, T node, uint32_t children) {
    if (children >= max_depth) {
      deep(span);
      return {ast::make(span, ast::Integer{0}), 1};
    }
    return {ast::make(span, std::move(node)), children + 1};
  }
  template <typename T>
  Statement stmt(Span span, T node, uint32_t children) {
    if (children >= max_depth) {
      deep(span);
      return {ast::make_stmt(span, ast::Block{span, {}}), 1};
    }
    return {ast::make_stmt(span, std::move(node)), children + 1};
  }

  Expression unary(ast::UnaryOp op, Span operator_span, Expression operand);
  Expression binary(ast::BinaryOp op, Expression left, Expression right);
  Expression ternary(Expression condition, Expression yes, Expression no);
  Expression increment(bool up, bool prefix, Span operator_span, Expression target);
  Expression tuple_field(Expression object, const Token& index);
  Expression record(Span span, Fields fields);
  Expressions named_arguments(Span span, Expressions before, Fields fields);
  Expression block_expression(Span span, Body body);
  void add_field(Fields& fields, const Token& name, Expression value);
  Statement assign(Span operator_span, Expression target, std::optional<ast::BinaryOp> op, Expression value);
  Statement loop(Span span, const Token& variable, Loop loop, Body body);
  Statement condition(Span span, bool comptime, Expression condition, Body yes, std::optional<Body> no);
  // `if` as a value: a block with nothing else in it, see BlockExpr::open.
  Body if_branch(Span span, bool comptime, Expression condition, Body yes, Body no);
  Expression if_expression(Span span, bool comptime, Expression condition, Body yes, Body no);
  ast::Block block(Body body) { return {body.span, std::move(body.statements), body.open}; }
  ast::BlockExpr macro_body(Body body);

  void attach_point(ast::Probe& probe, const Token& token);
  void probe_name(ast::Probe& probe, const Token& token);
  void config(Span keyword);
  void config_item(const Token& name, const Token& value);
  void map_declaration(Span span, const Token& name, const Token& type, const Token* entries, const Token* pin);
  void load(Span span, const Token& map, const Token& source);
  void macro_parameter(std::vector<ast::MacroParameter>& list, const Token& token, ast::MacroParameter::Kind kind);

  // What is wrong at the current token, given the kinds that could stand there.
  void syntax_error(const std::vector<Tok>& expected);

 private:
  void deep(Span span);
  bool leave_out_group(size_t at);
};

// The grammar, in grammar.y. False if the parser gave up before the end of the input.
bool run_grammar(Parse& parse);

}  // namespace awl::build
