#pragma once
// The verbs that the language is lowered with. LLVM implements them (codegen/llvm_emit.cpp); tests implement them as a recorder that
// writes a line per verb. No LLVM type appears here.
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "base/source.h"
#include "probes/provider.h"
#include "types/type.h"

namespace awl {

// A value in a register: an integer of 1, 8, 16, 32 or 64 bits, or an address. Only the Emit that made it knows more.
struct Value {
  uint32_t id = 0;  // 0: no value
  explicit operator bool() const { return id != 0; }
};

enum class Op : uint8_t { add, sub, mul, udiv, sdiv, umod, smod, bit_and, bit_or, bit_xor, shl, lshr, ashr };
enum class Compare : uint8_t { eq, ne, ult, ule, ugt, uge, slt, sle, sgt, sge };

// How a helper behaves, for the optimiser.
enum class Effect : uint8_t {
  pure,   // same answer within one run of the program, no side effect: merged, dropped if unused
  reads,  // no side effect but answers vary or memory is read: dropped if unused
  full,
};

class Emit {
 public:
  virtual ~Emit() = default;

  // --- constants ---
  virtual Value imm(uint64_t value, unsigned bits = 64) = 0;
  virtual Value bytes(std::string_view data) = 0;  // address of read-only data (not NUL-terminated by itself)
  virtual Value zeros(uint32_t size) = 0;          // address of `size` read-only zero bytes
  virtual Value null() = 0;                        // the null address
  virtual Value param(uint32_t index) = 0;         // Meta::params[index], a u64, loaded from .rodata (the verifier knows it)
  virtual Value param_address(uint32_t index) = 0;

  // --- integers; operands have equal width ---
  virtual Value binary(Op op, Value a, Value b) = 0;
  virtual Value compare(Compare op, Value a, Value b) = 0;  // 1 bit; addresses may be compared too
  virtual Value select(Value condition, Value yes, Value no) = 0;
  virtual Value resize(Value v, unsigned bits, bool is_signed) = 0;  // extends or truncates; bits 1: v != 0; an address becomes its number
  virtual Value to_address(Value v) = 0;                             // a number as address
  virtual unsigned width(Value v) = 0;                               // bits; 64 for addresses

  // --- memory ---
  virtual Value slot(uint32_t size, uint32_t align = 8) = 0;  // stack storage that lives until the enclosing scope() ends
  virtual Value scratch(uint32_t size) = 0;                   // storage of this run of the program off the stack (per-CPU, private even when nested or preempted)
  virtual Value load(Value address, unsigned bits, uint32_t offset = 0) = 0;
  virtual void store(Value address, Value v, uint32_t offset = 0) = 0;
  virtual Value load_address(Value address, uint32_t offset = 0) = 0;  // a pointer stored in memory
  virtual void copy(Value to, Value from, uint32_t size) = 0;          // both 8-aligned or align says; never a call
  virtual void zero(Value to, uint32_t size) = 0;
  virtual Value offset(Value address, Value bytes) = 0;  // address + bytes (64 bit)
  Value offset(Value address, uint64_t bytes) { return bytes ? offset(address, imm(bytes)) : address; }
  // A compiler barrier: keeps the verifier-friendly form of a bounds check from being optimised away. Returns v. With `present`, all that the optimiser
  // knows is that v is an address and not null; branches that ask for it are decided where they can be.
  virtual Value opaque(Value v, bool present = false) = 0;

  // --- kernel types (CO-RE relocated) ---
  virtual Value field_offset(Type structure, const Member& member) = 0;  // byte offset as 64-bit constant of the running kernel
  // A bit-field of the running kernel: load `size` bytes (1, 2, 4 or 8) from field_offset() into the low bytes of a u64 (little-endian), shift
  // it left by `left_shift` bits and then right by `right_shift`, arithmetically if signed. 64-bit constants.
  enum class FieldFact : uint8_t { size, left_shift, right_shift };
  virtual Value field_fact(Type structure, const Member& member, FieldFact fact);  // by default those of the layout compiled with
  virtual Value field_exists(Type structure, std::string_view member) = 0;
  virtual Value type_size(Type structure) = 0;

  // Whether the running kernel takes a program's word for what a pointer points to (bpf_rdonly_cast): 1 bit, known to the verifier.
  virtual Value has_typed_pointers() = 0;
  // Where it does: any address as one of a kernel structure whose members may be loaded directly. What cannot be read gives 0.
  virtual Value typed_pointer(Value address, Type structure) = 0;

  // --- context ---
  virtual Value context() = 0;
  virtual Value context_load(unsigned bits, uint32_t offset) = 0;  // from the context: kept as one instruction with a constant offset
  virtual Value context_load(unsigned bits, const BytesAccess& at) = 0;  // relocated
  virtual void context_store(uint32_t offset, Value v) = 0;

  // Index of the match that the program runs for (per_target programs): bpf_get_attach_cookie, or artifact::cookie_placeholder
  // where the feature parameter `attach_cookie` (index into Meta::params) is 0.
  virtual Value cookie(uint32_t feature_param) = 0;

  // --- calls ---
  virtual Value helper(uint32_t id, std::initializer_list<Value> args, Effect effect = Effect::full) = 0;  // 64-bit result; id: enum bpf_func_id
  virtual Value helper_address(uint32_t id, std::initializer_list<Value> args, Effect effect = Effect::full) = 0;  // result is an address

  // A function of the kernel (kfunc) by its BTF name, with its types as C writes them: "void", "s32", "u32", "u64", "struct NAME *". The result is null
  // for void, an address for a pointer, else 64 bits.
  struct KernelFunction {
    std::string_view name, result;
    std::initializer_list<std::string_view> parameters;
  };
  virtual Value kernel_function(const KernelFunction& function, std::initializer_list<Value> args) = 0;

  // --- maps and globals ---
  virtual Value map(int32_t index) = 0;            // the BPF map of Meta::maps[index]
  virtual Value named_map(std::string_view name) = 0;  // awl_events ...
  virtual Value global(uint64_t offset) = 0;       // address in .bss (awl_globals)
  virtual void atomic_add(Value address, Value v) = 0;  // result not used: one instruction on every kernel

  // --- control ---
  using Code = std::function<void()>;
  using Yield = std::function<Value()>;
  virtual void branch(Value condition, const Code& yes, const Code& no = {}, bool likely = true) = 0;
  virtual Value choose(Value condition, const Yield& yes, const Yield& no) = 0;  // both of one width
  virtual void scope(const Code& code) = 0;
  // for (i = from; i < to; ++i) with 64-bit signed i; `body` gets i. The emitted loop is one that the verifier accepts when
  // `limit` (an upper bound of the number of turns known when compiling) is not 0.
  virtual void loop(Value from, Value to, uint64_t limit, const std::function<void(Value)>& body) = 0;
  // A loop whose number of turns nobody knows when compiling: while (next()) body(). `next` gives 1 bit, in every turn anew. The verifier accepts it as
  // an open-coded iterator where the kernel has them (the feature parameter `iterators` is not 0: at most `most_turns`), elsewhere because it ends
  // after `least_turns`. When either end is reached `cut` runs.
  struct Endless {
    uint32_t iterators = 0;  // index into Meta::params
    uint64_t least_turns = 0;
  };
  static constexpr uint64_t most_turns = 8u << 20;  // BPF_MAX_LOOPS of the kernel
  virtual void repeat(const Endless& how, const Yield& next, const Code& body, const Code& cut) = 0;
  // The same with bpf_loop, at most `most_turns`: `next` and `body` are a callback, see each().
  virtual void repeat_by_callback(const Yield& next, const Code& body, const Code& cut) = 0;
  // For each element of a hash map (bpf_for_each_map_elem): the body is a callback, in which all verbs work as outside; what it uses of the values around
  // it reaches it through memory on the stack. leave_loop(), next_turn() and leave() work. What the body changes and others read must not be a
  // slot() made outside: kernels before 6.7 look at the body once and then know its values for certain, also those of the next turn. scratch() will do.
  virtual void each(Value map, const std::function<void(Value key, Value value)>& body) = 0;
  // Calls the BPF function `name` of this program, made by `body` at its first call. Arguments are integers (64 bits in the body) or addresses; the result
  // has 64 bits. In the body nothing may be used of what is around it, and leave() returns from the function.
  virtual Value subprogram(std::string_view name, std::span<const Value> args, const std::function<void(std::span<const Value> params)>& body) = 0;
  // Code that runs here, once, and may be compiled as a function beside the program: what is too long for one is cut into such parts. All verbs work in it
  // as outside; leave_loop() and next_turn() only for loops that it has itself.
  virtual void part(const Code& code) { code(); }
  // Calls a function of an object that is linked to this one later. Arguments are integers or addresses, `parameters` their types; `result` none: nothing
  // comes back, else an integer or pointer of its width.
  virtual Value external(std::string_view name, std::span<const Value> args, std::span<const Type> parameters, Type result) = 0;
  virtual void leave_loop() = 0;  // break
  virtual void next_turn() = 0;   // continue
  virtual void leave(Value result = {}) = 0;  // ends the program; code that follows in the block is dropped

  // --- place: source line of what follows, for .BTF.ext ---
  virtual void at(Span span) = 0;
};

// The bytes of an integer of `bits` in reverse order: shifts of which the optimiser makes one instruction.
Value swap_bytes(Emit& e, Value v, unsigned bits);

}  // namespace awl
