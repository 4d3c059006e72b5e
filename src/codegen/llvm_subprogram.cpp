// Functions beside the program's own: callbacks of loops over maps, and functions of the script. Both are static functions of the object, so
// that the verifier follows every call with what it knows of the arguments.
#include <linux/bpf.h>
#include <llvm/Transforms/Utils/Local.h>

#include <algorithm>

#include "codegen/llvm_emit.h"

namespace awl::codegen {

namespace {

// Values of other functions that a function uses, each once, in the order of their use.
std::vector<llvm::Value*> outer_values(llvm::Function& function) {
  std::vector<llvm::Value*> values;
  for (llvm::BasicBlock& block : function)
    for (llvm::Instruction& instruction : block)
      for (llvm::Value* operand : instruction.operands()) {
        auto* made = llvm::dyn_cast<llvm::Instruction>(operand);
        auto* argument = llvm::dyn_cast<llvm::Argument>(operand);
        bool outer = (made && made->getFunction() != &function) || (argument && argument->getParent() != &function);
        if (outer && std::ranges::find(values, operand) == values.end()) values.push_back(operand);
      }
  return values;
}

void replace_in(llvm::Function& function, llvm::Value* value, llvm::Value* by) {
  value->replaceUsesWithIf(by, [&](llvm::Use& use) {
    auto* user = llvm::dyn_cast<llvm::Instruction>(use.getUser());
    return user && user->getFunction() == &function;
  });
}

}  // namespace

void LlvmEmit::begin_function(const std::string& name, llvm::ArrayRef<llvm::Type*> arguments, bool callback) {
  frames_.push_back({function_, subprogram_, entry_, exit_, result_, callback_, leaves_, by_kernel_, std::move(loops_), ir_.GetInsertBlock(), ir_.getCurrentDebugLocation()});
  llvm::FunctionType* type = llvm::FunctionType::get(ir_.getInt64Ty(), arguments, false);
  function_ = llvm::Function::Create(type, llvm::Function::InternalLinkage, name, object_.module);
  function_->addFnAttr(llvm::Attribute::NoUnwind);
  function_->addFnAttr(llvm::Attribute::NoInline);
  llvm::SmallVector<llvm::DIType*, 5> types;
  for (llvm::Type* argument : arguments) types.push_back(argument->isPointerTy() ? object_.debug.pointer(nullptr) : object_.debug.integer(8, false));
  subprogram_ = object_.debug.local_function(*function_, place_, object_.debug.integer(8, true), types);
  callback_ = callback;
  by_kernel_ = by_kernel_ && callback;
  leaves_ = false;
  loops_.clear();
  exit_ = nullptr;
  entry_ = block("entry");
  exit_ = block("exit");
  llvm::BasicBlock* body = block("body");
  ir_.SetCurrentDebugLocation(object_.debug.location(subprogram_, place_));
  ir_.SetInsertPoint(entry_);
  ir_.CreateBr(body);
  result_ = stack(8, 8);
  // Written by callbacks too: kernels before 6.3 do not read what they have not seen written.
  llvm::IRBuilder<>(entry_->getTerminator()).CreateStore(ir_.getInt64(0), result_);
  ir_.SetInsertPoint(exit_);
  ir_.CreateRet(ir_.CreateLoad(ir_.getInt64Ty(), result_));
  ir_.SetInsertPoint(body);
}

llvm::Function* LlvmEmit::end_function() {
  llvm::Function* made = function_;
  llvm::removeUnreachableBlocks(*made);
  Frame& outer = frames_.back();
  function_ = outer.function;
  subprogram_ = outer.subprogram;
  entry_ = outer.entry;
  exit_ = outer.exit;
  result_ = outer.result;
  callback_ = outer.callback;
  leaves_ = outer.leaves;
  by_kernel_ = outer.by_kernel;
  loops_ = std::move(outer.loops);
  ir_.SetInsertPoint(outer.resume);
  ir_.SetCurrentDebugLocation(outer.place);
  frames_.pop_back();
  return made;
}

// The values around a callback, stored side by side on the stack of the function around it, whose address is what the helper passes on.
llvm::Value* LlvmEmit::pass_outer_values(llvm::Function& function, llvm::Argument* state) {
  std::vector<llvm::Value*> values = outer_values(function);
  if (values.empty()) return llvm::ConstantPointerNull::get(ir_.getPtrTy());
  llvm::AllocaInst* storage = stack(static_cast<uint32_t>(8 * values.size()), 8);
  llvm::IRBuilder<> inside(function.getEntryBlock().getTerminator());
  for (size_t i = 0; i < values.size(); ++i) {
    llvm::Type* type = values[i]->getType();
    bool address = type->isPointerTy();
    llvm::Type* stored = address ? type : ir_.getInt64Ty();
    llvm::Value* given = address ? values[i] : ir_.CreateZExt(values[i], stored);
    ir_.CreateAlignedStore(given, at_offset(storage, 8 * i), llvm::Align(8));
    llvm::Value* taken = inside.CreateAlignedLoad(stored, inside.CreateConstInBoundsGEP1_64(inside.getInt8Ty(), state, 8 * i), llvm::Align(8));
    replace_in(function, values[i], address ? taken : inside.CreateTrunc(taken, type));
  }
  return storage;
}

// A function of the script has temporary memory in its caller's scratch area, each function at places of its own, and is told where the area is.
bool LlvmEmit::take_scratch(llvm::Function& function, llvm::Argument* scratch) {
  llvm::IRBuilder<> inside(function.getEntryBlock().getTerminator());
  std::vector<llvm::Value*> values = outer_values(function);
  for (llvm::Value* value : values) {
    auto* area = llvm::cast<llvm::GetElementPtrInst>(value);
    uint64_t place = llvm::cast<llvm::ConstantInt>(area->getOperand(1))->getZExtValue();
    replace_in(function, value, inside.CreateConstInBoundsGEP1_64(inside.getInt8Ty(), scratch, place));
  }
  return !values.empty();
}

// Whether leave() was met in a callback: a word of the scratch area, not of the stack. Kernels before 6.7 look at a callback once and then
// take what they saw on the stack for certain, though the callback may run never or often; of the area they assume nothing.
llvm::Value* LlvmEmit::left_flag() {
  if (!left_) left_ = raw(scratch(8));
  return left_;
}

void LlvmEmit::leave(Value result) {
  Frame* root = nullptr;
  for (auto outer = frames_.rbegin(); callback_ && !root; ++outer)
    if (!outer->callback) root = &*outer;
  bool is_program = root ? root == &frames_.front() : frames_.empty();
  llvm::Type* type = is_program ? ir_.getInt32Ty() : ir_.getInt64Ty();
  llvm::Value* usual = is_program ? usual_result_ : llvm::ConstantInt::get(type, 0);
  llvm::Value* value = result ? ir_.CreateSExtOrTrunc(number(result), type) : usual;
  ir_.CreateStore(value, root ? root->result : result_);
  for (auto loop = loops_.rbegin(); loop != loops_.rend(); ++loop) destroy_iterator(*loop);
  if (root) {
    leaves_ = true;
    if (by_kernel_) ir_.CreateStore(ir_.getInt64(1), left_flag());
    ir_.CreateStore(ir_.getInt64(1), result_);  // ends the kernel's loop, or tells the caller
  }
  ir_.CreateBr(exit_);
  ir_.SetInsertPoint(block("dropped"));
}

// Behind a call whose callback may have met leave().
void LlvmEmit::leave_if_left() {
  leave_if(ir_.CreateLoad(ir_.getInt64Ty(), left_flag()));
}

void LlvmEmit::leave_if(llvm::Value* left) {
  llvm::BasicBlock *out = block("out"), *stay = block("stay");
  ir_.CreateCondBr(ir_.CreateIsNotNull(left), out, stay);
  ir_.SetInsertPoint(out);
  for (auto loop = loops_.rbegin(); loop != loops_.rend(); ++loop) destroy_iterator(*loop);
  if (callback_) {
    leaves_ = true;
    ir_.CreateStore(ir_.getInt64(1), result_);
  }
  ir_.CreateBr(exit_);
  ir_.SetInsertPoint(stay);
}

// A turn of a loop that the kernel goes through: gives 0 to go on, 1 to end it. The last argument is what is around it.
LlvmEmit::Turn LlvmEmit::make_turn(const char* name, llvm::ArrayRef<llvm::Type*> arguments, const std::function<void(llvm::Function&)>& body) {
  begin_function(object_.meta.programs.at(program_).elf_name + name + std::to_string(++callbacks_), arguments, true);
  by_kernel_ = true;
  llvm::Function* callback = function_;
  LoopBlocks blocks{block("next"), block("stop")};
  loops_ = {blocks};
  scope([&] { body(*callback); });  // what lies on its stack ends here, not in the function around it
  ir_.CreateBr(blocks.next);
  ir_.SetInsertPoint(blocks.next);
  ir_.CreateStore(ir_.getInt64(0), result_);
  ir_.CreateBr(exit_);
  ir_.SetInsertPoint(blocks.end);
  ir_.CreateStore(ir_.getInt64(1), result_);
  ir_.CreateBr(exit_);
  bool left = leaves_;
  end_function();
  llvm::Value* state = pass_outer_values(*callback, callback->getArg(static_cast<unsigned>(arguments.size() - 1)));
  if (left) ir_.CreateStore(ir_.getInt64(0), left_flag());
  return {callback, state, left};
}

void LlvmEmit::each(Value map, const std::function<void(Value, Value)>& body) {
  llvm::Type* pointer = ir_.getPtrTy();
  llvm::Value* which = raw(map);
  const Turn turn = make_turn("_each", {pointer, pointer, pointer, pointer}, [&](llvm::Function& callback) { body(wrap(callback.getArg(1)), wrap(callback.getArg(2))); });
  call(BPF_FUNC_for_each_map_elem, {which, turn.callback, turn.state, ir_.getInt64(0)}, ir_.getInt64Ty(), Effect::full);
  if (turn.leaves) leave_if_left();
}

void LlvmEmit::repeat_by_callback(const Yield& next, const Code& body, const Code& cut) {
  const Turn turn = make_turn("_turn", {ir_.getInt64Ty(), ir_.getPtrTy()}, [&](llvm::Function&) {
    llvm::BasicBlock* inside = block("inside");
    ir_.CreateCondBr(condition(next()), inside, loops_.back().end);
    ir_.SetInsertPoint(inside);
    body();
  });
  llvm::Value* done = call(BPF_FUNC_loop, {ir_.getInt64(most_turns), turn.callback, turn.state, ir_.getInt64(0)}, ir_.getInt64Ty(), Effect::full);
  if (turn.leaves) leave_if_left();
  // Perhaps the turn that was not made would have been the last anyway.
  branch(wrap(ir_.CreateICmpEQ(done, ir_.getInt64(most_turns))), [&] { branch(wrap(condition(next())), cut, {}, false); }, {}, false);
}

void LlvmEmit::part(const Code& code) {
  begin_function(object_.meta.programs.at(program_).elf_name + "_part" + std::to_string(++parts_), {ir_.getPtrTy()}, true);
  llvm::Function* made = function_;
  code();
  ir_.CreateBr(exit_);
  bool left = leaves_;
  end_function();
  llvm::CallInst* result = ir_.CreateCall(made, {pass_outer_values(*made, made->getArg(0))});
  result->setDoesNotThrow();
  if (left) leave_if(result);
}

Value LlvmEmit::subprogram(std::string_view name, std::span<const Value> args, const std::function<void(std::span<const Value>)>& body) {
  std::vector<llvm::Value*> given;
  for (Value v : args) given.push_back(raw(v)->getType()->isPointerTy() ? raw(v) : ir_.CreateZExtOrTrunc(raw(v), ir_.getInt64Ty()));
  auto known = subprograms_.find(name);
  if (known == subprograms_.end()) {
    std::vector<llvm::Type*> types;
    for (llvm::Value* v : given) types.push_back(v->getType());
    types.push_back(ir_.getPtrTy());  // the scratch area
    begin_function(object_.meta.programs.at(program_).elf_name + "_" + std::string(name), types, false);
    llvm::Function* function = function_;
    std::vector<Value> params;
    for (size_t i = 0; i < args.size(); ++i) params.push_back(wrap(function->getArg(static_cast<unsigned>(i))));
    auto scopes = std::move(scopes_);
    scopes_.clear();
    uint32_t alive = stack_alive_;
    body(params);
    leave({});
    stack_alive_ = alive;
    scopes_ = std::move(scopes);
    end_function();
    bool uses_scratch = take_scratch(*function, function->getArg(static_cast<unsigned>(args.size())));
    known = subprograms_.emplace(std::string(name), Subprogram{function, uses_scratch}).first;
  }
  llvm::IRBuilder<> entry(main_entry_->getTerminator());
  bool scratch_wanted = known->second.uses_scratch;
  given.push_back(scratch_wanted ? entry.CreateConstInBoundsGEP1_64(ir_.getInt8Ty(), scratch_base_, 0) : llvm::ConstantPointerNull::get(ir_.getPtrTy()));
  llvm::CallInst* result = ir_.CreateCall(known->second.function, given);
  result->setDoesNotThrow();
  return wrap(result);
}

// The types of the declaration must be those of the definition as BTF has them: the linker compares. All values travel in whole registers.
Value LlvmEmit::external(std::string_view name, std::span<const Value> args, std::span<const Type> parameters, Type result) {
  llvm::Function* function = object_.module.getFunction(name);
  if (!function) {
    llvm::SmallVector<llvm::Type*, 5> types(parameters.size(), ir_.getInt64Ty());
    llvm::SmallVector<llvm::DIType*, 5> described;
    for (Type type : parameters) described.push_back(object_.debug.c_type(type));
    llvm::Type* back = result->kind == artifact::Kind::none ? ir_.getVoidTy() : static_cast<llvm::Type*>(ir_.getInt64Ty());
    function = llvm::Function::Create(llvm::FunctionType::get(back, types, false), llvm::Function::ExternalLinkage, name, object_.module);
    function->addFnAttr(llvm::Attribute::NoUnwind);
    object_.debug.declare(*function, object_.debug.c_type(result), described);
  }
  llvm::SmallVector<llvm::Value*, 5> given;
  for (Value v : args) given.push_back(ir_.CreateZExtOrTrunc(number(v), ir_.getInt64Ty()));
  llvm::CallInst* call = ir_.CreateCall(function, given);
  call->setDoesNotThrow();
  if (call->getType()->isVoidTy()) return {};
  return wrap(result->size < 8 ? ir_.CreateTrunc(call, integer(result->size * 8)) : call);
}

}  // namespace awl::codegen
