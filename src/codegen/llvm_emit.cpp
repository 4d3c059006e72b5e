#include "codegen/llvm_emit.h"

#include <linux/bpf.h>
#include <llvm/IR/InlineAsm.h>
#include <llvm/IR/IntrinsicsBPF.h>
#include <llvm/IR/MDBuilder.h>
#include <llvm/IR/ValueHandle.h>
#include <llvm/Transforms/Utils/Local.h>

#include <algorithm>

namespace awl::codegen {

LlvmEmit::LlvmEmit(Object& object, size_t program, const std::string& section, Span place, int64_t usual)
    : object_(object), program_(program), context_(object.context), ir_(context_), place_(place) {
  llvm::FunctionType* type = llvm::FunctionType::get(ir_.getInt32Ty(), {ir_.getPtrTy()}, false);
  function_ = llvm::Function::Create(type, llvm::Function::ExternalLinkage, object.meta.programs.at(program).elf_name, object.module);
  function_->setSection(section);
  function_->addFnAttr(llvm::Attribute::NoUnwind);  // otherwise .eh_frame appears
  context_argument_ = function_->getArg(0);
  context_argument_->setName("ctx");
  subprogram_ = object.debug.function(*function_, place);
  main_entry_ = entry_ = block("entry");
  exit_ = block("exit");
  ir_.SetInsertPoint(exit_);
  ir_.SetCurrentDebugLocation(object.debug.location(subprogram_, place));
  llvm::Instruction* end = ir_.CreateUnreachable();
  llvm::BasicBlock* body = block("body");
  ir_.SetInsertPoint(entry_);
  ir_.CreateBr(body);
  result_ = stack(4, 4);
  usual_result_ = ir_.getInt32(static_cast<uint32_t>(usual));
  llvm::IRBuilder<>(entry_->getTerminator()).CreateStore(usual_result_, result_);
  ir_.SetInsertPoint(end);
  ir_.CreateRet(ir_.CreateLoad(ir_.getInt32Ty(), result_));
  end->eraseFromParent();
  ir_.SetInsertPoint(body);
}

Result<> LlvmEmit::finish() {
  leave({});
  llvm::removeUnreachableBlocks(*function_);
  if (scratch_used_ > scratch_limit) {
    return fail(0, "program {} needs {} bytes of temporary memory, more than the {} that the kernel gives a CPU", function_->getName().str(), scratch_used_, scratch_limit);
  }
  if (scratch_base_) place_scratch();
  return {};
}

// --- the bridge between Value and LLVM ---

Value LlvmEmit::wrap(llvm::Value* value) {
  values_.push_back(value);
  return {static_cast<uint32_t>(values_.size())};
}

llvm::Value* LlvmEmit::raw(Value v) const { return values_.at(v.id - 1); }

llvm::Value* LlvmEmit::number(Value v) {
  llvm::Value* value = raw(v);
  return value->getType()->isPointerTy() ? ir_.CreatePtrToInt(value, ir_.getInt64Ty()) : value;
}

llvm::Value* LlvmEmit::address(Value v) {
  llvm::Value* value = raw(v);
  if (value->getType()->isPointerTy()) return value;
  return ir_.CreateIntToPtr(ir_.CreateZExtOrTrunc(value, ir_.getInt64Ty()), ir_.getPtrTy());
}

llvm::Value* LlvmEmit::condition(Value v) {
  llvm::Value* value = raw(v);
  if (value->getType()->isIntegerTy(1)) return value;
  return ir_.CreateIsNotNull(value);
}

llvm::IntegerType* LlvmEmit::integer(unsigned bits) { return llvm::IntegerType::get(context_, bits); }

llvm::BasicBlock* LlvmEmit::block(const char* name) { return llvm::BasicBlock::Create(context_, name, function_, exit_); }

void LlvmEmit::go(llvm::BasicBlock* to) {
  ir_.CreateBr(to);
  ir_.SetInsertPoint(to);
}

llvm::Value* LlvmEmit::at_offset(llvm::Value* address, uint64_t bytes) {
  return bytes ? ir_.CreateConstInBoundsGEP1_64(ir_.getInt8Ty(), address, bytes) : address;
}

// --- constants ---

Value LlvmEmit::imm(uint64_t value, unsigned bits) { return wrap(llvm::ConstantInt::get(context_, llvm::APInt(64, value).trunc(bits))); }
Value LlvmEmit::bytes(std::string_view data) { return wrap(object_.string(data)); }
Value LlvmEmit::zeros(uint32_t size) { return wrap(object_.zeros(size)); }
Value LlvmEmit::null() { return wrap(llvm::ConstantPointerNull::get(ir_.getPtrTy())); }
Value LlvmEmit::param_address(uint32_t index) { return wrap(object_.param(index)); }

Value LlvmEmit::param(uint32_t index) {
  llvm::LoadInst* load = ir_.CreateAlignedLoad(ir_.getInt64Ty(), object_.param(index), llvm::Align(8), "param");
  load->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(context_, {}));
  return wrap(load);
}

// --- integers ---

// The kernel's own division has no signed form before 6.6 and answers 0 (and modulo: the dividend) for a divisor of 0; to LLVM
// a divisor of 0 is undefined, so it is kept away unless it is known.
llvm::Value* LlvmEmit::divide(Op op, llvm::Value* a, llvm::Value* b) {
  llvm::Type* type = a->getType();
  if (op == Op::udiv || op == Op::umod) {
    auto* known = llvm::dyn_cast<llvm::ConstantInt>(b);
    llvm::Value* one = llvm::ConstantInt::get(type, 1);
    llvm::Value* zero = nullptr;
    llvm::Value* divisor = b;
    if (!known || known->isZero()) {
      zero = ir_.CreateIsNull(b);
      divisor = ir_.CreateSelect(zero, one, b);
    }
    llvm::Value* answer = op == Op::udiv ? ir_.CreateUDiv(a, divisor) : ir_.CreateURem(a, divisor);
    if (!zero) return answer;
    return ir_.CreateSelect(zero, op == Op::udiv ? llvm::ConstantInt::get(type, 0) : a, answer);
  }
  unsigned top = type->getIntegerBitWidth() - 1;
  llvm::Value* sign_a = ir_.CreateAShr(a, top);
  llvm::Value* sign_b = ir_.CreateAShr(b, top);
  llvm::Value* absolute_a = ir_.CreateSub(ir_.CreateXor(a, sign_a), sign_a);
  llvm::Value* absolute_b = ir_.CreateSub(ir_.CreateXor(b, sign_b), sign_b);
  llvm::Value* answer = divide(op == Op::sdiv ? Op::udiv : Op::umod, absolute_a, absolute_b);
  llvm::Value* sign = op == Op::sdiv ? ir_.CreateXor(sign_a, sign_b) : sign_a;
  return ir_.CreateSub(ir_.CreateXor(answer, sign), sign);
}

Value LlvmEmit::binary(Op op, Value left, Value right) {
  llvm::Value* a = number(left);
  llvm::Value* b = ir_.CreateZExtOrTrunc(number(right), a->getType());
  // Beyond the width a shift is undefined to LLVM; the kernel's instructions look at the low bits only.
  auto shift = [&] { return Core::is_shift(b) ? b : ir_.CreateAnd(b, a->getType()->getIntegerBitWidth() - 1); };
  switch (op) {
    case Op::add: return wrap(ir_.CreateAdd(a, b));
    case Op::sub: return wrap(ir_.CreateSub(a, b));
    case Op::mul: return wrap(ir_.CreateMul(a, b));
    case Op::bit_and: return wrap(ir_.CreateAnd(a, b));
    case Op::bit_or: return wrap(ir_.CreateOr(a, b));
    case Op::bit_xor: return wrap(ir_.CreateXor(a, b));
    case Op::shl: return wrap(ir_.CreateShl(a, shift()));
    case Op::lshr: return wrap(ir_.CreateLShr(a, shift()));
    case Op::ashr: return wrap(ir_.CreateAShr(a, shift()));
    default: return wrap(divide(op, a, b));
  }
}

Value LlvmEmit::compare(Compare op, Value left, Value right) {
  static constexpr llvm::CmpInst::Predicate predicates[] = {
      llvm::CmpInst::ICMP_EQ,  llvm::CmpInst::ICMP_NE,  llvm::CmpInst::ICMP_ULT, llvm::CmpInst::ICMP_ULE, llvm::CmpInst::ICMP_UGT,
      llvm::CmpInst::ICMP_UGE, llvm::CmpInst::ICMP_SLT, llvm::CmpInst::ICMP_SLE, llvm::CmpInst::ICMP_SGT, llvm::CmpInst::ICMP_SGE};
  llvm::Value* a = raw(left);
  llvm::Value* b = raw(right);
  if (a->getType() != b->getType()) {
    a = number(left);
    b = ir_.CreateZExtOrTrunc(number(right), a->getType());
  }
  return wrap(ir_.CreateICmp(predicates[static_cast<size_t>(op)], a, b));
}

Value LlvmEmit::select(Value chosen, Value yes, Value no) {
  llvm::Value* a = raw(yes);
  llvm::Value* b = raw(no);
  if (a->getType() != b->getType()) {
    a = number(yes);
    b = ir_.CreateZExtOrTrunc(number(no), a->getType());
  }
  return wrap(ir_.CreateSelect(condition(chosen), a, b));
}

Value LlvmEmit::resize(Value v, unsigned bits, bool is_signed) {
  if (bits == 1) return wrap(condition(v));
  llvm::Value* value = number(v);
  return wrap(is_signed && !value->getType()->isIntegerTy(1) ? ir_.CreateSExtOrTrunc(value, integer(bits)) : ir_.CreateZExtOrTrunc(value, integer(bits)));
}

Value LlvmEmit::to_address(Value v) { return wrap(address(v)); }

unsigned LlvmEmit::width(Value v) {
  llvm::Type* type = raw(v)->getType();
  return type->isPointerTy() ? 64 : type->getIntegerBitWidth();
}

// A barrier that costs no instruction: the optimiser knows nothing about what comes out.
Value LlvmEmit::opaque(Value v, bool present) {
  llvm::Value* value = raw(v);
  llvm::Type* type = value->getType();
  bool widen = type->isIntegerTy() && type->getIntegerBitWidth() < 32;
  if (widen) value = ir_.CreateZExt(value, ir_.getInt64Ty());
  llvm::FunctionType* shape = llvm::FunctionType::get(value->getType(), {value->getType()}, false);
  llvm::CallInst* barrier = ir_.CreateCall(shape, llvm::InlineAsm::get(shape, "", "=r,0", false), {value});
  barrier->setDoesNotThrow();
  if (present) {
    barrier->setDoesNotAccessMemory();
    barrier->addRetAttr(llvm::Attribute::NonNull);
    function_->addFnAttr(threaded);
  }
  return wrap(widen ? ir_.CreateTrunc(barrier, type) : barrier);
}

// --- kernel types ---

llvm::Value* LlvmEmit::core(Type structure, const Member& member, CoreKind kind) {
  return object_.core.value(ir_, structure->name, structure->is_union, kind, {member.name, member.type, member.bit_size});
}

Value LlvmEmit::field_offset(Type structure, const Member& member) {
  if (!object_.is_relocated(structure) || member.name.empty()) return imm(member.offset, 64);
  return wrap(core(structure, member, CoreKind::byte_offset));
}

Value LlvmEmit::field_fact(Type structure, const Member& member, FieldFact fact) {
  if (!object_.is_relocated(structure) || member.name.empty()) return Emit::field_fact(structure, member, fact);
  CoreKind kind = fact == FieldFact::size ? CoreKind::byte_size : fact == FieldFact::left_shift ? CoreKind::left_shift : CoreKind::right_shift;
  return wrap(core(structure, member, kind));
}

Value LlvmEmit::field_exists(Type structure, std::string_view member) {
  const Member* known = object_.unit.types.member(structure, member);
  if (!object_.is_relocated(structure)) return imm(known != nullptr, 1);
  Member wanted = known ? *known : Member{.name = std::string(member)};
  return wrap(ir_.CreateIsNotNull(core(structure, wanted, CoreKind::field_exists)));
}

Value LlvmEmit::type_size(Type structure) {
  if (!object_.is_relocated(structure) || structure->flavour) return imm(structure->size, 64);
  return wrap(object_.core.value(ir_, structure->name, structure->is_union, CoreKind::type_size, {}));
}

Value LlvmEmit::has_typed_pointers() {
  if (object_.fixed && object_.kernel_function("bpf_rdonly_cast") == 0) return imm(0, 1);
  return wrap(ir_.CreateIsNotNull(ir_.CreateAlignedLoad(ir_.getInt64Ty(), object_.param(object_.feature_param("typed_pointers")), llvm::Align(8))));
}

Value LlvmEmit::typed_pointer(Value at, Type structure) {
  Debug& debug = object_.debug;
  llvm::Value* id = object_.is_relocated(structure) ? object_.core.value(ir_, structure->name, structure->is_union, CoreKind::type_id, {}) : ir_.getInt64(structure->btf_id);
  return wrap(call_kernel("bpf_rdonly_cast", debug.pointer(nullptr), {debug.pointer(nullptr), debug.integer(4, false)}, ir_.getPtrTy(), {address(at), ir_.CreateTrunc(id, ir_.getInt32Ty())}));
}

// --- context ---

Value LlvmEmit::context() { return wrap(context_argument_); }

// The verifier wants context reads as one instruction with a constant offset. The backend's own intrinsic keeps address and load together.
Value LlvmEmit::context_load(unsigned bits, uint32_t offset) {
  unsigned bytes = std::max(bits / 8, 1u);
  llvm::Type* type = integer(bytes * 8);
  llvm::Function* load = llvm::Intrinsic::getDeclaration(&object_.module, llvm::Intrinsic::bpf_getelementptr_and_load, {type});
  llvm::Value* no = ir_.getInt1(false);
  unsigned align = llvm::Log2_32(bytes);
  llvm::CallInst* call = ir_.CreateCall(load, {context_argument_, no, ir_.getInt8(0), ir_.getInt8(llvm::SyncScope::System), ir_.getInt8(static_cast<uint8_t>(align)), ir_.getInt1(true), ir_.getInt64(offset)});
  call->addParamAttr(0, llvm::Attribute::get(context_, llvm::Attribute::ElementType, ir_.getInt8Ty()));
  call->setOnlyReadsMemory();
  call->setDoesNotThrow();
  return wrap(bits == 1 ? ir_.CreateTrunc(call, integer(1)) : call);
}

Value LlvmEmit::context_load(unsigned bits, const BytesAccess& at) {
  if (at.core_type.empty() || object_.fixed) return context_load(bits, at.offset);
  CoreField field{.member = at.core_member, .array_index = at.core_index};
  // The member's kind must agree with the kernel's: fields behind tracepoint headers that are relocated are integers.
  TypeNode number{.kind = Kind::integer, .size = at.size ? at.size : bits / 8};
  if (at.core_index < 0) field.type = &number;
  llvm::Value* offset = object_.core.value(ir_, at.core_type, false, CoreKind::byte_offset, field);
  uint32_t relocation = object_.core.number(offset);
  llvm::Value* address = ir_.CreateInBoundsGEP(ir_.getInt8Ty(), context_argument_, offset);
  // Keeps two such addresses from being merged into one that is chosen at run time.
  llvm::Function* keep = llvm::Intrinsic::getDeclaration(&object_.module, llvm::Intrinsic::bpf_passthrough, {ir_.getPtrTy(), ir_.getPtrTy()});
  llvm::Value* kept = ir_.CreateCall(keep, {ir_.getInt32(relocation), address});
  return wrap(ir_.CreateAlignedLoad(integer(bits), kept, llvm::Align(bits / 8)));
}

void LlvmEmit::context_store(uint32_t offset, Value v) {
  llvm::Value* value = number(v);
  llvm::Function* store = llvm::Intrinsic::getDeclaration(&object_.module, llvm::Intrinsic::bpf_getelementptr_and_store, {value->getType()});
  unsigned align = llvm::Log2_32(value->getType()->getIntegerBitWidth() / 8);
  llvm::CallInst* call = ir_.CreateCall(store, {value, context_argument_, ir_.getInt1(false), ir_.getInt8(0), ir_.getInt8(llvm::SyncScope::System), ir_.getInt8(static_cast<uint8_t>(align)), ir_.getInt1(true), ir_.getInt64(offset)});
  call->addParamAttr(1, llvm::Attribute::get(context_, llvm::Attribute::ElementType, ir_.getInt8Ty()));
  call->setDoesNotThrow();
}

Value LlvmEmit::cookie(uint32_t feature_param) {
  Value has_cookies = compare(Compare::ne, param(feature_param), imm(0, 64));
  return choose(
      has_cookies, [&] { return helper(BPF_FUNC_get_attach_cookie, {context()}, Effect::pure); },
      [&] { return opaque(imm(artifact::cookie_placeholder, 64)); });
}

// --- calls ---

llvm::CallInst* LlvmEmit::call(uint32_t id, llvm::ArrayRef<llvm::Value*> args, llvm::Type* result, Effect effect) {
  llvm::SmallVector<llvm::Type*, 5> types;
  for (llvm::Value* arg : args) types.push_back(arg->getType());
  llvm::FunctionType* shape = llvm::FunctionType::get(result, types, false);
  llvm::Value* target = llvm::ConstantExpr::getIntToPtr(ir_.getInt64(id), ir_.getPtrTy());
  llvm::CallInst* call = ir_.CreateCall(shape, target, args);
  call->setDoesNotThrow();
  call->addFnAttr(llvm::Attribute::WillReturn);
  for (unsigned i = 0; i < args.size(); ++i)
    if (types[i]->isPointerTy()) call->addParamAttr(i, llvm::Attribute::NoCapture);
  if (effect == Effect::pure) call->setDoesNotAccessMemory();
  if (effect == Effect::reads) {
    // Two calls may answer differently, so they must not be merged: an effect that nothing here can see. optimize() drops unused ones.
    call->setMemoryEffects(llvm::MemoryEffects::inaccessibleMemOnly() | llvm::MemoryEffects::argMemOnly(llvm::ModRefInfo::Ref));
    call->addFnAttr(llvm::Attribute::get(context_, "awl-droppable"));
  }
  return call;
}

llvm::CallInst* LlvmEmit::call(uint32_t id, std::initializer_list<Value> args, llvm::Type* result, Effect effect) {
  llvm::SmallVector<llvm::Value*, 5> values;
  for (Value v : args) {
    llvm::Value* value = raw(v);
    values.push_back(value->getType()->isIntegerTy() ? ir_.CreateZExtOrTrunc(value, ir_.getInt64Ty()) : value);
  }
  return call(id, llvm::ArrayRef<llvm::Value*>(values), result, effect);
}

Value LlvmEmit::helper(uint32_t id, std::initializer_list<Value> args, Effect effect) { return wrap(call(id, args, ir_.getInt64Ty(), effect)); }

Value LlvmEmit::helper_address(uint32_t id, std::initializer_list<Value> args, Effect effect) {
  llvm::CallInst* result = call(id, args, ir_.getPtrTy(), effect);
  result->addRetAttr(llvm::Attribute::getWithAlignment(context_, llvm::Align(8)));
  return wrap(result);
}

Value LlvmEmit::map(int32_t index) { return wrap(object_.map(index)); }
Value LlvmEmit::named_map(std::string_view name) { return wrap(object_.named_map(name)); }
Value LlvmEmit::global(uint64_t offset) { return wrap(object_.global(offset)); }

void LlvmEmit::atomic_add(Value to, Value v) {
  ir_.CreateAtomicRMW(llvm::AtomicRMWInst::Add, address(to), number(v), llvm::MaybeAlign(), llvm::AtomicOrdering::Monotonic);
}

// --- control ---

namespace {

// Arms that are seldom taken stand behind the program's end, so that the usual way is straight: those that the caller says, and those
// for an address that is null.
enum class Cold { none, yes, no };

Cold cold_arm(llvm::Value* condition, bool likely) {
  if (!likely) return Cold::yes;
  auto* compare = llvm::dyn_cast<llvm::ICmpInst>(condition);
  if (!compare || !compare->isEquality() || !llvm::isa<llvm::ConstantPointerNull>(compare->getOperand(1))) return Cold::none;
  return compare->getPredicate() == llvm::CmpInst::ICMP_EQ ? Cold::yes : Cold::no;
}

}  // namespace

void LlvmEmit::arm(llvm::BasicBlock* first, llvm::BasicBlock* after, const Code& code, bool cold) {
  first->insertInto(function_, exit_);
  ir_.SetInsertPoint(first);
  code();
  ir_.CreateBr(after);
  if (!cold) return;
  for (llvm::BasicBlock* moved = first; moved != exit_;) {
    llvm::BasicBlock* next = moved->getNextNode();
    moved->moveAfter(&function_->back());
    moved = next;
  }
}

void LlvmEmit::branch(Value chosen, const Code& yes, const Code& no, bool likely) {
  llvm::BasicBlock* yes_block = llvm::BasicBlock::Create(context_, "yes");
  llvm::BasicBlock* end = llvm::BasicBlock::Create(context_, "end");
  llvm::BasicBlock* no_block = no ? llvm::BasicBlock::Create(context_, "no") : end;
  llvm::Value* taken = condition(chosen);
  Cold cold = cold_arm(taken, likely);
  llvm::MDBuilder metadata(context_);
  llvm::MDNode* weights = cold == Cold::none ? nullptr : cold == Cold::yes ? metadata.createBranchWeights(1, 2000) : metadata.createBranchWeights(2000, 1);
  ir_.CreateCondBr(taken, yes_block, no_block, weights);
  arm(yes_block, end, yes, cold == Cold::yes);
  if (no) arm(no_block, end, no, cold == Cold::no);
  end->insertInto(function_, exit_);
  ir_.SetInsertPoint(end);
}

Value LlvmEmit::choose(Value chosen, const Yield& yes, const Yield& no) {
  llvm::BasicBlock* yes_block = block("yes");
  llvm::BasicBlock* no_block = block("no");
  llvm::BasicBlock* end = block("end");
  ir_.CreateCondBr(condition(chosen), yes_block, no_block);
  ir_.SetInsertPoint(yes_block);
  Value yes_value = yes();
  llvm::BasicBlock* yes_end = ir_.GetInsertBlock();
  ir_.SetInsertPoint(no_block);
  Value no_value = no();
  llvm::BasicBlock* no_end = ir_.GetInsertBlock();
  llvm::Value* b = raw(no_value);
  bool mixed = raw(yes_value)->getType() != b->getType();
  if (mixed) b = number(no_value);
  ir_.CreateBr(end);
  ir_.SetInsertPoint(yes_end);
  llvm::Value* a = mixed ? ir_.CreateZExtOrTrunc(number(yes_value), b->getType()) : raw(yes_value);
  ir_.CreateBr(end);
  ir_.SetInsertPoint(end);
  llvm::PHINode* value = ir_.CreatePHI(b->getType(), 2);
  value->addIncoming(a, yes_end);
  value->addIncoming(b, no_end);
  return wrap(value);
}

void LlvmEmit::scope(const Code& code) {
  scopes_.emplace_back();
  code();
  for (const Slot& slot : scopes_.back()) {
    ir_.CreateLifetimeEnd(slot.storage, ir_.getInt64(slot.size));
    stack_alive_ -= slot.size;
  }
  scopes_.pop_back();
}

void LlvmEmit::at(Span span) {
  if (!span) return;
  place_ = span;
  ir_.SetCurrentDebugLocation(object_.debug.location(subprogram_, span));
}

}  // namespace awl::codegen
