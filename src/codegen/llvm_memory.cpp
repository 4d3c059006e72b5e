// The verbs of Emit that store: stack slots, loads and stores, copies.
#include <linux/bpf.h>
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/Instructions.h>
#include <llvm/Transforms/Utils/Local.h>

#include <algorithm>
#include <bit>

#include "codegen/llvm_emit.h"

namespace awl::codegen {

namespace {

// Longer copies are one bpf_probe_read_kernel instead of a load and a store for each 8 bytes.
constexpr uint32_t unrolled_copy = 128;

}  // namespace

llvm::AllocaInst* LlvmEmit::stack(uint32_t size, uint32_t align) {
  llvm::IRBuilder<> entry(entry_, entry_->begin());
  llvm::AllocaInst* storage = entry.CreateAlloca(llvm::ArrayType::get(ir_.getInt8Ty(), std::max(size, 1u)));
  // Also for strings, which may be accessed by words: the verifier wants stack accesses aligned.
  uint32_t natural = size >= 8 ? 8 : std::bit_floor(std::max(size, 1u));
  storage->setAlignment(llvm::Align(std::max(natural, align)));
  return storage;
}

Value LlvmEmit::slot(uint32_t size, uint32_t align) {
  if (size > object_.limits.slot || (size > 8 && stack_alive_ + size > object_.limits.total)) return scratch(size);
  llvm::AllocaInst* storage = stack(size, align);
  if (!scopes_.empty()) {
    ir_.CreateLifetimeStart(storage, ir_.getInt64(std::max(size, 1u)));
    scopes_.back().push_back({storage, std::max(size, 1u)});
  }
  stack_alive_ += std::max(size, 1u);
  return wrap(storage);
}

Value LlvmEmit::scratch(uint32_t size) {
  object_.named_map(artifact::scratch_map);
  if (!scratch_base_) scratch_base_ = new llvm::FreezeInst(llvm::PoisonValue::get(ir_.getPtrTy()), "scratch", main_entry_->getTerminator());
  uint32_t offset = scratch_used_;
  scratch_used_ = offset + (size + 7) / 8 * 8;
  // In the program's own function, whose the area is, whatever function it is used in.
  llvm::IRBuilder<> entry(main_entry_->getTerminator());
  return wrap(entry.CreateConstInBoundsGEP1_64(ir_.getInt8Ty(), scratch_base_, offset));
}

Value LlvmEmit::load(Value from, unsigned bits, uint32_t offset) {
  llvm::Value* place = at_offset(address(from), offset);
  unsigned bytes = std::max(bits / 8, 1u);
  llvm::Value* value = ir_.CreateAlignedLoad(integer(bytes * 8), place, llvm::Align(bytes));
  return wrap(bits == 1 ? ir_.CreateIsNotNull(value) : value);
}

void LlvmEmit::store(Value to, Value v, uint32_t offset) {
  llvm::Value* value = raw(v);
  if (value->getType()->isIntegerTy(1)) value = ir_.CreateZExt(value, ir_.getInt8Ty());
  unsigned bytes = value->getType()->isPointerTy() ? 8 : value->getType()->getIntegerBitWidth() / 8;
  ir_.CreateAlignedStore(value, at_offset(address(to), offset), llvm::Align(bytes));
}

Value LlvmEmit::load_address(Value from, uint32_t offset) {
  return wrap(ir_.CreateAlignedLoad(ir_.getPtrTy(), at_offset(address(from), offset), llvm::Align(8)));
}

Value LlvmEmit::offset(Value from, Value bytes) {
  llvm::Value* distance = ir_.CreateZExtOrTrunc(number(bytes), ir_.getInt64Ty());
  return wrap(ir_.CreateGEP(ir_.getInt8Ty(), address(from), distance));
}

// How many bytes one access may take: stack accesses must be aligned, other memory need not be where awl runs (x86-64, arm64).
uint32_t LlvmEmit::chunk(llvm::Value* place) const {
  if (!llvm::isa<llvm::AllocaInst>(llvm::getUnderlyingObject(place))) return 8;
  return static_cast<uint32_t>(std::min<uint64_t>(llvm::getKnownAlignment(place, object_.module.getDataLayout()).value(), 8));
}

void LlvmEmit::copy(Value to, Value from, uint32_t size) {
  llvm::Value* destination = address(to);
  llvm::Value* source = address(from);
  if (size > unrolled_copy) {
    call(BPF_FUNC_probe_read_kernel, {destination, ir_.getInt64(size), source}, ir_.getInt64Ty(), Effect::full);
    return;
  }
  uint32_t largest = std::min(chunk(destination), chunk(source));
  for (uint32_t done = 0; done < size;) {
    uint32_t bytes = largest;
    while (bytes > size - done) bytes /= 2;
    llvm::Value* value = ir_.CreateAlignedLoad(integer(bytes * 8), at_offset(source, done), llvm::Align(bytes));
    ir_.CreateAlignedStore(value, at_offset(destination, done), llvm::Align(bytes));
    done += bytes;
  }
}

void LlvmEmit::zero(Value to, uint32_t size) {
  llvm::Value* destination = address(to);
  if (size > unrolled_copy) {
    call(BPF_FUNC_probe_read_kernel, {destination, ir_.getInt64(size), object_.zeros(size)}, ir_.getInt64Ty(), Effect::full);
    return;
  }
  uint32_t largest = chunk(destination);
  for (uint32_t done = 0; done < size;) {
    uint32_t bytes = largest;
    while (bytes > size - done) bytes /= 2;
    ir_.CreateAlignedStore(llvm::ConstantInt::get(integer(bytes * 8), 0), at_offset(destination, done), llvm::Align(bytes));
    done += bytes;
  }
}

}  // namespace awl::codegen
