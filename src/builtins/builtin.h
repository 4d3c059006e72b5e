#pragma once
// A builtin or function of the language: one row. To add one: a row in the file of its family, a case in tests; arity and argument
// checks, man page, completion and near names follow from the row.
#include <linux/bpf.h>

#include <optional>
#include <span>
#include <string_view>

#include "base/diagnostics.h"
#include "builtins/emit.h"
#include "parser/ast.h"
#include "probes/packet.h"
#include "probes/provider.h"
#include "types/settings.h"
#include "types/type.h"

namespace awl {

// A call as the checks see it.
class CallCheck {
 public:
  virtual ~CallCheck() = default;
  virtual TypeTable& types() = 0;
  virtual Diagnostics& diagnostics() = 0;
  virtual const Config& config() = 0;
  virtual const CompileOptions& options() = 0;
  virtual Host& host() = 0;
  virtual const Target& target() = 0;    // of the probe that is being checked
  virtual const Context& context() = 0;
  virtual ast::Expr& expr() = 0;         // the call's node; its span
  virtual ast::Call& call() = 0;

  // The language's type of a value out of the context (a row that returns one: retval, ctx).
  virtual Type context_type(const ContextType& type) = 0;
  // The name of the probe that runs, as `probe` shows it; nothing where one program runs for several targets.
  virtual std::optional<std::string> probe_name() = 0;
  // An option of the script's own (getopt): what was said of it first, here or elsewhere.
  virtual const artifact::Param& program_option(const artifact::Param& option) = 0;
  // Whether the script has a watchpoint that watch() knows by a name.
  virtual bool has_placement(std::string_view name) = 0;
  // Whether the map that argument i names has explicit keys.
  virtual bool keyed_map(size_t i) = 0;
  // For functions on elements: whether the kind of the map that argument i names has them; otherwise reported. (For maps as a whole that is checked before.)
  virtual bool check_map(size_t i) = 0;

  size_t count() { return call().args.size(); }
  ast::Expr& arg(size_t i) { return *call().args.at(i); }
  Type type(size_t i) { return arg(i).type; }
  // The value of an argument that is a literal (also a negated or folded one).
  std::optional<int64_t> integer(size_t i);
  std::optional<std::string> string(size_t i);
};

// A call as it is lowered. Arguments are evaluated when asked for, in the order asked.
class CallLower {
 public:
  virtual ~CallLower() = default;
  virtual Emit& emit() = 0;
  virtual const ast::Call& call() = 0;
  virtual TypeTable& types() = 0;
  virtual Type type() = 0;                 // of the result
  virtual const Config& config() = 0;
  virtual const Target& target() = 0;
  virtual const Context& context() = 0;
  virtual Host& host() = 0;
  size_t count() { return call().args.size(); }
  const ast::Expr& arg(size_t i) { return *call().args.at(i); }
  Type type(size_t i) { return arg(i).type; }
  virtual Value value(size_t i) = 0;       // a scalar argument in a register, at its type's width
  virtual Value value64(size_t i) = 0;     // extended to 64 bits by its sign
  virtual Value address(size_t i) = 0;     // memory that holds an argument of any type
  void into(size_t i, Value destination) { into(i, type(i), destination); }  // evaluates an argument into memory of its type's size
  virtual Value destination() = 0;         // lower_into rows: where the result goes (type()->size bytes)
  virtual Value access(const Access& access) = 0;      // a value out of the context, 64 bits
  virtual uint32_t param(artifact::ParamKind kind, std::string_view name) = 0;  // index of a parameter that planning made for this call
  // Reads `size` bytes from an address of kernel or user space; unreadable memory gives zeros.
  virtual void probe_read(Value to, uint32_t size, Value from, AddressSpace space) = 0;
  // Asynchronous rows: sends the event of this call's site, with the call's last arguments as the site lists them. With `fill` given the
  // payload is stored by it instead.
  virtual void send_event(const std::function<void(Value payload)>& fill = {}) = 0;
  // For helpers that read memory: warns under -k where `code`, the answer, is an error. Gives the code back.
  virtual Value check_read(Value code, bool user) = 0;
  // For helpers that hand something to the run side: counts a lost event of the running program where `code`, the answer, is an error. Gives
  // the code back.
  virtual Value check_sent(Value code) = 0;
  // An argument converted to type `to` and written to memory.
  virtual void into(size_t i, Type to, Value destination) = 0;
  // The address of a structure argument where it lies in the kernel, or of what a pointer argument points to; as the verifier knows it.
  virtual Value place(size_t i) = 0;
  // Sends the message that PlanCall::warn made, with the number in it.
  virtual void warn(Value number) = 0;
  // Index into Meta::strings of a text that planning added.
  virtual uint32_t string_index(std::string_view text) = 0;
  virtual Value probe_id() = 0;  // of the running program's target, see Kind::probe
  // Map rows: the value of the element that argument `map` with the key in argument `key` names (the MapRef's own key when `key` is the
  // map argument itself); the null address when absent.
  virtual Value find_element(size_t map, size_t key) = 0;
  virtual Value remove_element(size_t map, size_t key) = 0;  // 1 bit: whether it was there
  virtual uint32_t stack_room() = 0;  // bytes of the frames of the script's largest stack: of a value of awl_stacks
  // Sets the variable that argument `variable` names to the element's value if there is one. 1 bit: whether there is.
  virtual Value find_into(size_t map, size_t key, size_t variable) = 0;
  virtual Value count_elements(size_t map) = 0;  // 64 bits; none for a map without keys
  virtual Value has_element(size_t map, size_t key) = 0;  // 1 bit
  virtual Value map(size_t map) = 0;                      // the map itself, for helpers
  virtual Value map_key(size_t map, size_t key) = 0;      // address of the key as the map has it
  // Maps without places: a value goes in (the answer is the kernel's: 0, or what is wrong); one comes out, or is looked at, into a variable. 1 bit: whether there was one.
  virtual Value push(size_t map, size_t value) = 0;
  virtual Value take_into(size_t map, size_t variable, uint32_t helper) = 0;
  virtual Value packet_view(const PacketView& view) = 0;  // its address, null where the packet does not have it
  // Whether the memory of the result must have no undefined bytes behind the end of a string (it is a key or a map's value).
  virtual bool padded() = 0;
  // For map rows: the current element's value slot of the assignment target (aggregation functions), made when absent; null check done.
  // `piece`: which of a map without keys that lies in several (artifact::slot_piece).
  virtual void with_element(const std::function<void(Value slot)>& use, std::optional<Value> piece = {}) = 0;
};

enum class BuiltinFlag : uint32_t {
  none = 0,
  unsafe = 1,         // needs --unsafe
  async = 2,          // an event for the run side (Meta::sites)
  aggregation = 4,    // only as `@m = f(...)`
  no_value = 8,       // void
  variable = 16,      // may be written without parentheses
  ends_program = 32,  // exit
  arguments = 64,     // `args`: its value is Context::args, a program made for several matches is split where they differ
  names_target = 128,  // `probe`: differs from match to match, so a program for several matches reads the attach cookie
  needs_probe = 256,   // looks at the context or the target of the probe: not in functions of the script
  late = 1024,         // constant() only where a value is asked for when compiling; elsewhere the call stays and is answered when the program runs
  asks_types = 512,    // constant() looks at types: it is asked when they have settled
  numbered_argument = 32768,  // argN: where it is may depend on the place
  per_match = 2048,     // depends on the match at hand: a program made for several matches is split
  packet_view = 4096,   // part of the packet, `tcp`: true where the packet has it; its fields are those of the view of that name (probes/packet.h)
  context_fields = 8192,  // `ctx`, `skb`: its fields are Context::fields
  current_task = 65536,  // the current task itself
  task = 16384,         // about the current task: not where programs run for none
};
constexpr BuiltinFlag operator|(BuiltinFlag a, BuiltinFlag b) { return BuiltinFlag(uint32_t(a) | uint32_t(b)); }
constexpr bool operator&(BuiltinFlag a, BuiltinFlag b) { return (uint32_t(a) & uint32_t(b)) != 0; }

struct Builtin {
  std::string_view name;
  // Overloads separated by " | ". Parameter types: int (any integer), uint64 ..., string, pointer, any, map, "literal string",
  // "literal int", type name (`struct x`, which need not exist), constant (known when compiling, sizes and types included), mode (a bare word), variable (a scratch variable that is set), key (of the map argument before it; converted to the map's key type), value (put into the map argument before it); a parameter ($1) given where `string`
  // is among the alternatives is taken as its text; `= x` optional; `...` any further. E.g. "str(pointer|int address, int length = max) -> string".
  std::string_view signature;
  std::string_view doc;
  std::string_view example;  // a whole script that compiles without privilege
  std::string_view prints;   // what it prints when run, where that is always the same
  BuiltinFlag flags = BuiltinFlag::none;
  artifact::Action action = artifact::Action::printf;  // async rows
  // The result's type where the signature cannot say it. Runs in every round of inference: must not report.
  Type (*infer)(CallCheck&) = nullptr;
  // The literal, or record of literals, in place of a call; null: the call stays. Asked in rounds of inference when the types of the arguments
  // are known; may report, since a call is replaced once.
  ast::ExprPtr (*constant)(CallCheck&) = nullptr;
  // What the signature cannot say about the arguments. Runs once, after inference.
  void (*check)(CallCheck&) = nullptr;
  // Planning: what the run side must provide (parameters) or know (the site's text, map, top...).
  void (*plan)(CallCheck&, class PlanCall&) = nullptr;
  // Results in a register ...
  Value (*lower)(Emit&, CallLower&) = nullptr;
  // ... or written to CallLower::destination() (strings, stacks, ...).
  void (*lower_into)(Emit&, CallLower&) = nullptr;
};

// What a row's plan hook can add.
class PlanCall {
 public:
  virtual ~PlanCall() = default;
  virtual uint32_t param(artifact::Param param) = 0;       // adds or finds; CallLower::param gives it back
  virtual uint32_t string(std::string_view text) = 0;      // index into Meta::strings
  virtual artifact::Site& site() = 0;                      // async rows: this call's site; args were laid out from the arguments
  virtual void need(Feature feature, std::string_view construct) = 0;  // of the kernel: see artifact::Need
  virtual void require(std::string_view feature) = 0;      // of who runs the object: Meta::required
  virtual int32_t map_index(size_t arg) = 0;               // of a map argument
  // Rows that are not async: a message that CallLower::warn sends; {} stands for its number. Empty: what the number means as an error of `helper`.
  virtual void warn(std::string_view text, std::string_view helper = {}) = 0;
  virtual void lay_out_key(size_t arg) = 0;                // the key of a map element argument, in the map's key type, as the payload
  virtual void lay_out(size_t first_arg) = 0;              // args from first_arg on into the site's payload (default for async rows: 0)
};

// The rows behind a field that is no member of a structure: of the packet (`tcp.dest`), of the context (`skb.mark`). Null for other fields.
const PacketView* packet_view_of(const ast::Expr& object);
const PacketField* packet_field_of(const ast::Field& field);
const ContextField* context_field_of(const ast::Field& field, const Context& context);
Type packet_field_type(TypeTable& types, const PacketField& field);

std::span<const Builtin* const> builtins();       // sorted by name
// The rows by what they are about, for documentation.
struct Family {
  std::string_view title;
  std::span<const Builtin> rows;
};
std::span<const Family> families();
const Builtin* find_builtin(std::string_view name);
// Whether the name is a builtin that may be written without parentheses: what parse() wants to know to tell `(pid) * 2` from a cast.
bool is_value_builtin(std::string_view name);

// A word of the command line read as an integer literal (decimal or 0x, with or without `-`); nothing if it is none.
std::optional<ast::Integer> parameter_number(std::string_view text);

// A signature taken apart.
struct Parameter {
  std::string_view type, name;
  bool optional = false, rest = false;
};
struct Signature {
  std::vector<Parameter> parameters;
  std::string_view result;  // empty: none
};
const std::vector<Signature>& signatures(const Builtin& builtin);  // taken apart once

}  // namespace awl
