#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <unordered_map>

#include "builtins/rows.h"

namespace awl {
namespace {

std::vector<const Builtin*> collect() {
  std::vector<const Builtin*> rows;
  for (const Family& family : families())
    for (const Builtin& row : family.rows) rows.push_back(&row);
  std::ranges::sort(rows, {}, &Builtin::name);
  return rows;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

Parameter parse_parameter(std::string_view text) {
  Parameter parameter;
  if (size_t equals = text.find('='); equals != text.npos) {
    parameter.optional = true;
    text = trim(text.substr(0, equals));
  }
  if (text.ends_with("...")) {
    parameter.rest = true;
    text = trim(text.substr(0, text.size() - 3));
  }
  size_t blank = text.rfind(' ');
  parameter.type = trim(text.substr(0, blank == text.npos ? text.size() : blank));
  parameter.name = blank == text.npos ? text : text.substr(blank + 1);
  return parameter;
}

Signature parse_signature(std::string_view text) {
  Signature signature;
  size_t open = text.find('('), close = text.rfind(')');
  std::string_view inside = text.substr(open + 1, close - open - 1);
  while (!trim(inside).empty()) {
    size_t comma = inside.find(',');
    signature.parameters.push_back(parse_parameter(trim(inside.substr(0, comma))));
    inside = comma == inside.npos ? std::string_view{} : inside.substr(comma + 1);
  }
  if (size_t arrow = text.find("->", close); arrow != text.npos) signature.result = trim(text.substr(arrow + 2));
  return signature;
}

// "arg0" ... are one row, `argN`.
bool is_positional_argument(std::string_view name) {
  return name.size() > 3 && name.size() < 7 && name.starts_with("arg") &&
         std::ranges::all_of(name.substr(3), [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

std::span<const Family> families() {
  static const std::array all = {
      Family{"Processes, tasks and CPUs", process_rows()}, Family{"Time", time_rows()},
      Family{"The probe", context_rows()},                 Family{"Strings and memory", string_rows()},
      Family{"Text", text_rows()},                         Family{"Network", network_rows()},
      Family{"Stacks and symbols", stack_rows()},          Family{"Output", output_rows()},
      Family{"Changing what is traced", control_rows()},   Family{"Maps", map_rows()},
      Family{"Values of maps", aggregation_rows()},        Family{"Questions answered when compiling", compile_time_rows()},
      Family{"Questions to the kernel", query_rows()},     Family{"Packets", packet_rows()}, Family{"Sockets", socket_rows()},
  };
  return all;
}

std::span<const Builtin* const> builtins() {
  static const std::vector<const Builtin*> rows = collect();
  return rows;
}

const Builtin* find_builtin(std::string_view name) {
  if (is_positional_argument(name)) name = "argN";
  else if (name == "argN") return nullptr;
  auto rows = builtins();
  auto found = std::ranges::lower_bound(rows, name, {}, &Builtin::name);
  return found != rows.end() && (*found)->name == name ? *found : nullptr;
}

bool is_value_builtin(std::string_view name) {
  const Builtin* builtin = find_builtin(name);
  return builtin && (builtin->flags & BuiltinFlag::variable);
}

const std::vector<Signature>& signatures(const Builtin& builtin) {
  static std::unordered_map<const Builtin*, std::vector<Signature>> known;
  auto [found, fresh] = known.try_emplace(&builtin);
  std::vector<Signature>& result = found->second;
  if (!fresh) return result;
  std::string_view text = builtin.signature;
  while (!text.empty()) {
    size_t bar = text.find(" | ");
    result.push_back(parse_signature(trim(text.substr(0, bar))));
    text = bar == text.npos ? std::string_view{} : text.substr(bar + 3);
  }
  return result;
}

std::optional<int64_t> literal_integer(const ast::Expr& e) {
  if (auto* integer = std::get_if<ast::Integer>(&e.node)) return static_cast<int64_t>(integer->value);
  if (auto* unary = std::get_if<ast::Unary>(&e.node); unary && unary->op == ast::UnaryOp::negate)
    if (auto inner = literal_integer(*unary->operand)) return static_cast<int64_t>(-static_cast<uint64_t>(*inner));
  return std::nullopt;
}

std::optional<std::string> literal_string(const ast::Expr& e) {
  if (auto* string = std::get_if<ast::String>(&e.node)) return string->value;
  return std::nullopt;
}

std::optional<int64_t> CallCheck::integer(size_t i) { return literal_integer(arg(i)); }
std::optional<std::string> CallCheck::string(size_t i) { return literal_string(arg(i)); }

std::optional<ast::Integer> parameter_number(std::string_view text) {
  bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) base = 16, text.remove_prefix(2);
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!negative) return ast::Integer{value};
  if (value > uint64_t{1} << 63) return std::nullopt;
  return ast::Integer{~value + 1, value != 0};
}

std::string_view mode_word(const ast::Expr& argument) {
  if (auto* identifier = std::get_if<ast::Identifier>(&argument.node)) return identifier->name;
  return {};
}

AddressSpace space_of(CallLower& c, Type t) {
  if (is_pointer(t) && t->space != AddressSpace::none) return t->space;
  return c.context().user_pointers ? AddressSpace::user : AddressSpace::kernel;
}

}  // namespace awl
