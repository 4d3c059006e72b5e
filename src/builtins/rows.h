#pragma once
// The families of rows, and what several of them share.
#include <fmt/format.h>

#include "builtins/builtin.h"

namespace awl {

std::span<const Builtin> process_rows();
std::span<const Builtin> control_rows();
std::span<const Builtin> network_rows();
std::span<const Builtin> time_rows();
std::span<const Builtin> context_rows();
std::span<const Builtin> string_rows();
std::span<const Builtin> text_rows();
std::span<const Builtin> stack_rows();
std::span<const Builtin> output_rows();
std::span<const Builtin> map_rows();
std::span<const Builtin> aggregation_rows();
std::span<const Builtin> query_rows();
std::span<const Builtin> compile_time_rows();
std::span<const Builtin> packet_rows();
std::span<const Builtin> socket_rows();

// The name of the kind of probe that a call stands in; "" where it stands in none.
std::string kind_of(CallCheck& c);

// The bare word of an argument of parameter type `mode`; empty if it is something else.
std::string_view mode_word(const ast::Expr& argument);
// A literal integer (negated ones included) or text of an expression.
std::optional<int64_t> literal_integer(const ast::Expr& e);
std::optional<std::string> literal_string(const ast::Expr& e);

// Process id in the tracer's pid namespace (upper half of the helper's answer: 32 bits), or the thread's id.
Value namespaced_id(Emit& e, CallLower& c, bool thread);
// Where an untyped address (an integer, a pointer without space) points, seen from the probe.
AddressSpace space_of(CallLower& c, Type t);

// Warns of an unstable feature, or reports it, as the config variable `name` (its value: `setting`) says.
void check_unstable(CallCheck& c, std::string_view setting, std::string_view feature, std::string_view name);

// Follows the user stack of the current task by the tables of artifact::unwind_rows. Writes at most `limit` addresses to `frames`, which has room for the
// next power of two of them, and gives their number. `pid`: the process's number, 32 bits; `unknown` runs where it has no tables.
Value unwind(Emit& e, Value pid, Value frames, uint32_t limit, const Emit::Code& unknown);

// printf formats: the conversions of a format, or what is wrong with it.
struct Conversion {
  char letter = 0;           // d i u x X o c p s r
  std::string_view variant;  // of r: "", "x", "h", "g" (%gr)
};
struct ParsedFormat {
  std::vector<Conversion> conversions;
  std::string error;  // "unsupported format specifier: f"
};
ParsedFormat parse_conversions(std::string_view format);

}  // namespace awl
