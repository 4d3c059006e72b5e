// Programs that the kernel runs at the entry and at the return of functions: each asks on which occasion, and does what the program of that side does.
#include <llvm/IR/IRBuilder.h>
#include <llvm/Transforms/Utils/Cloning.h>

#include <algorithm>

#include "codegen/llvm_object.h"

namespace awl::codegen {
namespace {

void make_session(Object& object, size_t entry, size_t ret) {
  const artifact::Program& row = object.meta.programs[entry];
  llvm::Function* sides[] = {object.module.getFunction(row.elf_name), object.module.getFunction(object.meta.programs[ret].elf_name)};
  const ProbeInstance& probe = object.unit.probes[entry];
  llvm::Function* function = llvm::Function::Create(sides[0]->getFunctionType(), llvm::Function::ExternalLinkage, row.session, object.module);
  function->setSection(llvm::StringRef(probe.target.provider->session->section));
  function->addFnAttr(llvm::Attribute::NoUnwind);
  if (std::ranges::any_of(sides, [](llvm::Function* side) { return side->hasFnAttribute(threaded); })) function->addFnAttr(threaded);
  llvm::DISubprogram* described = object.debug.function(*function, probe.span);
  auto block = [&](const char* name) { return llvm::BasicBlock::Create(object.context, name, function); };
  llvm::IRBuilder<> ir(block("entry"));
  ir.SetCurrentDebugLocation(object.debug.location(described, probe.span));
  llvm::Value* context = function->getArg(0);
  // bool bpf_session_is_return(void) in Linux 6.12, (void *ctx) in 7.3: a context is given to both. A bool fills the lowest byte alone.
  llvm::FunctionType* shape = llvm::FunctionType::get(ir.getInt64Ty(), {ir.getPtrTy()}, false);
  llvm::Value* callee = llvm::ConstantExpr::getIntToPtr(ir.getInt64(kernel_call + object.kernel_function(artifact::session_question)), ir.getPtrTy());
  llvm::Value* returns = ir.CreateTrunc(ir.CreateCall(shape, callee, {context}), ir.getInt1Ty());
  llvm::BasicBlock *at_entry = block("at_entry"), *at_return = block("at_return");
  ir.CreateCondBr(returns, at_return, at_entry);
  llvm::CallInst* calls[2] = {};
  for (size_t side = 0; side < 2; ++side) {
    ir.SetInsertPoint(side ? at_return : at_entry);
    calls[side] = ir.CreateCall(sides[side], {context});
    ir.CreateRet(ir.getInt32(0));  // at the entry: the return is wanted too
  }
  for (llvm::CallInst* call : calls) {
    llvm::InlineFunctionInfo how;
    llvm::InlineFunction(*call, how);
  }
}

}  // namespace

void make_sessions(Object& object) {
  std::vector<artifact::Program>& programs = object.meta.programs;
  for (size_t i = 0; i < programs.size(); ++i) {
    if (programs[i].session.empty() || !object.unit.probes[i].target.provider->session) continue;
    const auto other = std::ranges::find_if(programs, [&](const artifact::Program& program) { return &program != &programs[i] && program.session == programs[i].session; });
    if (object.fixed && object.kernel_function(artifact::session_question) == 0) programs[i].session = other->session = "";
    else make_session(object, i, static_cast<size_t>(other - programs.begin()));
  }
}

}  // namespace awl::codegen
