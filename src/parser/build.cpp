#include "parser/build.h"
#include "base/diag/syntax.h"

namespace awl::build {

using namespace ast;

const Token& Parse::take() {
  if (give_skipped) {
    give_skipped = false;
    return skipped;
  }
  if (recovering && leave_out_group(next)) return take();
  if (diagnostics.error_count() > max_errors) {
    next = input.tokens.size() - 1;
    input.cut_short = true;
  }
  const Token& token = input.tokens[std::min(next, input.tokens.size() - 1)];
  if (next < input.tokens.size()) ++next;
  return token;
}

// Whether the { } group at `at` ends what recovery leaves out: not if the statement goes on behind it.
bool Parse::leave_out_group(size_t at) {
  if (at >= input.tokens.size()) return false;
  const Token& token = input.tokens[at];
  bool opens = token.kind == Tok::open_brace || token.kind == Tok::expression_brace;
  if (!opens || input.partner[at] == at) return false;
  next = input.partner[at] + 1;
  Tok following = input.tokens[next].kind;
  bool goes_on = following == Tok::close_paren || (following >= Tok::close_bracket && following <= Tok::tilde && following != Tok::increment && following != Tok::decrement);
  if (goes_on) return true;
  skipped = {Tok::skipped, token.span, {}, 0};
  give_skipped = true;
  return true;
}

void Parse::begin_recovery() {
  recovering = true;
  if (next > 0) leave_out_group(next - 1);
}

void Parse::deep(Span span) {
  if (too_deep) return;
  too_deep = true;
  span.end = std::min(span.end, span.begin + 1);  // all of it would fill the screen
  error(span, fmt::format("nested too deeply, at most {} levels are possible", max_depth));
}

Expression Parse::unary(UnaryOp op, Span operator_span, Expression operand) {
  Span span = join(operator_span, operand.node->span);
  const auto* integer = std::get_if<Integer>(&operand.node->node);
  if (op == UnaryOp::negate && integer && integer->value > uint64_t{1} << 63) diagnostics.report<Diag::negative_underflow>(span);
  if (op == UnaryOp::address_of && !std::holds_alternative<Variable>(operand.node->node) && !std::holds_alternative<MapRef>(operand.node->node))
    error(operand.node->span, "address-of operator (&) can only be used on a map or variable");
  return expr(span, Unary{op, std::move(operand.node)}, operand.depth);
}

Expression Parse::binary(BinaryOp op, Expression left, Expression right) {
  Span span = join(left.node->span, right.node->span);
  uint32_t depth = std::max(left.depth, right.depth);
  return expr(span, Binary{op, std::move(left.node), std::move(right.node)}, depth);
}

Expression Parse::ternary(Expression condition, Expression yes, Expression no) {
  Span span = join(condition.node->span, no.node->span);
  uint32_t depth = std::max({condition.depth, yes.depth, no.depth});
  return expr(span, Ternary{std::move(condition.node), std::move(yes.node), std::move(no.node)}, depth);
}

Expression Parse::increment(bool up, bool prefix, Span operator_span, Expression target) {
  Span span = join(operator_span, target.node->span);
  if (!std::holds_alternative<Variable>(target.node->node) && !std::holds_alternative<MapRef>(target.node->node))
    error(prefix ? target.node->span : operator_span, "increment/decrement requires a variable or map");
  return expr(span, IncDec{up, prefix, std::move(target.node)}, target.depth);
}

Expression Parse::tuple_field(Expression object, const Token& index) {
  Span span = join(object.node->span, index.span);
  if (index.value > UINT32_MAX) error(index.span, "a tuple's index must be below 4294967296");
  return expr(span, TupleField{std::move(object.node), static_cast<uint32_t>(index.value)}, object.depth);
}

void Parse::add_field(Fields& fields, const Token& name, Expression value) {
  Span span = join(name.span, value.node->span);
  for (const NamedExpr& other : fields.list)
    if (other.name == name.text) error(span, fmt::format("Named argument list already contains name: {}", name.text)).note(other.span, "it was first given here");
  fields.depth = std::max(fields.depth, value.depth);
  fields.list.push_back({name.text, span, std::move(value.node)});
}

Expression Parse::record(Span span, Fields fields) { return expr(span, Record{std::move(fields.list)}, fields.depth); }

Expressions Parse::named_arguments(Span span, Expressions before, Fields fields) {
  Expression named = record(span, std::move(fields));
  before.depth = std::max(before.depth, named.depth);
  before.list.push_back(std::move(named.node));
  return before;
}

BlockExpr Parse::macro_body(Body body) {
  BlockExpr out{std::move(body.statements), nullptr, body.open};
  if (!body.open || out.statements.empty()) return out;
  if (auto* last = std::get_if<ExprStmt>(&out.statements.back()->node)) {
    ExprPtr value = std::move(last->value);
    out.statements.pop_back();
    out.value = std::move(value);
  }
  return out;
}

Expression Parse::block_expression(Span span, Body body) {
  uint32_t depth = body.depth;
  return expr(span, macro_body(std::move(body)), depth);
}

Statement Parse::assign(Span operator_span, Expression target, std::optional<BinaryOp> op, Expression value) {
  Span span = join(target.node->span, value.node->span);
  uint32_t depth = std::max(target.depth, value.depth);
  if (const auto* name = std::get_if<Identifier>(&target.node->node); name && name->name == "_" && !op)
    return stmt(span, Discard{std::move(value.node)}, depth);
  // A field of a builtin may be one of a hook's context, `skb.mark`: which, is known later.
  const auto* field = std::get_if<Field>(&target.node->node);
  if (field && std::holds_alternative<Identifier>(field->object->node)) return stmt(span, Assign{std::move(target.node), op, std::move(value.node)}, depth);
  if (std::holds_alternative<TupleField>(target.node->node) || field)
    error(span, "Tuples and records are immutable once created. Consider creating a new value and assigning it instead.");
  else if (std::holds_alternative<Index>(target.node->node))
    error(span, "invalid assignment target").hint("only scratch variables ($x), maps (@x) and their elements (@x[key]) can be assigned to");
  else if (!std::holds_alternative<Variable>(target.node->node) && !std::holds_alternative<MapRef>(target.node->node))
    error(operator_span, "expected ';'").hint("only scratch variables ($x), maps (@x) and their elements (@x[key]) can be assigned to");
  return stmt(span, Assign{std::move(target.node), op, std::move(value.node)}, depth);
}

Statement Parse::loop(Span span, const Token& variable, Loop range, Body body) {
  uint32_t depth = std::max({range.from.depth, range.to.depth, body.depth});
  if (range.to.node) return stmt(span, ForRange{variable.text, variable.span, std::move(range.from.node), std::move(range.to.node), block(std::move(body))}, depth);
  const auto* map = std::get_if<MapRef>(&range.from.node->node);
  if (!map || map->keyed) error(range.from.node->span, "expected map or range in for loop").hint("write `for $kv : @map { ... }` or `for $i : 0..10 { ... }`");
  return stmt(span, ForMap{variable.text, variable.span, std::move(range.from.node), block(std::move(body))}, depth);
}

Statement Parse::condition(Span span, bool comptime, Expression condition, Body yes, std::optional<Body> no) {
  uint32_t depth = std::max({condition.depth, yes.depth, no ? no->depth : 0});
  std::optional<Block> other;
  if (no) other = block(std::move(*no));
  return stmt(span, If{std::move(condition.node), comptime, block(std::move(yes)), std::move(other)}, depth);
}

Body Parse::if_branch(Span span, bool comptime, Expression condition, Body yes, Body no) {
  Statement nested = this->condition(span, comptime, std::move(condition), std::move(yes), std::move(no));
  Body out{span, {}, nested.depth, true};
  out.statements.push_back(std::move(nested.node));
  return out;
}

Expression Parse::if_expression(Span span, bool comptime, Expression condition, Body yes, Body no) {
  return block_expression(span, if_branch(span, comptime, std::move(condition), std::move(yes), std::move(no)));
}

void Parse::attach_point(Probe& probe, const Token& token) {
  AttachPoint point{.span = token.span, .text = token.text, .parts = {}, .part_spans = {}};
  std::string part;
  uint32_t begin = token.span.begin;
  bool quoted = false;
  auto finish = [&](uint32_t end) {
    point.parts.push_back(std::move(part));
    point.part_spans.push_back({token.span.file, begin, end});
    part.clear();
  };
  for (uint32_t i = 0; i < token.text.size(); ++i) {
    char c = token.text[i];
    if (c == '"') quoted = !quoted;
    else if (c == '\\' && quoted && i + 1 < token.text.size()) part += token.text[++i];
    else if (c == ':' && !quoted) {
      finish(token.span.begin + i);
      begin = token.span.begin + i + 1;
    } else part += c;
  }
  finish(token.span.end);
  probe.attach_points.push_back(std::move(point));
}

void Parse::probe_name(Probe& probe, const Token& token) { probe.name = token.text.substr(0, token.text.find_first_of(" \t\r\n\f\v=")); }

void Parse::config(Span keyword) {
  if (seen_items) error(keyword, "config must appear before probes and functions");
  else if (script.config_span) error(keyword, "there can be only one config block").note(script.config_span, "it was first given here");
}

void Parse::config_item(const Token& name, const Token& value) {
  script.config.push_back({name.text, name.span, value.text, value.span, value.kind == Tok::string});
}

void Parse::map_declaration(Span span, const Token& name, const Token& type, const Token* entries, const Token* pin) {
  if (entries && entries->value == 0) error(entries->span, "expected positive integer for map declaration max entries");
  script.maps.push_back({span, name.text, type.text, type.span, entries ? entries->value : 0, pin ? pin->text : "", pin ? pin->span : Span{}});
  seen_items = true;
}

void Parse::load(Span span, const Token& map, const Token& source) {
  if (source.kind == Tok::parameter && source.value == 0) error(source.span, "expected file name: a string, or a positional parameter such as $1");
  if (source.kind == Tok::parameter) script.loads.push_back({span, map.text, map.span, "", static_cast<uint32_t>(source.value), source.span});
  else script.loads.push_back({span, map.text, map.span, source.text, 0, source.span});
  seen_items = true;
}

void Parse::macro_parameter(std::vector<MacroParameter>& list, const Token& token, MacroParameter::Kind kind) {
  for (const MacroParameter& other : list)
    if (other.name == token.text) diagnostics.report<Diag::duplicate_macro_parameter>(token.span, token.text).note(other.span, "it was first used here");
  list.push_back({kind, token.text, token.span});
}

}  // namespace awl::build

namespace awl {

ast::Script parse(const Sources& sources, uint32_t file, Diagnostics& diagnostics, IsBuiltin is_builtin) {
  build::Parse parse{sources, file, diagnostics, prepare(lex(sources, file, diagnostics), is_builtin), is_builtin, {}};
  parse.script.file = file;
  build::run_grammar(parse);
  return std::move(parse.script);
}

}  // namespace awl
