%require "3.8"
%language "c++"
%define api.namespace {awl::build}
%define api.parser.class {Grammar}
%define api.value.type variant
%define api.location.type {awl::Span}
%define api.token.prefix {}
%define parse.error custom
%define parse.lac full
%define lr.type ielr
%expect 0
%parse-param {awl::build::Parse& run}

%code requires {
#include "parser/build.h"
}
%code {
#define YYLLOC_DEFAULT(current, rhs, n)                                              \
  do {                                                                               \
    if (n) (current) = awl::join(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, n));                 \
    else (current) = {YYRHSLOC(rhs, 0).file, YYRHSLOC(rhs, 0).end, YYRHSLOC(rhs, 0).end}; \
  } while (false)

namespace awl::build {
namespace {
Grammar::token_kind_type kind_of(Tok kind);
int yylex(Grammar::value_type* value, Span* place, Parse& run);
}
}
using awl::Span;
using awl::join;
using namespace awl::ast;
}
%lex-param {awl::build::Parse& run}

%token <const awl::Token*>
  end 0 bad shebang c_line c_text attach probe_name predicate_open predicate_close
  identifier variable map parameter integer string
  kw_config kw_import kw_let kw_load kw_pin kw_from kw_macro kw_fn kw_if kw_else kw_comptime kw_for kw_while kw_unroll kw_break kw_continue kw_return
  kw_true kw_false kw_sizeof kw_offsetof kw_typeof kw_typeinfo kw_struct kw_union kw_enum
  open_brace close_brace open_paren close_paren open_bracket close_bracket
  comma semicolon colon question dot arrow dot_dot
  assign assign_add assign_subtract assign_multiply assign_divide assign_modulo assign_and assign_or assign_xor assign_shift_left assign_shift_right
  increment decrement plus minus star slash percent shift_left shift_right less less_equal greater greater_equal equal not_equal
  ampersand caret pipe and_and or_or exclamation tilde
  expression_brace cast_open type_open key_open comptime_value skipped

%right question colon
%left or_or
%left and_and
%left pipe
%left caret
%left ampersand
%left equal not_equal
%left less less_equal greater greater_equal
%left shift_left shift_right
%left plus minus
%left star slash percent

%nterm <awl::build::Expression> expr value unary postfix primary map_reference call predicate
%nterm <awl::build::Expressions> arguments expressions
%nterm <awl::build::Statement> statement simple compound
%nterm <awl::build::Body> value_branch block body statements brace_body
%nterm <std::optional<awl::build::Body>> else_branch
%nterm <awl::build::Loop> loop_range
%nterm <awl::build::Fields> fields
%nterm <awl::build::Type> type type_base type_of tagged_type
%nterm <std::optional<awl::ast::BinaryOp>> assign_operator
%nterm <std::vector<std::string>> path
%nterm <awl::ast::Probe> attach_points probe_head
%nterm <std::vector<awl::ast::MacroParameter>> macro_parameters macro_parameter_list
%nterm <std::vector<awl::ast::FunctionParameter>> function_parameters function_parameter_list
%nterm <std::optional<awl::ast::TypeName>> function_result
%nterm <const awl::Token*> config_value map_size map_pin load_source

%%

script: items;

items: %empty | items item { run.recovered(); };

item:
    shebang { run.script.shebang = $1->text; }
  | c_line { run.script.c_definitions.push_back({@1, $1->text}); }
  | c_text { run.script.c_definitions.push_back({@1, $1->text}); }
  | config
  | import
  | map_declaration
  | load
  | macro
  | function
  | probe
  | error skipped { yyerrok; }
  ;

// ---- configuration, imports, declarations ----

config: config_start assign open_brace config_items close_brace { run.script.config_span = @$; }
  | config_start error skipped { yyerrok; }
  | config_start assign open_brace error close_brace { yyerrok; }
  ;
config_start: kw_config { run.config(@1); };
config_items: %empty | config_list | config_list semicolon;
config_list: config_item | config_list semicolon config_item;
config_item: identifier assign config_value { run.config_item(*$1, *$3); };
config_value: identifier { $$ = $1; } | integer { $$ = $1; } | string { $$ = $1; } | kw_true { $$ = $1; } | kw_false { $$ = $1; };

import: kw_import string semicolon { run.script.imports.push_back({join(@1, @2), $2->text}); }
  | kw_import error semicolon { yyerrok; }
  | kw_import error skipped { yyerrok; }
  ;

map_declaration: kw_let map assign identifier open_paren map_size close_paren map_pin optional_semicolon {
      run.map_declaration(join(@1, $8 ? @8 : @7), *$2, *$4, $6, $8);
    }
  | kw_let error semicolon { yyerrok; }
  | kw_let error skipped { yyerrok; }
  ;
map_size: %empty { $$ = nullptr; } | integer { $$ = $1; };
map_pin: %empty { $$ = nullptr; } | kw_pin open_paren string close_paren { $$ = $3; };
optional_semicolon: %empty | semicolon;

load: kw_load map kw_from load_source semicolon { run.load(join(@1, @4), *$2, *$4); }
  | kw_load error semicolon { yyerrok; }
  | kw_load error skipped { yyerrok; }
  ;
load_source: string { $$ = $1; } | parameter { $$ = $1; };

macro: kw_macro identifier open_paren macro_parameters close_paren block {
      run.script.macros.push_back({@$, $2->text, @2, std::move($4), run.macro_body(std::move($6))});
      run.seen_items = true;
    };
macro_parameters: %empty {} | macro_parameter_list { $$ = std::move($1); };
macro_parameter_list:
    identifier { run.macro_parameter($$, *$1, MacroParameter::expression); }
  | variable { run.macro_parameter($$, *$1, MacroParameter::variable); }
  | map { run.macro_parameter($$, *$1, MacroParameter::map); }
  | macro_parameter_list comma identifier { $$ = std::move($1); run.macro_parameter($$, *$3, MacroParameter::expression); }
  | macro_parameter_list comma variable { $$ = std::move($1); run.macro_parameter($$, *$3, MacroParameter::variable); }
  | macro_parameter_list comma map { $$ = std::move($1); run.macro_parameter($$, *$3, MacroParameter::map); }
  ;

function: kw_fn identifier open_paren function_parameters close_paren function_result block {
      run.script.functions.push_back({@$, $2->text, @2, std::move($4), std::move($6), run.block(std::move($7))});
      run.seen_items = true;
    };
function_parameters: %empty {} | function_parameter_list { $$ = std::move($1); };
function_parameter_list:
    variable colon type { $$.push_back({$1->text, std::move($3.type), @$}); }
  | function_parameter_list comma variable colon type { $$ = std::move($1); $$.push_back({$3->text, std::move($5.type), join(@3, @5)}); }
  ;
function_result: %empty { $$ = std::nullopt; } | colon type { $$ = std::move($2.type); };

// ---- probes ----

probe: probe_head predicate block {
      Probe probe = std::move($1);
      Body body = std::move($3);
      probe.span = @$;
      probe.predicate = std::move($2.node);
      probe.body = run.block(std::move(body));
      run.script.probes.push_back(std::move(probe));
      run.seen_items = true;
    };
probe_head: attach_points { $$ = std::move($1); } | attach_points comma { $$ = std::move($1); };
attach_points:
    attach { run.attach_point($$, *$1); }
  | probe_name attach { run.probe_name($$, *$1); run.attach_point($$, *$2); }
  | attach_points comma attach { $$ = std::move($1); run.attach_point($$, *$3); }
  | attach_points kw_else attach { $$ = std::move($1); run.attach_point($$, *$3); $$.attach_points.back().alternative = true; }
  ;
predicate: %empty {} | predicate_open expr predicate_close { $$ = std::move($2); };

// ---- statements ----

block: open_brace body close_brace { $$ = std::move($2); $$.span = @$; run.recovered(); };
brace_body: expression_brace body close_brace { $$ = std::move($2); $$.span = @$; run.recovered(); };

body:
    statements { $$ = std::move($1); }
  | statements simple {
      $$ = std::move($1);
      Statement last = std::move($2);
      $$.depth = std::max($$.depth, last.depth);
      $$.statements.push_back(std::move(last.node));
      $$.open = true;
    }
  | statements error { $$ = std::move($1); }
  ;
statements:
    %empty {}
  | statements statement {
      $$ = std::move($1);
      Statement next = std::move($2);
      $$.depth = std::max($$.depth, next.depth);
      $$.open = next.open;
      if (next.node) $$.statements.push_back(std::move(next.node));
      run.recovered();
    }
  ;
statement:
    simple semicolon { $$ = std::move($1); }
  | compound { $$ = std::move($1); $$.open = true; }
  | compound semicolon { $$ = std::move($1); }
  | error semicolon { yyerrok; }
  | error skipped { yyerrok; }
  ;

simple:
    expr { uint32_t depth = $1.depth; $$ = run.stmt(@$, ExprStmt{std::move($1.node)}, depth); }
  | expr assign_operator value { $$ = run.assign(@2, std::move($1), std::move($2), std::move($3)); }
  | kw_let variable { $$ = run.stmt(@$, Let{$2->text, @2, std::nullopt, nullptr}, 0); }
  | kw_let variable assign value { uint32_t depth = $4.depth; $$ = run.stmt(@$, Let{$2->text, @2, std::nullopt, std::move($4.node)}, depth); }
  | kw_let variable colon type { uint32_t depth = $4.depth; $$ = run.stmt(@$, Let{$2->text, @2, std::move($4.type), nullptr}, depth); }
  | kw_let variable colon type assign value {
      uint32_t depth = std::max($4.depth, $6.depth);
      $$ = run.stmt(@$, Let{$2->text, @2, std::move($4.type), std::move($6.node)}, depth);
    }
  | kw_break { $$ = run.stmt(@$, Break{}, 0); }
  | kw_continue { $$ = run.stmt(@$, Continue{}, 0); }
  | kw_return { $$ = run.stmt(@$, Return{}, 0); }
  | kw_return expr { uint32_t depth = $2.depth; $$ = run.stmt(@$, Return{std::move($2.node)}, depth); }
  ;
// Of an assignment: also an `if` whose branches give a value.
value:
    expr { $$ = std::move($1); }
  | kw_if expr block kw_else block { $$ = run.if_expression(@$, false, std::move($2), std::move($3), std::move($5)); }
  | kw_if expr block kw_else value_branch { $$ = run.if_expression(@$, false, std::move($2), std::move($3), std::move($5)); }
  | kw_if kw_comptime expr block kw_else block { $$ = run.if_expression(@$, true, std::move($3), std::move($4), std::move($6)); }
  | kw_if kw_comptime expr block kw_else value_branch { $$ = run.if_expression(@$, true, std::move($3), std::move($4), std::move($6)); }
  ;
value_branch:
    kw_if expr block kw_else block { $$ = run.if_branch(@$, false, std::move($2), std::move($3), std::move($5)); }
  | kw_if expr block kw_else value_branch { $$ = run.if_branch(@$, false, std::move($2), std::move($3), std::move($5)); }
  | kw_if kw_comptime expr block kw_else block { $$ = run.if_branch(@$, true, std::move($3), std::move($4), std::move($6)); }
  | kw_if kw_comptime expr block kw_else value_branch { $$ = run.if_branch(@$, true, std::move($3), std::move($4), std::move($6)); }
  ;
assign_operator:
    assign { $$ = std::nullopt; }
  | assign_add { $$ = BinaryOp::add; }
  | assign_subtract { $$ = BinaryOp::subtract; }
  | assign_multiply { $$ = BinaryOp::multiply; }
  | assign_divide { $$ = BinaryOp::divide; }
  | assign_modulo { $$ = BinaryOp::modulo; }
  | assign_and { $$ = BinaryOp::bit_and; }
  | assign_or { $$ = BinaryOp::bit_or; }
  | assign_xor { $$ = BinaryOp::bit_xor; }
  | assign_shift_left { $$ = BinaryOp::shift_left; }
  | assign_shift_right { $$ = BinaryOp::shift_right; }
  ;

compound:
    kw_if expr block else_branch { $$ = run.condition(@$, false, std::move($2), std::move($3), std::move($4)); }
  | kw_if kw_comptime expr block else_branch { $$ = run.condition(@$, true, std::move($3), std::move($4), std::move($5)); }
  | kw_for variable colon loop_range block { $$ = run.loop(@$, *$2, std::move($4), std::move($5)); }
  | kw_for open_paren variable colon loop_range close_paren block { $$ = run.loop(@$, *$3, std::move($5), std::move($7)); }
  | kw_while expr block { uint32_t depth = std::max($2.depth, $3.depth); $$ = run.stmt(@$, While{std::move($2.node), run.block(std::move($3))}, depth); }
  | kw_unroll expr block { uint32_t depth = std::max($2.depth, $3.depth); $$ = run.stmt(@$, Unroll{std::move($2.node), run.block(std::move($3))}, depth); }
  | block { uint32_t depth = $1.depth; $$ = run.stmt(@$, run.block(std::move($1)), depth); }
  ;
else_branch:
    %empty { $$ = std::nullopt; }
  | kw_else block { $$ = std::move($2); }
  | kw_else kw_if expr block else_branch {
      Statement nested = run.condition(join(@2, @$), false, std::move($3), std::move($4), std::move($5));
      $$ = Body{join(@2, @$), {}, nested.depth, true};
      $$->statements.push_back(std::move(nested.node));
    }
  | kw_else kw_if kw_comptime expr block else_branch {
      Statement nested = run.condition(join(@2, @$), true, std::move($4), std::move($5), std::move($6));
      $$ = Body{join(@2, @$), {}, nested.depth, true};
      $$->statements.push_back(std::move(nested.node));
    }
  ;
loop_range:
    expr { $$.from = std::move($1); }
  | expr dot_dot expr { $$.from = std::move($1); $$.to = std::move($3); }
  ;

// ---- expressions ----

expr:
    unary { $$ = std::move($1); }
  | expr star expr { $$ = run.binary(BinaryOp::multiply, std::move($1), std::move($3)); }
  | expr slash expr { $$ = run.binary(BinaryOp::divide, std::move($1), std::move($3)); }
  | expr percent expr { $$ = run.binary(BinaryOp::modulo, std::move($1), std::move($3)); }
  | expr plus expr { $$ = run.binary(BinaryOp::add, std::move($1), std::move($3)); }
  | expr minus expr { $$ = run.binary(BinaryOp::subtract, std::move($1), std::move($3)); }
  | expr shift_left expr { $$ = run.binary(BinaryOp::shift_left, std::move($1), std::move($3)); }
  | expr shift_right expr { $$ = run.binary(BinaryOp::shift_right, std::move($1), std::move($3)); }
  | expr less expr { $$ = run.binary(BinaryOp::less, std::move($1), std::move($3)); }
  | expr less_equal expr { $$ = run.binary(BinaryOp::less_equal, std::move($1), std::move($3)); }
  | expr greater expr { $$ = run.binary(BinaryOp::greater, std::move($1), std::move($3)); }
  | expr greater_equal expr { $$ = run.binary(BinaryOp::greater_equal, std::move($1), std::move($3)); }
  | expr equal expr { $$ = run.binary(BinaryOp::equal, std::move($1), std::move($3)); }
  | expr not_equal expr { $$ = run.binary(BinaryOp::not_equal, std::move($1), std::move($3)); }
  | expr ampersand expr { $$ = run.binary(BinaryOp::bit_and, std::move($1), std::move($3)); }
  | expr caret expr { $$ = run.binary(BinaryOp::bit_xor, std::move($1), std::move($3)); }
  | expr pipe expr { $$ = run.binary(BinaryOp::bit_or, std::move($1), std::move($3)); }
  | expr and_and expr { $$ = run.binary(BinaryOp::logical_and, std::move($1), std::move($3)); }
  | expr or_or expr { $$ = run.binary(BinaryOp::logical_or, std::move($1), std::move($3)); }
  | expr question expr colon expr { $$ = run.ternary(std::move($1), std::move($3), std::move($5)); }
  | expr question colon expr { $$ = run.ternary(std::move($1), Expression{}, std::move($4)); }
  ;
unary:
    postfix { $$ = std::move($1); }
  | minus unary { $$ = run.unary(UnaryOp::negate, @1, std::move($2)); }
  | exclamation unary { $$ = run.unary(UnaryOp::logical_not, @1, std::move($2)); }
  | tilde unary { $$ = run.unary(UnaryOp::bit_not, @1, std::move($2)); }
  | star unary { $$ = run.unary(UnaryOp::dereference, @1, std::move($2)); }
  | ampersand unary { $$ = run.unary(UnaryOp::address_of, @1, std::move($2)); }
  | increment unary { $$ = run.increment(true, true, @1, std::move($2)); }
  | decrement unary { $$ = run.increment(false, true, @1, std::move($2)); }
  | cast_open type close_paren unary {
      uint32_t depth = std::max($2.depth, $4.depth);
      Expression operand = std::move($4);
      Span span = join(@1, operand.node->span);
      $$ = run.expr(span, Cast{std::move($2.type), std::move(operand.node)}, depth);
    }
  | comptime_value unary {
      $$ = std::move($2);
      $$.node->comptime = true;
    }
  ;
postfix:
    primary { $$ = std::move($1); }
  | postfix open_bracket expr close_bracket {
      Expression object = std::move($1);
      uint32_t depth = std::max(object.depth, $3.depth);
      Span span = join(object.node->span, @4);
      $$ = run.expr(span, Index{std::move(object.node), std::move($3.node), nullptr}, depth);
    }
  | postfix open_bracket expr colon expr close_bracket {
      Expression object = std::move($1);
      uint32_t depth = std::max({object.depth, $3.depth, $5.depth});
      Span span = join(object.node->span, @6);
      $$ = run.expr(span, Index{std::move(object.node), std::move($3.node), std::move($5.node)}, depth);
    }
  | postfix dot identifier { Expression object = std::move($1); Span span = join(object.node->span, @3); $$ = run.expr(span, Field{std::move(object.node), $3->text, @3}, object.depth); }
  | postfix arrow identifier { Expression object = std::move($1); Span span = join(object.node->span, @3); $$ = run.expr(span, Field{std::move(object.node), $3->text, @3}, object.depth); }
  | postfix dot integer { $$ = run.tuple_field(std::move($1), *$3); }
  | postfix increment { $$ = run.increment(true, false, @2, std::move($1)); }
  | postfix decrement { $$ = run.increment(false, false, @2, std::move($1)); }
  ;
primary:
    integer { $$ = run.expr(@$, Integer{$1->value}, 0); }
  | string { $$ = run.expr(@$, String{$1->text}, 0); }
  | kw_true { $$ = run.expr(@$, Boolean{true}, 0); }
  | kw_false { $$ = run.expr(@$, Boolean{false}, 0); }
  | identifier { $$ = run.expr(@$, Identifier{$1->text}, 0); }
  | kw_config { $$ = run.expr(@$, Identifier{$1->text}, 0); }
  | variable { $$ = run.expr(@$, Variable{$1->text}, 0); }
  | parameter { $$ = run.expr(@$, Parameter{static_cast<uint32_t>($1->value)}, 0); }
  | map_reference { $$ = std::move($1); }
  | call { $$ = std::move($1); }
  | open_paren expr close_paren { $$ = std::move($2); }
  | open_paren close_paren { $$ = run.expr(@$, Tuple{}, 0); }
  | open_paren expr comma close_paren {
      Expression first = std::move($2);
      Tuple tuple;
      tuple.elements.push_back(std::move(first.node));
      $$ = run.expr(@$, std::move(tuple), first.depth);
    }
  | open_paren expr comma expressions optional_comma close_paren {
      Expression first = std::move($2);
      Expressions rest = std::move($4);
      rest.list.insert(rest.list.begin(), std::move(first.node));
      $$ = run.expr(@$, Tuple{std::move(rest.list)}, std::max(first.depth, rest.depth));
    }
  | open_paren fields close_paren { $$ = run.record(@$, std::move($2)); }
  | kw_sizeof open_paren expr close_paren { uint32_t depth = $3.depth; $$ = run.expr(@$, SizeOf{std::nullopt, std::move($3.node)}, depth); }
  | kw_sizeof type_open type close_paren { uint32_t depth = $3.depth; $$ = run.expr(@$, SizeOf{std::move($3.type), nullptr}, depth); }
  | kw_typeinfo open_paren expr close_paren { uint32_t depth = $3.depth; $$ = run.expr(@$, TypeInfo{std::nullopt, std::move($3.node)}, depth); }
  | kw_typeinfo type_open type close_paren { uint32_t depth = $3.depth; $$ = run.expr(@$, TypeInfo{std::move($3.type), nullptr}, depth); }
  | kw_offsetof open_paren expr comma path close_paren { uint32_t depth = $3.depth; $$ = run.expr(@$, OffsetOf{std::nullopt, std::move($3.node), std::move($5)}, depth); }
  | kw_offsetof type_open type comma path close_paren { uint32_t depth = $3.depth; $$ = run.expr(@$, OffsetOf{std::move($3.type), nullptr, std::move($5)}, depth); }
  | type_of { uint32_t depth = $1.depth; $$ = run.expr(@$, TypeOf{std::move($1.type)}, depth); }
  | tagged_type { $$ = run.expr(@$, TypeOf{std::move($1.type)}, 0); }
  | brace_body { $$ = run.block_expression(@$, std::move($1)); }
  ;
optional_comma: %empty | comma;
map_reference:
    map { $$ = run.expr(@$, MapRef{$1->text, {}, false}, 0); }
  | map key_open expressions close_bracket { uint32_t depth = $3.depth; $$ = run.expr(@$, MapRef{$1->text, std::move($3.list), true}, depth); }
  ;
call: identifier open_paren arguments close_paren {
      uint32_t depth = $3.depth;
      $$ = run.expr(@$, Call{$1->text, @1, std::move($3.list)}, depth);
    };
// Named arguments, at the end, are one argument: the record of them.
arguments: %empty {}
  | expressions { $$ = std::move($1); }
  | fields { $$ = run.named_arguments(@1, Expressions{}, std::move($1)); }
  | expressions comma fields { $$ = run.named_arguments(@3, std::move($1), std::move($3)); }
  ;
expressions:
    value { $$.depth = $1.depth; $$.list.push_back(std::move($1.node)); }
  | expressions comma value {
      $$ = std::move($1);
      Expression next = std::move($3);
      $$.depth = std::max($$.depth, next.depth);
      $$.list.push_back(std::move(next.node));
    }
  ;
fields:
    identifier assign expr { run.add_field($$, *$1, std::move($3)); }
  | fields comma identifier assign expr { $$ = std::move($1); run.add_field($$, *$3, std::move($5)); }
  ;
path:
    identifier { $$.push_back($1->text); }
  | path dot identifier { $$ = std::move($1); $$.push_back($3->text); }
  ;

// ---- types ----

type:
    type_base { $$ = std::move($1); }
  | type star { $$ = std::move($1); $$.type.span = @$; $$.type.suffixes.push_back({TypeSuffix::pointer, std::nullopt}); }
  | type open_bracket integer close_bracket { $$ = std::move($1); $$.type.span = @$; $$.type.suffixes.push_back({TypeSuffix::array, $3->value}); }
  | type open_bracket close_bracket { $$ = std::move($1); $$.type.span = @$; $$.type.suffixes.push_back({TypeSuffix::array, std::nullopt}); }
  ;
type_base:
    identifier { $$.type.span = @$; $$.type.name = $1->text; }
  | tagged_type { $$ = std::move($1); }
  | type_of { $$ = std::move($1); }
  ;
tagged_type:
    kw_struct identifier { $$.type.span = @$; $$.type.name = "struct " + $2->text; }
  | kw_union identifier { $$.type.span = @$; $$.type.name = "union " + $2->text; }
  | kw_enum identifier { $$.type.span = @$; $$.type.name = "enum " + $2->text; }
  ;
type_of:
    kw_typeof open_paren expr close_paren { $$.type.span = @$; $$.depth = $3.depth; $$.type.of = std::move($3.node); }
  | kw_typeof type_open type close_paren { $$ = std::move($3); $$.type.span = @$; }
  ;

%%

namespace awl::build {
namespace {

constexpr Grammar::token_kind_type kinds[] = {
#define T(name, text) Grammar::token::name,
#include "lexer/token.def"
#undef T
};

Grammar::token_kind_type kind_of(Tok kind) { return kinds[static_cast<size_t>(kind)]; }

int yylex(Grammar::value_type* value, Span* place, Parse& run) {
  const Token& token = run.take();
  value->emplace<const Token*>(&token);
  *place = token.span;
  return kind_of(token.kind);
}

}  // namespace

void Grammar::error(const Span& span, const std::string& message) { run.error(span, message); }

void Grammar::report_syntax_error(const context& at) const {
  symbol_kind_type symbols[YYNTOKENS];
  int count = at.expected_tokens(symbols, YYNTOKENS);
  std::vector<Tok> expected;
  for (int i = 0; i < count; ++i)
    for (size_t kind = 0; kind < std::size(kinds); ++kind)
      if (yytranslate_(kinds[kind]) == symbols[i]) expected.push_back(static_cast<Tok>(kind));
  run.syntax_error(expected);
  run.begin_recovery();
}

bool run_grammar(Parse& parse) {
  Grammar grammar(parse);
  return grammar.parse() == 0;
}

}  // namespace awl::build
