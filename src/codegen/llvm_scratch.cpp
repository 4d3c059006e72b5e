// Scratch memory: an area of the per-CPU map awl_scratch, claimed where a program first needs it and given back on every way out.
#include <linux/bpf.h>
#include <llvm/Analysis/CFG.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/IR/Dominators.h>

#include "codegen/llvm_emit.h"

namespace awl::codegen {

namespace {

// Where a use needs the address: for a phi that is the end of the block it comes from.
llvm::Instruction* point_of(llvm::Use& use) {
  auto* user = llvm::cast<llvm::Instruction>(use.getUser());
  auto* phi = llvm::dyn_cast<llvm::PHINode>(user);
  return phi ? phi->getIncomingBlock(use)->getTerminator() : user;
}

// The helper that a call calls; 0 for other calls.
uint64_t helper_of(const llvm::CallInst& call) {
  auto* target = llvm::dyn_cast<llvm::ConstantExpr>(call.getCalledOperand());
  if (!target || target->getOpcode() != llvm::Instruction::IntToPtr) return 0;
  auto* id = llvm::dyn_cast<llvm::ConstantInt>(target->getOperand(0));
  return id ? id->getZExtValue() : 0;
}

// The reservation of the event that is being filled at `point`: one that came before and whose submission comes after. Where there is no scratch
// memory the program ends, and must not hold an event then. Null if there is none.
llvm::Instruction* open_event(llvm::Instruction* point, const llvm::DominatorTree& dominators) {
  for (llvm::BasicBlock& block : *point->getFunction())
    for (llvm::Instruction& instruction : block) {
      auto* reserve = llvm::dyn_cast<llvm::CallInst>(&instruction);
      if (!reserve || helper_of(*reserve) != BPF_FUNC_ringbuf_reserve || reserve == point || !dominators.dominates(reserve, point)) continue;
      for (llvm::User* user : reserve->users()) {
        auto* submit = llvm::dyn_cast<llvm::CallInst>(user);
        if (submit && helper_of(*submit) == BPF_FUNC_ringbuf_submit && llvm::isPotentiallyReachable(point, submit, nullptr, &dominators)) return reserve;
      }
    }
  return nullptr;
}

}  // namespace

// The last place from which all uses can be reached, outside loops and with no event open: predicates that need no scratch come before it.
llvm::Instruction* LlvmEmit::scratch_use_point(llvm::SmallVectorImpl<llvm::Use*>& uses) {
  llvm::DominatorTree dominators(*function_);
  llvm::BasicBlock* common = nullptr;
  for (llvm::Use* use : uses) {
    llvm::BasicBlock* where = point_of(*use)->getParent();
    common = common ? dominators.findNearestCommonDominator(common, where) : where;
  }
  llvm::Instruction* point = common->getTerminator();
  for (llvm::Use* use : uses) {
    llvm::Instruction* user = point_of(*use);
    if (user->getParent() == common && user->comesBefore(point)) point = user;
  }
  llvm::LoopInfo loops(dominators);
  for (;;) {
    if (llvm::Loop* loop = loops.getLoopFor(point->getParent())) {
      auto start = iterator_starts_.find(loop->getHeader());  // with an iterator in hand the program cannot end either
      point = (start != iterator_starts_.end() ? start->second : dominators.getNode(loop->getHeader())->getIDom()->getBlock())->getTerminator();
    } else if (llvm::Instruction* event = open_event(point, dominators)) point = event;
    else return point;
  }
}

void LlvmEmit::place_scratch() {
  llvm::SmallVector<llvm::Instruction*, 8> areas;
  llvm::SmallVector<llvm::Use*, 32> uses;
  for (llvm::User* user : scratch_base_->users()) areas.push_back(llvm::cast<llvm::Instruction>(user));
  for (llvm::Instruction* area : areas)
    if (area != scratch_base_)
      for (llvm::Use& use : area->uses()) uses.push_back(&use);
  if (!uses.empty()) {
    object_.scratch_size = std::max(object_.scratch_size, scratch_used_);
    llvm::Instruction* before = scratch_use_point(uses);
    llvm::Value* claimed = claim_scratch(before);
    for (llvm::Use* use : uses) {
      auto* area = llvm::cast<llvm::GetElementPtrInst>(use->get());
      llvm::IRBuilder<> at_use(point_of(*use));
      uint64_t place = 8 + llvm::cast<llvm::ConstantInt>(area->getOperand(1))->getZExtValue();
      use->set(at_use.CreateConstInBoundsGEP1_64(at_use.getInt8Ty(), claimed, place));
    }
  }
  for (llvm::Instruction* area : areas) area->eraseFromParent();
  scratch_base_->eraseFromParent();
}

// for (key = 0; key < areas; ++key) { p = lookup(key); if (p && !exchange(&p->busy, 1)) goto claimed; } ++lost; leave;
// Kernels without BPF_XCHG run programs with preemption off, where a plain load and store do: the run side rewrites the exchange
// into a store there (artifact/schema.h), and the parameter says whose answer counts.
llvm::Value* LlvmEmit::claim_scratch(llvm::Instruction* before) {
  llvm::BasicBlock* start = before->getParent();
  ir_.SetInsertPoint(before);
  ir_.SetCurrentDebugLocation(before->getDebugLoc() ? before->getDebugLoc() : exit_->getTerminator()->getDebugLoc());
  llvm::BasicBlock* rest = start->splitBasicBlock(before->getIterator(), "claimed");
  llvm::AllocaInst* key = stack(4, 4);
  llvm::AllocaInst* holder = stack(8, 8);
  llvm::IRBuilder<> entry(entry_->getTerminator());
  entry.CreateStore(llvm::ConstantPointerNull::get(entry.getPtrTy()), holder);
  if (entry_ == start) start = entry_;
  llvm::BasicBlock* claim = block("claim");
  llvm::BasicBlock* attempt = block("attempt");
  llvm::BasicBlock* taken_block = block("taken");
  llvm::BasicBlock* lost = block("lost");
  claim->moveBefore(rest);
  attempt->moveBefore(rest);
  taken_block->moveAfter(&function_->back());
  lost->moveAfter(taken_block);

  start->getTerminator()->eraseFromParent();
  ir_.SetInsertPoint(start);
  go(claim);
  llvm::PHINode* index = ir_.CreatePHI(ir_.getInt32Ty(), 2);
  index->addIncoming(ir_.getInt32(0), start);
  ir_.CreateStore(index, key);
  llvm::CallInst* area = call(BPF_FUNC_map_lookup_elem, {object_.named_map(artifact::scratch_map), key}, ir_.getPtrTy(), Effect::full);
  ir_.CreateCondBr(ir_.CreateIsNull(area), lost, attempt);

  ir_.SetInsertPoint(attempt);
  llvm::LoadInst* old = ir_.CreateAlignedLoad(ir_.getInt64Ty(), area, llvm::Align(8));
  old->setVolatile(true);
  llvm::Value* exchanged = ir_.CreateAtomicRMW(llvm::AtomicRMWInst::Xchg, area, ir_.getInt64(1), llvm::MaybeAlign(8), llvm::AtomicOrdering::SequentiallyConsistent);
  Value has_exchange = compare(Compare::ne, param(object_.feature_param("atomic_fetch")), imm(0, 64));
  llvm::Value* busy = ir_.CreateSelect(raw(has_exchange), exchanged, old);
  ir_.CreateCondBr(ir_.CreateIsNull(busy), rest, taken_block);

  ir_.SetInsertPoint(taken_block);
  llvm::Value* next = ir_.CreateAdd(index, ir_.getInt32(1));
  index->addIncoming(next, taken_block);
  ir_.CreateCondBr(ir_.CreateICmpULT(next, ir_.getInt32(scratch_areas)), claim, lost);

  ir_.SetInsertPoint(lost);
  if (object_.meta.globals_size != 0) atomic_add(global(object_.meta.lost_offset + 8 * program_), imm(1, 64));
  ir_.CreateStore(usual_result_, result_);
  ir_.CreateBr(exit_);

  llvm::IRBuilder<>(rest, rest->begin()).CreateStore(area, holder);
  release_scratch(holder);
  return area;
}

void LlvmEmit::release_scratch(llvm::Value* holder) {
  llvm::BasicBlock* end = exit_->splitBasicBlock(exit_->getTerminator()->getIterator(), "end");
  llvm::BasicBlock* release = llvm::BasicBlock::Create(context_, "release", function_, end);
  exit_->getTerminator()->eraseFromParent();
  ir_.SetInsertPoint(exit_);
  llvm::Value* area = ir_.CreateLoad(ir_.getPtrTy(), holder);
  ir_.CreateCondBr(ir_.CreateIsNull(area), end, release);
  ir_.SetInsertPoint(release);
  llvm::StoreInst* store = ir_.CreateAlignedStore(ir_.getInt64(0), area, llvm::Align(8));
  store->setVolatile(true);
  ir_.CreateBr(end);
}

}  // namespace awl::codegen
