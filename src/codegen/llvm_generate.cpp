#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>

#include "codegen/llvm_emit.h"
#include "codegen/llvm_object.h"

namespace awl {

namespace codegen {

namespace {

Result<> verify(const llvm::Module& module) {
  std::string text;
  llvm::raw_string_ostream out(text);
  if (llvm::verifyModule(module, &out)) return fail(0, "generated code is malformed: {}", out.str());
  return {};
}

Result<CodegenOutput> attempt(const Unit& unit, const CodegenOptions& options, const Lower& lower, StackLimits limits, bool& stack_exceeded) {
  std::unique_ptr<llvm::TargetMachine> target = make_target_machine();
  Object object(unit, limits);
  object.context.setDiscardValueNames(!options.keep_ir);
  object.module.setDataLayout(target->createDataLayout());
  for (size_t i = 0; i < unit.probes.size(); ++i) {
    const Target& at = unit.probes[i].target;
    const Verdicts* verdicts = unit.probes[i].context.verdicts;
    LlvmEmit emit(object, i, at.provider->section(at), unit.probes[i].span, verdicts ? verdicts->usual : 0);
    lower(i, emit);
    AWL_CHECK(emit.finish());
  }
  make_sessions(object);
  object.finish();
  CodegenOutput output;
  if (options.keep_ir) output.ir = print(object.module);
  if (options.verify_ir) AWL_CHECK(verify(object.module));
  optimize(object.module, *target);
  object.drop_unused();
  if (options.keep_ir) output.optimized_ir = print(object.module);
  if (options.verify_ir) AWL_CHECK(verify(object.module));
  AWL_TRY(bytes, emit_object(object.module, *target, stack_exceeded));
  output.object = std::move(bytes);
  return output;
}

}  // namespace

Result<CodegenOutput> generate_with(const Unit& unit, const CodegenOptions& options, const Lower& lower) {
  // What takes the stack is only known in the end (registers are saved there too): the rest goes to scratch memory then.
  static constexpr StackLimits tries[] = {{}, {.slot = 64, .total = 128}, {.slot = 16, .total = 32}};
  Result<CodegenOutput> result;
  for (StackLimits limits : tries) {
    bool stack_exceeded = false;
    result = attempt(unit, options, lower, limits, stack_exceeded);
    if (result || !stack_exceeded) break;
  }
  return result;
}

}  // namespace codegen

}  // namespace awl
