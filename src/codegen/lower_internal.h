#pragma once
// Lowering of one program, shared by the lower_*.cpp files.
#include <map>
#include <optional>
#include <set>
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

// The headers of the packet that a program sees. What is known while the packet is walked through stands in variables, which the optimiser keeps in registers.
class PacketLowering {
 public:
  PacketLowering(const PacketSource& source, Emit& e);
  // Finds the views that will be asked for; at the program's start, so that all that asks stands behind.
  void find(const std::set<PacketView::Kind>& used);
  Value view(const PacketView& view);  // its address, or null
  Value length();                      // 32 bits
  void part(Value to, Value offset, uint32_t limit);  // up to `limit` bytes from an offset on, as a buffer

 private:
  void pull();
  Value variable(Value first);
  bool wanted(std::initializer_list<PacketView::Kind> kinds) const;
  // Places in the packet: addresses, or offsets where it is read piece by piece.
  Value start();
  Value place();
  Value behind(Value place, Value bytes);
  Value forgotten(Value place);
  void move_on(Value place, uint64_t bytes);
  // Where the packet has `size` bytes at a place: `use` gets where they can be read, and the place again.
  void header(Value place, uint32_t size, const std::function<void(Value header, Value place)>& use);
  void link();
  void tags(uint32_t left);
  void network();
  void ip4();
  void ip6();
  void extension();
  void transport();

  const PacketSource& source_;
  Emit& emit;
  std::set<PacketView::Kind> used_;
  Value data_, end_;
  // Variables: the EtherType of what stands at place_ as it lies in memory, and the protocol of it once that is a transport header; 0 where there is none.
  Value place_, type_, protocol_;
  std::map<PacketView::Kind, Value> found_;  // variables too
  std::map<PacketView::Kind, Value> views_;
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
  void address_into_prefix(const ast::Expr& e, Value prefix);
  void zero_gaps(Type tuple, Value at);
  static std::optional<uint64_t> literal_of(const ast::Expr& e);

  // --- memory (lower_memory.cpp) ---
  Value memory(uint32_t size, uint32_t align = 8);
  Value load_scalar(Value from, Type t, uint32_t offset = 0);
  void store_scalar(Value to, Value v, Type t, uint32_t offset = 0);
  Value convert(Value v, Type from, Type to);
  Value read_scalar(Place from, Type t);
  void read(Place from, Type from_type, Type to_type, Value to, bool pad, bool source_padded);
  void probe_read(Value to, uint32_t size, Value from, bool user);
  // What a helper that reads memory answered; under -k an error is reported at the place of the expression that is being evaluated.
  Value check_read(Value code, bool user);
  void count_lost_event();
  void absent(const ast::Expr& map);  // under -k: the element is not there
  void literal(std::string_view text, uint32_t size, Value to);
  bool is_padded(const ast::Expr& e);
  Memory memory_of(Type pointer);
  bool is_direct(const ast::Expr& e);
  Place field_place(const ast::Field& field);
  const ast::Expr* chain_root(const ast::Expr& e);
  Value through_typed_pointers(const ast::Expr& e, const ast::Expr& root);
  Value element_size(Type t);
  const ContextField* context_field(const ast::Expr& e);
  Value access(const Access& access);
  Place access_place(const Access& access);
  Place context_bytes(const ContextField& field);
  Value function_address();
  // --- places (lower_places.cpp) ---
  // A 64-bit value out of the row of places_map for where the program runs; 0 if there is no row.
  Value from_place(const std::function<Value(Value row)>& use);
  Value place_argument(uint32_t index);

  // --- packets (lower_packet.cpp) ---
  void find_packet();
  Value packet_view(const PacketView& view) { return packet_->view(view); }
  Value packet_scalar(const PacketView& view, const PacketField& field, Type type);
  Place packet_bytes(const PacketView& view, const PacketField& field);
  Place packet_part(const ast::Expr& offset, uint32_t limit);

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
  void add_to_map(const ast::Expr& target, Value amount);
  // target = f(old); returns the old or the new value.
  Value modify_map(const ast::Expr& target, const std::function<Value(Value)>& change, bool want_old);
  // What a map operation answered. Before Linux 6.4 the operations return an int, which leaves the upper half of the register undefined.
  Value map_result(Value code);
  void update(const ast::Expr& target, const MapInfo& info, Value key, Value value, uint64_t flags);
  Value made_if_absent(const ast::Expr& target, const MapInfo& info, Value key, Value element);
  void with_element(const ast::Expr& target, const std::function<void(Value)>& use, std::optional<Value> piece = {});
  Value remove(const ast::Expr& map, const ast::Expr& key);
  Value find_into(const ast::Expr& map, const ast::Expr& key, const ast::Expr& variable);
  Value has_element(const ast::Expr& map, const ast::Expr& key);
  Value push(const ast::Expr& map, const ast::Expr& value);
  Value take_into(const ast::Expr& map, const ast::Expr& variable, uint32_t helper);
  Value merged(const MapInfo& info, Value key);
  // Adds up the values of all CPUs in two words of memory.
  void merge(const MapInfo& info, Value key, Value total, Value updates);

  // --- events (lower_events.cpp) ---
  void send(int32_t site, const std::function<void(Value payload)>& fill);
  void send_call(const ast::Call& call, const std::function<void(Value payload)>& fill);
  void send_element(int32_t number, const artifact::Site& site, const ast::Expr& element);
  void runtime_error(int32_t site, Value code);

  // --- calls (lower_calls.cpp) ---
  Value call(const ast::Expr& e, const ast::Call& call);
  void call_into(const ast::Expr& e, const ast::Call& call, Value to, bool pad);
  Value function_call(const ast::Expr& e, const ast::Call& node, Value to);
  void function(const FunctionInstance& function, std::span<const Value> params);
  void sequence_call(const ast::Call& call);
  void return_statement(const ast::Return& node);
  Value verdict(const ast::Expr& e, const Verdicts& verdicts);
  void aggregate(const ast::Expr& target, const ast::Expr& value);

  // --- statements (lower_statements.cpp) ---
  void block(const std::vector<ast::StmtPtr>& statements);
  void run(std::span<const ast::StmtPtr> statements);
  void unroll(const ast::Unroll& node);
  void steps();
  void run_only(const Context::Only& only);
  void statement(const ast::Stmt& s);
  void assign(const ast::Stmt& s, const ast::Assign& assign);
  void assign_context(const ast::Stmt& s, const ast::Assign& assign);
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

  // The sites for unreadable memory of the innermost expression that is being evaluated.
  class ReadPlace {
   public:
    ReadPlace(Lowering& lowering, const ast::Expr& e);
    ReadPlace(const ReadPlace&) = delete;
    ~ReadPlace();

   private:
    Lowering* lowering_;
    Unit::ReadSites before_;
  };
  Unit::ReadSites read_sites_;

  std::map<std::string, Value> variables_;
  std::optional<PacketLowering> packet_;
  const FunctionInstance* function_ = nullptr;  // its body is lowered
  Value result_place_;                          // where its result goes if it is no number
  const ast::Expr* typed_root_ = nullptr;       // where a chain of pointers begins that is being read through typed pointers, and its value
  Value typed_root_value_;
  const bool callback_loops_;                   // loops without a known end are bpf_loop's
  uint64_t turns_left_ = 0;                     // of loops without a known end on kernels without iterators, all nested ones multiplied
};

}  // namespace awl
