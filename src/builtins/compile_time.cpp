// What is known when compiling: questions about types, settings, the program's own options, and how a script stops its compilation.
#include <algorithm>

#include "base/diag/builtins.h"
#include "base/diag/imports.h"
#include "base/diag/statements.h"
#include "builtins/rows.h"
#include "probes/btf_lookup.h"

namespace awl {
namespace {

using artifact::Param;
using artifact::ParamKind;

ast::ExprPtr truth(CallCheck& c, bool value) { return ast::make(c.expr().span, ast::Boolean{value}); }

template <bool (*holds)(Type)>
ast::ExprPtr type_answer(CallCheck& c) {
  return c.type(0) ? truth(c, holds(c.type(0))) : nullptr;
}

bool is_array_type(Type t) { return t->kind == Kind::array; }
bool is_unsigned_type(Type t) { return is_integer(t) && !t->is_signed; }
bool is_pointer_type(Type t) { return is_pointer(t); }
bool is_string_type(Type t) { return is_string(t); }
bool is_integer_type(Type t) { return is_integer(t); }

// Literals, and tuples and records of them.
bool is_constant(const ast::Expr& e) {
  if (auto* tuple = std::get_if<ast::Tuple>(&e.node)) return std::ranges::all_of(tuple->elements, [](const ast::ExprPtr& x) { return is_constant(*x); });
  if (auto* record = std::get_if<ast::Record>(&e.node)) return std::ranges::all_of(record->fields, [](const ast::NamedExpr& f) { return is_constant(*f.value); });
  return std::holds_alternative<ast::Integer>(e.node) || std::holds_alternative<ast::String>(e.node) || std::holds_alternative<ast::Boolean>(e.node);
}

// ---- ending the compilation ----

void check_static_assert(CallCheck& c) {
  auto* boolean = std::get_if<ast::Boolean>(&c.arg(0).node);
  auto integer = c.integer(0);
  if (!boolean && !integer) c.diagnostics().report<Diag::comptime>(c.arg(0).span);
  else if (boolean ? !boolean->value : *integer == 0) c.diagnostics().report<Diag::static_assert_failed>(c.expr().span, c.string(1).value_or(""));
}

std::optional<std::string> literal_text(CallCheck& c, size_t i, char conversion) {
  if (auto text = c.string(i)) return *text;
  if (auto* boolean = std::get_if<ast::Boolean>(&c.arg(i).node)) return conversion == 's' ? (boolean->value ? "true" : "false") : boolean->value ? "1" : "0";
  auto* number = std::get_if<ast::Integer>(&c.arg(i).node);
  if (!number) return std::nullopt;
  switch (conversion) {
    case 'x': return fmt::format("{:x}", number->value);
    case 'X': return fmt::format("{:X}", number->value);
    case 'o': return fmt::format("{:o}", number->value);
    case 'p': return fmt::format("{:#x}", number->value);
    case 'c': return std::string(1, static_cast<char>(number->value));
    default: return number->negative ? fmt::to_string(static_cast<int64_t>(number->value)) : fmt::to_string(number->value);
  }
}

// The text of fail()'s message; flags and widths of conversions change nothing in it.
void check_fail(CallCheck& c) {
  std::string format = c.string(0).value_or(""), out;
  size_t next = 1;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out += format[i];
      continue;
    }
    size_t letter = format.find_first_not_of("-+ #0123456789.hljzt", i + 1);
    if (letter == format.npos) break;
    i = letter;
    if (format[letter] == '%') {
      out += '%';
      continue;
    }
    if (next >= c.count()) {
      ParsedFormat parsed = parse_conversions(format);
      c.diagnostics().report<Diag::format_few>(c.expr().span, c.count() - 1, parsed.conversions.size());
      return;
    }
    auto text = literal_text(c, next++, format[letter]);
    if (!text) {
      c.diagnostics().report<Diag::fail_literals>(c.arg(next - 1).span);
      return;
    }
    out += *text;
  }
  c.diagnostics().report<Diag::script_failed>(c.expr().span, out);
}

// ---- the settings ----

ast::ExprPtr settings_record(CallCheck& c) {
  const Config& s = c.config();
  Span span = c.expr().span;
  ast::Record record;
  auto add = [&](std::string_view name, auto node) { record.fields.push_back({std::string(name), span, ast::make(span, std::move(node))}); };
  auto flag = [&](std::string_view name, bool value) { add(name, ast::Boolean{value}); };
  auto number = [&](std::string_view name, uint64_t value) { add(name, ast::Integer{value}); };
  auto word = [&](std::string_view name, std::string_view value) { add(name, ast::String{std::string(value)}); };
  static constexpr std::string_view modes[] = {"bpftrace", "perf", "raw", "build_id"};
  flag("cpp_demangle", s.cpp_demangle);
  flag("lazy_symbolication", s.lazy_symbolication);
  flag("print_maps_on_exit", s.print_maps_on_exit);
  flag("use_blazesym", s.use_blazesym);
  flag("show_debug_info", s.show_debug_info);
  number("log_size", s.log_size);
  number("max_bpf_progs", s.max_bpf_progs);
  number("max_cat_bytes", s.max_cat_bytes);
  number("max_map_keys", s.max_map_keys);
  number("max_probes", s.max_probes);
  number("max_strlen", s.max_strlen);
  number("on_stack_limit", s.on_stack_limit);
  number("perf_rb_pages", s.perf_rb_pages);
  word("str_trunc_trailer", s.str_trunc_trailer);
  word("unstable_import_statement", s.unstable_import_statement);
  word("unstable_tseries", s.unstable_tseries);
  word("unstable_typeinfo", s.unstable_typeinfo);
  word("unstable_dw_ustack", s.unstable_dw_ustack);
  word("missing_probes", s.missing_probes);
  word("stack_mode", modes[static_cast<size_t>(s.stack_mode)]);
  word("license", s.license);
  return ast::make(span, std::move(record));
}

// ---- options of the script ----

// What a call of getopt asks for; nothing while its arguments are no literals.
std::optional<Param> wanted_option(CallCheck& c) {
  auto name = c.count() >= 1 ? c.string(0) : std::nullopt;
  if (!name) return std::nullopt;
  Param option{.kind = ParamKind::option_flag, .name = *name, .text = "false"};
  if (c.count() > 2) option.description = c.string(2).value_or("");
  if (c.count() < 2) return option;
  const ast::Expr& given = c.arg(1);
  if (auto* boolean = std::get_if<ast::Boolean>(&given.node)) {
    option.text = boolean->value ? "true" : "false";
  } else if (auto* integer = std::get_if<ast::Integer>(&given.node)) {
    option.kind = ParamKind::option_number;
    option.text = integer->negative ? fmt::to_string(static_cast<int64_t>(integer->value)) : fmt::to_string(integer->value);
  } else if (auto text = c.string(1)) {
    option.kind = ParamKind::option_text;
    option.text = *text;
    option.size = static_cast<uint32_t>(c.config().max_strlen);
  } else {
    return std::nullopt;
  }
  return option;
}

Type option_type(CallCheck& c) {
  std::optional<Param> option = wanted_option(c);
  if (!option) return nullptr;
  const Param& known = c.program_option(*option);
  switch (known.kind) {
    case ParamKind::option_text: return c.types().string(known.size);
    case ParamKind::option_number: return c.types().integer(8, true);
    default: return c.types().boolean();
  }
}

// False where another call of the same name says something else.
bool same_option(CallCheck& c, const Param& option) {
  const Param& known = c.program_option(option);
  if (known.kind != option.kind || known.text != option.text) {
    c.diagnostics().report<Diag::option_default>(c.expr().span, option.name, known.text);
    return false;
  }
  if (option.description.empty() || known.description == option.description) return true;
  c.diagnostics().report<Diag::option_description>(c.expr().span, option.name).hint("describe it in one place, for instance in a macro that all places call");
  return false;
}

void check_option(CallCheck& c) {
  if (auto option = wanted_option(c)) same_option(c, *option);
  else c.diagnostics().report<Diag::option_literal>(c.arg(1).span);
}

// The answer where the words of the command line are known: for what must be decided when compiling.
ast::ExprPtr option_constant(CallCheck& c) {
  std::optional<Param> option = wanted_option(c);
  if (!option || !c.options().parameters_known || !same_option(c, *option)) return nullptr;
  auto given = c.options().named.find(option->name);
  const std::string& text = given == c.options().named.end() ? option->text : given->second;
  Span span = c.expr().span;
  if (option->kind == ParamKind::option_text) return ast::make(span, ast::String{text});
  if (option->kind == ParamKind::option_flag) return truth(c, text == "true" || text == "1");
  auto number = parameter_number(text);
  return number ? ast::make(span, *number) : nullptr;
}

uint32_t option_param(CallLower& c) {
  std::string name = literal_string(c.arg(0)).value_or("");
  ParamKind kind = is_string(c.type()) ? ParamKind::option_text : is_boolean(c.type()) ? ParamKind::option_flag : ParamKind::option_number;
  return c.param(kind, name);
}

void lower_option(Emit& e, CallLower& c) {
  if (is_string(c.type())) return e.copy(c.destination(), e.param_address(option_param(c)), c.type()->size);
  Value v = e.param(option_param(c));
  e.store(c.destination(), is_boolean(c.type()) ? e.resize(v, 8, false) : v);
}

Value nothing(Emit&, CallLower&) { return {}; }

constexpr BuiltinFlag question = BuiltinFlag::asks_types;

const Builtin rows[] = {
    {.name = "static_assert",
     .signature = "static_assert(constant condition, literal string message)",
     .doc = "Ends compilation with the message unless the condition, which must be known then, is true.",
     .example = "begin { static_assert(sizeof(uint64) == 8, \"size\") }",
     .flags = BuiltinFlag::no_value,
     .check = check_static_assert,
     .lower = nothing},
    {.name = "fail",
     .signature = "fail(literal string format, any values...)",
     .doc = "Ends compilation with the message wherever the call is part of the program: only `if comptime` leaves it out. The values are literals.",
     .example = "begin { if comptime (sizeof(uint64) != 8) { fail(\"odd size\") } }",
     .flags = BuiltinFlag::no_value,
     .check = check_fail,
     .lower = nothing},
    {.name = "is_array",
     .signature = "is_array(any value) -> bool",
     .doc = "Whether the value is an array. Known when compiling.",
     .example = "begin { print(is_array(pton(\"127.0.0.1\"))) }",
     .flags = question,
     .constant = type_answer<is_array_type>},
    {.name = "is_integer",
     .signature = "is_integer(any value) -> bool",
     .doc = "Whether the value is an integer; a boolean is none. Known when compiling.",
     .example = "begin { print(is_integer(pid)) }",
     .flags = question,
     .constant = type_answer<is_integer_type>},
    {.name = "is_unsigned_integer",
     .signature = "is_unsigned_integer(any value) -> bool",
     .doc = "Whether the value is an integer without sign; literals have one. Known when compiling.",
     .example = "begin { print(is_unsigned_integer(pid)) }",
     .flags = question,
     .constant = type_answer<is_unsigned_type>},
    {.name = "is_ptr",
     .signature = "is_ptr(any value) -> bool",
     .doc = "Whether the value is a pointer. Known when compiling.",
     .example = "begin { print(is_ptr((int8*)0)) }",
     .flags = question,
     .constant = type_answer<is_pointer_type>},
    {.name = "is_str",
     .signature = "is_str(any value) -> bool",
     .doc = "Whether the value is a string; an array of bytes is none. Known when compiling.",
     .example = "begin { print(is_str(comm)) }",
     .flags = question,
     .constant = type_answer<is_string_type>},
    {.name = "is_literal",
     .signature = "is_literal(any value) -> bool",
     .doc = "Whether the value is a literal, or a tuple or record of literals. Known when compiling.",
     .example = "begin { print(is_literal(5)) }",
     .flags = question,
     .constant = [](CallCheck& c) { return c.type(0) ? truth(c, is_constant(c.arg(0))) : nullptr; }},
    {.name = "getopt",
     .signature = "getopt(literal string name, any default = false, literal string description = \"\") -> any",
     .doc = "An option of the program itself, given as --name=value behind `--`; a boolean one also as --name. It has the type of the default, a literal. "
            "`-- --help` shows the options and their descriptions. Programs that were built are given theirs when they run.",
     .example = "begin { print(getopt(\"count\", 5, \"how many\")) }",
     .flags = BuiltinFlag::late,
     .infer = option_type,
     .constant = option_constant,
     .check = check_option,
     .lower_into = lower_option},
    {.name = "config",
     .signature = "config() -> record",
     .doc = "A record of all settings, as the config block and the environment made them.",
     .example = "begin { print(config.max_strlen) }",
     .flags = BuiltinFlag::variable,
     .constant = settings_record},
    {.name = "default_str_length",
     .signature = "default_str_length() -> int64",
     .doc = "The setting max_strlen.",
     .example = "begin { print(default_str_length) }",
     .prints = "1024",
     .flags = BuiltinFlag::variable,
     .constant = [](CallCheck& c) { return ast::make(c.expr().span, ast::Integer{c.config().max_strlen}, c.types().integer(8, true)); }},
};

}  // namespace

std::span<const Builtin> compile_time_rows() { return rows; }

}  // namespace awl
