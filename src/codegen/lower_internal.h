#pragma once
// Lowering of one program, shared by the lower_*.cpp files.
#include <map>
#include <string>
#include <vector>

#include "builtins/builtin.h"
#include "codegen/lower.h"

namespace awl {

// How bytes at an address are read.
enum class Memory : uint8_t {
  own,     // the program's: stack, scratch, maps, events, read-only data
  kernel,  // with bpf_probe_read_kernel
  user,    // with bpf_probe_read_user
  direct,  // through a pointer that the verifier knows by BTF: scalars are loaded, the rest is read as kernel memory
};
struct Place {
  Value address;
  Memory memory = Memory::own;
};

unsigned bits_of(Type t);  // width of a scalar in a register: a boolean has 1

class Lowering {
 public:
  Lowering(const Unit& unit, const ProbeInstance& instance, size_t program_index, Emit& emit);
  void program();

  // --- expressions ---
  // A scalar in a register, at bits_of(e.type); an aggregation gives its merged 64-bit value.
  Value scalar(const ast::Expr& e);
  Value number(const ast::Expr& e, Type to);  // converted
  Value number64(const ast::Expr& e);         // extended by its own sign
  Value condition(const ast::Expr& e);        // 1 bit
  // The value of any type, converted, at `to_address`. With `pad`, no byte stays undefined: string tails and gaps between fields are zero.
  void into(const ast::Expr& e, Type to, Value to_address, bool pad);
  Value address(const ast::Expr& e);          // own memory that holds the value (not to be written)
  Place place(const ast::Expr& e);
  void discard(const ast::Expr& e);           // for its effects

  Value offset_of(const ast::OffsetOf& node);
  Value unary(const ast::Expr& e, const ast::Unary& node);
  Value ternary(const ast::Expr& e, const ast::Ternary& node);
  Value cast(const ast::Expr& e, const ast::Cast& node);
  void cast_into(const ast::Expr& e, const ast::Cast& node, Type to, Value to_address, bool pad);
  Value field_scalar(const ast::Expr& e);
  Value bit_field(Place from, Type structure, const Member& member, Type type);
  Value index_scalar(const ast::Expr& e, const ast::Index& node);
  Place index_place(const ast::Index& node);
  void zero_gaps(Type tuple, Value at);
  void arguments_into(Type to, Value to_address);
  static std::optional<uint64_t> literal_of(const ast::Expr& e);

  // --- memory (lower_memory.cpp) ---
  Value memory(uint32_t size, uint32_t align = 8);
  Value load_scalar(Value from, Type t, uint32_t offset = 0);
  void store_scalar(Value to, Value v, Type t, uint32_t offset = 0);
  Value convert(Value v, Type from, Type to);
  Value read_scalar(Place from, Type t);
  void read(Place from, Type from_type, Type to_type, Value to, bool pad, bool source_padded);
  void probe_read(Value to, uint32_t size, Value from, bool user);
  void literal(std::string_view text, uint32_t size, Value to);
  bool is_padded(const ast::Expr& e);
  Memory memory_of(Type pointer);
  bool is_direct(const ast::Expr& e);
  Place field_place(const ast::Field& field);
  Value element_size(Type t);
  const ContextField* context_field(const ast::Expr& e);
  Value access(const Access& access);
  Place access_place(const Access& access);
  Value function_address();
  // --- places (lower_places.cpp) ---
  // A 64-bit value out of the row of places_map for where the program runs; 0 if there is no row.
  Value from_place(const std::function<Value(Value row)>& use);
  Value place_argument(uint32_t index);

  // --- operators (lower_operators.cpp) ---
  Value binary(const ast::Expr& e, const ast::Binary& node);
  Value arithmetic(ast::BinaryOp op, Value a, Value b, bool is_signed, const ast::Expr* divisor, int32_t division_site);
  Value division(ast::BinaryOp op, Value a, Value b, bool is_signed, const ast::Expr* divisor, int32_t site);
  Value pointer_arithmetic(ast::BinaryOp op, Value pointer, Type type, const ast::Expr& amount);
  Value comparison(const ast::Binary& node);
  Value equal_memory(Value a, Type ta, Value b, Type tb, bool padded, uint32_t align);
  static uint32_t alignment(const ast::Expr& e);
  Value equal_strings(const ast::Expr& left, const ast::Expr& right);
  Value equal_literal(const ast::Expr& e, const std::string& text);
  Value equal_bytes(Value a, Value b, uint32_t size, uint32_t align);
  Value increment(const ast::Expr& e, const ast::IncDec& node, bool used);

  // --- maps (lower_maps.cpp) ---
  const MapInfo& map_info(const ast::Expr& map);
  const artifact::Map& stored(const MapInfo& info) const { return unit.meta.maps.at(static_cast<size_t>(info.index)); }
  Value key(const MapInfo& info, const ast::Expr& key);
  Value key(const ast::Expr& map);
  Value find(const MapInfo& info, Value key);
  Value map_scalar(const ast::Expr& e);
  Value map_address(const ast::Expr& e);
  void assign_map(const ast::Expr& target, const ast::Expr& value);
  // target = f(old); returns the old or the new value.
  void add_to_map(const ast::Expr& target, Value amount);
  Value modify_map(const ast::Expr& target, const std::function<Value(Value)>& change, bool want_old);
  // What a map operation answered. Before Linux 6.4 the operations return an int, which leaves the upper half of the register undefined.
  Value map_result(Value code);
  void update(const ast::Expr& target, const MapInfo& info, Value key, Value value, uint64_t flags);
  void with_element(const ast::Expr& target, const std::function<void(Value)>& use);
  Value remove(const ast::Expr& map, const ast::Expr& key);
  Value find_into(const ast::Expr& map, const ast::Expr& key, const ast::Expr& variable);
  Value merged(const MapInfo& info, Value key);

  // --- events (lower_events.cpp) ---
  void send(int32_t site, const std::function<void(Value payload)>& fill);
  void send_call(const ast::Call& call, const std::function<void(Value payload)>& fill);
  void runtime_error(int32_t site, Value code);

  // --- calls (lower_calls.cpp) ---
  Value call(const ast::Expr& e, const ast::Call& call);
  void call_into(const ast::Expr& e, const ast::Call& call, Value to, bool pad);
  Value function_call(const ast::Expr& e, const ast::Call& node, Value to);
  void function(const FunctionInstance& function, std::span<const Value> params);
  void return_statement(const ast::Return& node);
  void aggregate(const ast::Expr& target, const ast::Expr& value);

  // --- statements (lower_statements.cpp) ---
  void block(const std::vector<ast::StmtPtr>& statements);
  void statement(const ast::Stmt& s);
  void assign(const ast::Stmt& s, const ast::Assign& assign);
  void make_variables(const std::map<std::string, VariableInfo>& variables, const ast::Block& body);
  Value variable(const std::string& name);
  void let(const ast::Let& node);
  void if_statement(const ast::If& node);
  void for_range(const ast::Stmt& s, const ast::ForRange& node);
  void for_map(const ast::ForMap& node);

  // Index of a parameter, -1 if planning made none.
  int64_t find_param(artifact::ParamKind kind, std::string_view name = {}, uint32_t index = 0) const;
  Value param(artifact::ParamKind kind, std::string_view name = {}, uint32_t index = 0);  // 0 if there is none
  Value probe_id();
  static int32_t site_of(const std::map<const void*, int32_t>& sites, const void* node);

  const Unit& unit;
  const ProbeInstance& instance;
  size_t program_index;
  Emit& emit;
  TypeTable& types;

 private:
  Value current_task_group();

  void endless(const ast::Stmt& s, const ast::Block& body, const Emit::Yield& next, const Emit::Code& turn, Value counter = {});

  std::map<std::string, Value> variables_;
  const FunctionInstance* function_ = nullptr;  // its body is lowered
  Value result_place_;                          // where its result goes if it is no number
  uint64_t turns_left_ = 0;                     // of loops without a known end on kernels without iterators, all nested ones multiplied
};

}  // namespace awl
