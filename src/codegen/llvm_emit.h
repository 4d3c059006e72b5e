#pragma once
// The verbs of builtins/emit.h on LLVM's IRBuilder.
#include <llvm/IR/IRBuilder.h>

#include <map>
#include <vector>

#include "builtins/emit.h"
#include "codegen/llvm_object.h"

namespace awl::codegen {

class LlvmEmit final : public Emit {
 public:
  // Begins the function of meta.programs[program].
  // Without another value the program returns `usual`.
  LlvmEmit(Object& object, size_t program, const std::string& section, Span place, int64_t usual);
  // Ends it. Fails when it needs more scratch memory than the kernel can give.
  Result<> finish();

  Value imm(uint64_t value, unsigned bits) override;
  Value bytes(std::string_view data) override;
  Value zeros(uint32_t size) override;
  Value null() override;
  Value param(uint32_t index) override;
  Value param_address(uint32_t index) override;

  Value binary(Op op, Value a, Value b) override;
  Value compare(Compare op, Value a, Value b) override;
  Value select(Value condition, Value yes, Value no) override;
  Value resize(Value v, unsigned bits, bool is_signed) override;
  Value to_address(Value v) override;
  unsigned width(Value v) override;

  Value slot(uint32_t size, uint32_t align) override;
  Value scratch(uint32_t size) override;
  Value load(Value address, unsigned bits, uint32_t offset) override;
  void store(Value address, Value v, uint32_t offset) override;
  Value load_address(Value address, uint32_t offset) override;
  void copy(Value to, Value from, uint32_t size) override;
  void zero(Value to, uint32_t size) override;
  using Emit::offset;
  Value offset(Value address, Value bytes) override;
  Value opaque(Value v, bool present = false) override;

  Value field_offset(Type structure, const Member& member) override;
  Value field_fact(Type structure, const Member& member, FieldFact fact) override;
  Value field_exists(Type structure, std::string_view member) override;
  Value type_size(Type structure) override;
  Value has_typed_pointers() override;
  Value typed_pointer(Value address, Type structure) override;

  Value context() override;
  Value context_load(unsigned bits, uint32_t offset) override;
  Value context_load(unsigned bits, const BytesAccess& at) override;
  void context_store(uint32_t offset, Value v) override;
  Value cookie(uint32_t feature_param) override;

  Value helper(uint32_t id, std::initializer_list<Value> args, Effect effect) override;
  Value helper_address(uint32_t id, std::initializer_list<Value> args, Effect effect) override;

  Value kernel_function(const KernelFunction& function, std::initializer_list<Value> args) override;

  Value map(int32_t index) override;
  Value named_map(std::string_view name) override;
  Value global(uint64_t offset) override;
  void atomic_add(Value address, Value v) override;

  void branch(Value condition, const Code& yes, const Code& no, bool likely) override;
  Value choose(Value condition, const Yield& yes, const Yield& no) override;
  void scope(const Code& code) override;
  void loop(Value from, Value to, uint64_t limit, const std::function<void(Value)>& body) override;
  void repeat(const Endless& how, const Yield& next, const Code& body, const Code& cut) override;
  void repeat_by_callback(const Yield& next, const Code& body, const Code& cut) override;
  void each(Value map, const std::function<void(Value, Value)>& body) override;
  Value subprogram(std::string_view name, std::span<const Value> args, const std::function<void(std::span<const Value>)>& body) override;
  Value external(std::string_view name, std::span<const Value> args, std::span<const Type> parameters, Type result) override;
  void part(const Code& code) override;
  void leave_loop() override;
  void next_turn() override;
  void leave(Value result) override;

  void at(Span span) override;

 private:
  struct Slot {
    llvm::AllocaInst* storage = nullptr;
    uint32_t size = 0;
  };
  struct LoopBlocks {
    llvm::BasicBlock *next = nullptr, *end = nullptr;
    llvm::AllocaInst* iterator = nullptr;  // to be destroyed on the way out where the kernel has iterators
    uint32_t feature = 0;                  // the parameter that says so
  };
  // A function around the one that is being filled in. A callback belongs to the program or function around it, its root.
  struct Frame {
    llvm::Function* function = nullptr;
    llvm::DISubprogram* subprogram = nullptr;
    llvm::BasicBlock *entry = nullptr, *exit = nullptr;
    llvm::AllocaInst* result = nullptr;
    bool callback = false, leaves = false, by_kernel = false;
    std::vector<LoopBlocks> loops;
    llvm::BasicBlock* resume = nullptr;  // where it goes on
    llvm::DebugLoc place;
  };
  struct Subprogram {
    llvm::Function* function = nullptr;
    bool uses_scratch = false;
  };

  Value wrap(llvm::Value* value);
  llvm::Value* raw(Value v) const;
  llvm::Value* number(Value v);   // an address becomes its number
  llvm::Value* address(Value v);  // a number becomes an address
  llvm::Value* condition(Value v);
  llvm::IntegerType* integer(unsigned bits);
  llvm::BasicBlock* block(const char* name);
  void arm(llvm::BasicBlock* first, llvm::BasicBlock* after, const Code& code, bool cold);
  void go(llvm::BasicBlock* to);  // branches there and goes on there
  llvm::Value* at_offset(llvm::Value* address, uint64_t bytes);
  llvm::AllocaInst* stack(uint32_t size, uint32_t align);
  llvm::Value* divide(Op op, llvm::Value* a, llvm::Value* b);
  llvm::CallInst* call(uint32_t id, llvm::ArrayRef<llvm::Value*> args, llvm::Type* result, Effect effect);
  llvm::CallInst* call(uint32_t id, std::initializer_list<Value> args, llvm::Type* result, Effect effect);
  llvm::Value* core(Type structure, const Member& member, CoreKind kind);
  uint32_t chunk(llvm::Value* address) const;
  // llvm_scratch.cpp
  void place_scratch();
  llvm::Instruction* scratch_use_point(llvm::SmallVectorImpl<llvm::Use*>& uses);
  llvm::Value* claim_scratch(llvm::Instruction* before);
  void release_scratch(llvm::Value* holder);

  // llvm_subprogram.cpp
  void begin_function(const std::string& name, llvm::ArrayRef<llvm::Type*> arguments, bool callback);
  llvm::Function* end_function();
  struct Turn {
    llvm::Function* callback = nullptr;
    llvm::Value* state = nullptr;
    bool leaves = false;
  };
  Turn make_turn(const char* name, llvm::ArrayRef<llvm::Type*> arguments, const std::function<void(llvm::Function&)>& body);
  llvm::Value* pass_outer_values(llvm::Function& function, llvm::Argument* state);
  bool take_scratch(llvm::Function& function, llvm::Argument* scratch);
  llvm::Value* left_flag();
  void leave_if_left();
  void leave_if(llvm::Value* left);
  // llvm_loops.cpp
  llvm::Value* has_iterators(uint32_t feature_param);
  void destroy_iterator(const LoopBlocks& loop);
  llvm::CallInst* call_kernel(const char* name, llvm::DIType* result_type, llvm::ArrayRef<llvm::DIType*> types, llvm::Type* result, llvm::ArrayRef<llvm::Value*> args);
  llvm::CallInst* iterate(const char* name, llvm::AllocaInst* iterator);

  Object& object_;
  size_t program_;
  llvm::LLVMContext& context_;
  llvm::Function* function_ = nullptr;
  llvm::DISubprogram* subprogram_ = nullptr;
  llvm::IRBuilder<> ir_;
  Span place_;  // of what is being generated
  llvm::BasicBlock *entry_ = nullptr, *exit_ = nullptr;
  std::vector<llvm::Value*> values_;
  std::vector<std::vector<Slot>> scopes_;
  std::vector<LoopBlocks> loops_;
  uint32_t stack_alive_ = 0;
  llvm::Instruction* scratch_base_ = nullptr;  // stands for the area's address until finish()
  uint32_t scratch_used_ = 0;
  llvm::AllocaInst* result_ = nullptr;
  llvm::Value* left_ = nullptr;       // whether leave() was met in a callback
  bool callback_ = false;             // a callback is being filled in: what belongs to the function around it
  bool by_kernel_ = false;            // the kernel calls it (or a callback around it), not the function around it
  bool leaves_ = false;               // callbacks: leave() was met
  std::vector<Frame> frames_;         // the functions around the one that is being filled in, outermost first
  llvm::BasicBlock* main_entry_ = nullptr;
  llvm::Value* context_argument_ = nullptr;
  std::map<std::string, Subprogram, std::less<>> subprograms_;
  uint32_t callbacks_ = 0, parts_ = 0;
  std::map<const llvm::BasicBlock*, llvm::BasicBlock*> iterator_starts_;  // first block of a loop with an iterator -> the block before the iterator is made
  llvm::ConstantInt* usual_result_ = nullptr;  // also for a run that finds no scratch area
};

}  // namespace awl::codegen
