// LLVM's BPF target: set up once for each compilation, the passes that are run, the object file.
#include <linux/bpf.h>
#include <llvm/Analysis/AliasAnalysis.h>
#include <llvm/Analysis/BasicAliasAnalysis.h>
#include <llvm/Analysis/TargetLibraryInfo.h>
#include <llvm/BinaryFormat/ELF.h>
#include <llvm/IR/DiagnosticInfo.h>
#include <llvm/IR/DiagnosticPrinter.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/MC/MCAsmBackend.h>
#include <llvm/MC/MCCodeEmitter.h>
#include <llvm/MC/MCELFStreamer.h>
#include <llvm/MC/MCObjectWriter.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/CommandLine.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetOptions.h>
#include <llvm/Transforms/InstCombine/InstCombine.h>
#include <llvm/Transforms/Scalar/ADCE.h>
#include <llvm/Transforms/Scalar/DeadStoreElimination.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/GVN.h>
#include <llvm/Transforms/Scalar/JumpThreading.h>
#include <llvm/Transforms/Scalar/SROA.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>

#include <cstring>

#include "codegen/llvm_object.h"

extern "C" {
void LLVMInitializeBPFTargetInfo();
void LLVMInitializeBPFTarget();
void LLVMInitializeBPFTargetMC();
void LLVMInitializeBPFAsmPrinter();
}

namespace awl::codegen {

namespace {

// Writes objects without .debug_frame, which LLVM adds wherever there is debug information and which nothing reads.
struct Streamer : llvm::MCELFStreamer {
  using MCELFStreamer::MCELFStreamer;
  void emitCFISections(bool, bool) override { MCELFStreamer::emitCFISections(false, false); }
};

llvm::MCStreamer* make_streamer(const llvm::Triple&, llvm::MCContext& context, std::unique_ptr<llvm::MCAsmBackend>&& backend,
                                std::unique_ptr<llvm::MCObjectWriter>&& writer, std::unique_ptr<llvm::MCCodeEmitter>&& emitter) {
  return std::make_unique<Streamer>(context, std::move(backend), std::move(writer), std::move(emitter)).release();
}

// Kernels before 5.15 refuse a loop whose way back falls through into its middle. Moving blocks about makes such loops; the order in
// which they were emitted has none.
void keep_block_order() {
  auto& options = llvm::cl::getRegisteredOptions();
  if (auto found = options.find("disable-block-placement"); found != options.end()) found->second->addOccurrence(0, "disable-block-placement", "true");
}

const llvm::Target* initialize() {
  LLVMInitializeBPFTargetInfo();
  LLVMInitializeBPFTarget();
  LLVMInitializeBPFTargetMC();
  LLVMInitializeBPFAsmPrinter();
  keep_block_order();
  std::string error;
  // The registry gives out constant targets only; the one it knows by name is the one that the iteration finds.
  for (const llvm::Target& target : llvm::TargetRegistry::targets())
    if (std::string_view(target.getName()) == "bpfel") llvm::TargetRegistry::RegisterELFStreamer(const_cast<llvm::Target&>(target), make_streamer);
  return llvm::TargetRegistry::lookupTarget("bpfel", error);
}

}  // namespace

std::unique_ptr<llvm::TargetMachine> make_target_machine() {
  static const llvm::Target* const target = initialize();
  // v3 (32-bit registers, jumps and atomics) is what kernels from 5.10 on run; v4 needs 6.6.
  return std::unique_ptr<llvm::TargetMachine>(
      target->createTargetMachine("bpfel", "v3", "", llvm::TargetOptions(), llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Default));
}

namespace {

// Helper calls that only give an answer, which nobody uses. LLVM cannot be told "may be dropped, must not be merged": to it
// these calls have an effect (llvm_emit.cpp, helper).
struct DropUnusedCalls : llvm::PassInfoMixin<DropUnusedCalls> {
  llvm::PreservedAnalyses run(llvm::Function& function, llvm::FunctionAnalysisManager&) {
    llvm::SmallVector<llvm::Instruction*, 8> dead;
    for (llvm::Instruction& i : llvm::instructions(function)) {
      auto* call = llvm::dyn_cast<llvm::CallInst>(&i);
      if (call && call->use_empty() && call->hasFnAttr("awl-droppable")) dead.push_back(call);
    }
    for (llvm::Instruction* i : dead) i->eraseFromParent();
    if (dead.empty()) return llvm::PreservedAnalyses::all();
    llvm::PreservedAnalyses kept;
    kept.preserveSet<llvm::CFGAnalyses>();
    return kept;
  }
};

}  // namespace

// A chosen few of the O2 passes: no inlining, loop or vector passes (there is nothing for them), and none that turns loops into
// library calls, merges bounds checks into forms that the verifier cannot follow, or moves context accesses together.
void optimize(llvm::Module& module, llvm::TargetMachine& target) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  llvm::TargetLibraryInfoImpl library(llvm::Triple(module.getTargetTriple()));
  library.disableAllFunctions();
  functions.registerPass([&] { return llvm::TargetLibraryAnalysis(library); });
  llvm::PassBuilder builder(&target);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);

  llvm::FunctionPassManager passes;
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  passes.addPass(llvm::EarlyCSEPass(true));
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(DropUnusedCalls());
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::GVNPass(llvm::GVNOptions().setPRE(false).setLoadPRE(false)));
  passes.addPass(llvm::DSEPass());
  passes.addPass(llvm::ADCEPass());
  passes.addPass(DropUnusedCalls());
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::SimplifyCFGPass());
  // What a function that asks again and again for what it found once needs as well.
  llvm::FunctionPassManager threading;
  threading.addPass(llvm::JumpThreadingPass());
  threading.addPass(llvm::InstCombinePass());
  threading.addPass(llvm::SimplifyCFGPass());
  for (llvm::Function& function : module) {
    if (function.isDeclaration()) continue;
    passes.run(function, functions);
    if (function.hasFnAttribute(threaded)) threading.run(function, functions);
  }
}

namespace {

// Turns the marked calls in all programs of an object that was just made into calls of functions of the kernel.
void write_kernel_calls(artifact::Bytes& object) {
  llvm::ELF::Elf64_Ehdr header;
  std::memcpy(&header, object.data(), sizeof header);
  for (uint16_t i = 0; i < header.e_shnum; ++i) {
    llvm::ELF::Elf64_Shdr section;
    std::memcpy(&section, object.data() + header.e_shoff + i * sizeof section, sizeof section);
    if (!(section.sh_flags & llvm::ELF::SHF_EXECINSTR)) continue;
    for (uint64_t at = section.sh_offset; at < section.sh_offset + section.sh_size; at += sizeof(bpf_insn)) {
      bpf_insn code;
      std::memcpy(&code, object.data() + at, sizeof code);
      if (code.code == (BPF_LD | BPF_IMM | BPF_DW)) at += sizeof code;  // the second half holds a constant
      if (code.code != (BPF_JMP | BPF_CALL) || code.src_reg != 0 || static_cast<uint32_t>(code.imm) < kernel_call) continue;
      code.src_reg = BPF_PSEUDO_KFUNC_CALL;
      code.imm -= static_cast<int32_t>(kernel_call);
      std::memcpy(object.data() + at, &code, sizeof code);
    }
  }
}

}  // namespace

Result<artifact::Bytes> emit_object(llvm::Module& module, llvm::TargetMachine& target, bool& stack_exceeded) {
  std::string errors;
  struct Seen {
    std::string& errors;
    bool& stack_exceeded;
  } seen{errors, stack_exceeded};
  module.getContext().setDiagnosticHandlerCallBack(
      [](const llvm::DiagnosticInfo* info, void* data) {
        auto* to = static_cast<Seen*>(data);
        std::string text;
        llvm::raw_string_ostream out(text);
        llvm::DiagnosticPrinterRawOStream printer(out);
        info->print(printer);
        if (out.str().find("stack") != std::string::npos) to->stack_exceeded = true;
        if (info->getSeverity() == llvm::DS_Error || to->stack_exceeded) to->errors += (to->errors.empty() ? "" : "; ") + out.str();
      },
      &seen);
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream out(bytes);
  llvm::legacy::PassManager passes;
  bool unsupported = target.addPassesToEmitFile(passes, out, nullptr, llvm::CodeGenFileType::ObjectFile, true);
  if (unsupported) return fail(0, "LLVM cannot write BPF object files");
  passes.run(module);
  module.getContext().setDiagnosticHandlerCallBack(nullptr, nullptr);
  if (!errors.empty()) return fail(0, "code generation: {}", errors);
  artifact::Bytes object(bytes.begin(), bytes.end());
  write_kernel_calls(object);
  return object;
}

std::string print(const llvm::Module& module) {
  std::string text;
  llvm::raw_string_ostream out(text);
  module.print(out, nullptr);
  return out.str();
}

}  // namespace awl::codegen
