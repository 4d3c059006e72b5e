// Loops.
#include "codegen/llvm_emit.h"

namespace awl::codegen {

// The condition stands at the end of a turn, so that the way back is a jump to the loop's first instruction: kernels before 5.15 refuse
// one that falls through into its middle. `turns` is a constant in every turn, what the verifier needs to see an end.
void LlvmEmit::loop(Value from, Value to, uint64_t limit, const std::function<void(Value)>& body) {
  llvm::Value* first = ir_.CreateSExtOrTrunc(number(from), ir_.getInt64Ty());
  llvm::Value* last = ir_.CreateSExtOrTrunc(number(to), ir_.getInt64Ty());
  llvm::BasicBlock* turn = block("turn");
  LoopBlocks blocks{block("next"), block("loop_end")};
  ir_.CreateCondBr(ir_.CreateICmpSLT(first, last), turn, blocks.end);
  llvm::BasicBlock* before = ir_.GetInsertBlock();
  ir_.SetInsertPoint(turn);
  llvm::PHINode* index = ir_.CreatePHI(ir_.getInt64Ty(), 2);
  index->addIncoming(first, before);
  auto* start = llvm::dyn_cast<llvm::ConstantInt>(first);
  llvm::PHINode* turns = index;
  if (limit != 0 && !(start && start->isZero())) {
    turns = ir_.CreatePHI(ir_.getInt64Ty(), 2);
    turns->addIncoming(ir_.getInt64(0), before);
  }
  loops_.push_back(blocks);
  body(wrap(index));
  loops_.pop_back();
  ir_.CreateBr(blocks.next);
  blocks.next->moveBefore(exit_);
  ir_.SetInsertPoint(blocks.next);
  llvm::Value* following = ir_.CreateAdd(index, ir_.getInt64(1));
  llvm::Value* done = turns == index ? following : ir_.CreateAdd(turns, ir_.getInt64(1));
  if (limit != 0) {
    llvm::BasicBlock* allowed = block("allowed");
    ir_.CreateCondBr(ir_.CreateICmpULT(done, ir_.getInt64(limit)), allowed, blocks.end);
    ir_.SetInsertPoint(allowed);
  }
  ir_.CreateCondBr(ir_.CreateICmpSLT(following, last), turn, blocks.end);
  index->addIncoming(following, ir_.GetInsertBlock());
  if (turns != index) turns->addIncoming(done, ir_.GetInsertBlock());
  blocks.end->moveBefore(exit_);
  ir_.SetInsertPoint(blocks.end);
}

void LlvmEmit::leave_loop() {
  ir_.CreateBr(loops_.back().end);
  ir_.SetInsertPoint(block("dropped"));
}

void LlvmEmit::next_turn() {
  ir_.CreateBr(loops_.back().next);
  ir_.SetInsertPoint(block("dropped"));
}

// --- loops without a known end ---

// A function of the kernel, called by its BTF name. Where the kernel lacks it libbpf puts an invalid call in its place, which must not be reached.
llvm::CallInst* LlvmEmit::call_kernel(const char* name, llvm::DIType* result_type, llvm::ArrayRef<llvm::DIType*> types, llvm::Type* result,
                                      llvm::ArrayRef<llvm::Value*> args) {
  llvm::SmallVector<llvm::Type*, 5> arguments;
  for (llvm::Value* arg : args) arguments.push_back(arg->getType());
  llvm::FunctionType* shape = llvm::FunctionType::get(result, arguments, false);
  llvm::Value* callee = object_.module.getFunction(name);
  if (const uint32_t number = callee ? 0 : object_.kernel_function(name)) callee = llvm::ConstantExpr::getIntToPtr(ir_.getInt64(kernel_call + number), ir_.getPtrTy());
  if (!callee) {
    llvm::Function* function = llvm::Function::Create(shape, llvm::Function::ExternalWeakLinkage, name, object_.module);
    function->setSection(".ksyms");
    function->addFnAttr(llvm::Attribute::NoUnwind);
    object_.debug.declare(*function, result_type, types);
    callee = function;
  }
  llvm::CallInst* call = ir_.CreateCall(shape, callee, args);
  call->setDoesNotThrow();
  return call;
}

Value LlvmEmit::kernel_function(const KernelFunction& function, std::initializer_list<Value> args) {
  Debug& debug = object_.debug;
  auto described = [&](std::string_view type) -> llvm::DIType* {
    if (type == "void") return nullptr;
    if (type.starts_with("struct ")) return debug.pointer(debug.structure(std::string(type.substr(7, type.size() - 9)), {}, 0));
    return debug.integer(type.ends_with("64") ? 8 : 4, type.starts_with('s'));
  };
  auto native = [&](std::string_view type) -> llvm::Type* {
    if (type == "void") return ir_.getVoidTy();
    if (type.starts_with("struct ")) return ir_.getPtrTy();
    return type.ends_with("64") ? ir_.getInt64Ty() : ir_.getInt32Ty();
  };
  llvm::SmallVector<llvm::DIType*, 5> types;
  llvm::SmallVector<llvm::Value*, 5> values;
  auto given = args.begin();
  for (std::string_view type : function.parameters) {
    types.push_back(described(type));
    llvm::Type* wanted = native(type);
    values.push_back(wanted->isPointerTy() ? address(*given) : ir_.CreateZExtOrTrunc(number(*given), wanted));
    ++given;
  }
  llvm::CallInst* call = call_kernel(std::string(function.name).c_str(), described(function.result), types, native(function.result), values);
  if (function.result == "void") return {};
  return wrap(call->getType()->isPointerTy() ? call : ir_.CreateZExt(call, ir_.getInt64Ty()));
}

// Loaded anew in each place: the optimiser must not make two loops of one.
llvm::Value* LlvmEmit::has_iterators(uint32_t feature_param) {
  llvm::LoadInst* load = ir_.CreateAlignedLoad(ir_.getInt64Ty(), object_.param(feature_param), llvm::Align(8));
  load->setVolatile(true);
  return ir_.CreateIsNotNull(load);
}

llvm::CallInst* LlvmEmit::iterate(const char* name, llvm::AllocaInst* iterator) {
  Debug& debug = object_.debug;
  llvm::DIType* type = debug.pointer(debug.structure("bpf_iter_num", {{"__opaque", debug.array(debug.integer(8, false), 8, 1), 0, 64}}, 8));
  llvm::DIType* number = debug.integer(4, true);
  std::string_view what(name);
  if (what == "bpf_iter_num_new")
    return call_kernel(name, number, {type, number, number}, ir_.getInt32Ty(), {iterator, ir_.getInt32(0), ir_.getInt32(static_cast<uint32_t>(most_turns))});
  if (what == "bpf_iter_num_next") return call_kernel(name, debug.pointer(number), {type}, ir_.getPtrTy(), {iterator});
  return call_kernel(name, nullptr, {type}, ir_.getVoidTy(), {iterator});
}

void LlvmEmit::destroy_iterator(const LoopBlocks& loop) {
  if (!loop.iterator) return;
  llvm::BasicBlock* destroy = block("destroy");
  llvm::BasicBlock* after = block("destroyed");
  ir_.CreateCondBr(has_iterators(loop.feature), destroy, after);
  ir_.SetInsertPoint(destroy);
  iterate("bpf_iter_num_destroy", loop.iterator);
  go(after);
}

void LlvmEmit::repeat(const Endless& how, const Yield& next, const Code& body, const Code& cut) {
  LoopBlocks blocks{block("next"), block("loop_end"), stack(8, 8), how.iterators};
  llvm::BasicBlock *make = block("make"), *ready = block("ready"), *turn = block("turn");
  llvm::BasicBlock *ask = block("ask"), *count = block("count"), *start = block("start"), *cut_block = block("cut");
  iterator_starts_[turn] = ir_.GetInsertBlock();
  ir_.CreateCondBr(has_iterators(how.iterators), make, ready);
  ir_.SetInsertPoint(make);
  iterate("bpf_iter_num_new", blocks.iterator);
  go(ready);
  go(turn);
  llvm::PHINode* turns = ir_.CreatePHI(ir_.getInt64Ty(), 2);
  turns->addIncoming(ir_.getInt64(0), ready);
  ir_.CreateCondBr(has_iterators(how.iterators), ask, count);
  ir_.SetInsertPoint(ask);
  ir_.CreateCondBr(ir_.CreateIsNull(iterate("bpf_iter_num_next", blocks.iterator)), cut_block, start);
  ir_.SetInsertPoint(count);
  ir_.CreateCondBr(ir_.CreateICmpULT(turns, ir_.getInt64(how.least_turns)), start, cut_block);
  ir_.SetInsertPoint(start);
  llvm::BasicBlock* inside = block("inside");
  // Left by `next` being false the loop is not cut short, whatever the number of turns.
  llvm::Value* goes_on = condition(next());
  ir_.CreateCondBr(goes_on, inside, blocks.end);
  ir_.SetInsertPoint(inside);
  loops_.push_back(blocks);
  body();
  loops_.pop_back();
  ir_.CreateBr(blocks.next);
  ir_.SetInsertPoint(blocks.next);
  blocks.next->moveBefore(exit_);
  turns->addIncoming(ir_.CreateAdd(turns, ir_.getInt64(1)), blocks.next);
  ir_.CreateBr(turn);
  // Perhaps this turn would have been the last anyway.
  cut_block->moveBefore(exit_);
  ir_.SetInsertPoint(cut_block);
  branch(wrap(condition(next())), cut, {}, false);
  blocks.end->moveBefore(exit_);
  go(blocks.end);
  destroy_iterator(blocks);
}

}  // namespace awl::codegen
