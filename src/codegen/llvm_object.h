#pragma once
// One BPF object in the making: LLVM module, maps, globals, sections. Programs are filled in by LlvmEmit (llvm_emit.h).
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "builtins/emit.h"
#include "codegen/codegen.h"
#include "codegen/llvm_core.h"
#include "codegen/llvm_debug.h"

namespace awl::codegen {

// Limits that are made smaller when a program turns out not to fit the kernel's 512 bytes of stack.
struct StackLimits {
  uint32_t slot = 256;   // a larger Emit::slot goes to the scratch map
  uint32_t total = 320;  // so does one that would make the slots alive at one time larger than this
};

struct Object {
  Object(const Unit& unit, StackLimits limits);
  Object(const Object&) = delete;

  llvm::GlobalVariable* map(int32_t index);
  llvm::GlobalVariable* named_map(std::string_view name);
  // Read-only bytes; the address is 8-aligned.
  llvm::Constant* string(std::string_view data);
  llvm::Constant* zeros(uint32_t size);
  llvm::Constant* global(uint64_t offset);
  llvm::Constant* param(uint32_t index);
  // The index of the parameter that says whether the kernel has a feature, added when planning made none.
  uint32_t feature_param(std::string_view name);
  // The number in the kernel's types of one of its functions, for a call by number (see kernel_call). 0: it is to be found when the object is loaded.
  uint32_t kernel_function(const std::string& name);
  // Whether the members of a structure lie where the kernel says that loads the object. If not: where they lie in the kernel that runs here.
  bool is_relocated(Type structure) const { return awl::is_relocated(structure) && (!fixed || structure->flavour); }

  // Everything that needs to know the programs: call once, after the last one.
  void finish();
  // Takes out what no program uses after optimisation.
  void drop_unused();

  const Unit& unit;
  artifact::Meta meta;  // a copy of the unit's, with what code generation adds
  StackLimits limits;
  llvm::LLVMContext context;
  llvm::Module module;
  Debug debug;
  Core core;
  const bool fixed;           // CompileOptions::runs_here, unless the script asks the kernel what it has
  uint32_t scratch_size = 0;  // bytes of one area, the largest that a program needs

 private:
  struct MapShape;
  llvm::GlobalVariable* make_map(const std::string& name, const MapShape& shape);
  llvm::GlobalVariable* make_global(const std::string& name, llvm::Constant* value, bool constant, const char* section, llvm::DIType* type);
  llvm::GlobalVariable* placeholder(llvm::GlobalVariable*& variable, const char* name);
  void settle(llvm::GlobalVariable*& variable, const char* name, llvm::Constant* value, const char* section);
  llvm::GlobalVariable* make_stacks_map();
  llvm::GlobalVariable* make_unwind_map(const std::string& name);
  void make_scratch_map();
  void make_section(const std::string& name, const char* section, llvm::ArrayRef<uint8_t> bytes);

  std::map<std::string, llvm::GlobalVariable*, std::less<>> maps_;
  std::map<std::string, uint32_t, std::less<>> string_offsets_;
  std::map<std::string, uint32_t> kernel_functions_;  // looking one up goes through all types
  std::string strings_;
  uint32_t zeros_size_ = 0;
  llvm::GlobalVariable* params_variable_ = nullptr;
  llvm::GlobalVariable* globals_variable_ = nullptr;
  llvm::GlobalVariable* strings_variable_ = nullptr;
  llvm::GlobalVariable* zeros_variable_ = nullptr;
  llvm::GlobalVariable* scratch_variable_ = nullptr;
};

// Number of areas in the scratch map: how deep programs may nest on one CPU (task, softirq, irq, NMI, or preemption).
inline constexpr uint32_t scratch_areas = 4;
// Bytes of an area: a per-CPU element's limit (PCPU_MIN_UNIT_SIZE, 32 KiB) less the busy word.
inline constexpr uint32_t scratch_limit = 32768 - 8;

// Marks the calls of functions of the running kernel: to this number plus the function's number in the kernel's types, until emit_object() writes them as the
// kernel wants them (BPF_PSEUDO_KFUNC_CALL, linux/bpf.h). Far above the numbers of helpers.
inline constexpr uint32_t kernel_call = 1u << 30;

// The programs that do the work of a pair (artifact::Program::session), once both of it are there (llvm_session.cpp).
void make_sessions(Object& object);

// The machinery (llvm_target.cpp).
std::unique_ptr<llvm::TargetMachine> make_target_machine();
void optimize(llvm::Module& module, llvm::TargetMachine& target);
// The attribute of functions that ask again for what a present address told: branches on it are threaded through (Emit::opaque).
inline constexpr const char* threaded = "awl-threaded";
// Fails with LLVM's messages; `stack_exceeded` is set when one was about the stack.
Result<artifact::Bytes> emit_object(llvm::Module& module, llvm::TargetMachine& target, bool& stack_exceeded);
std::string print(const llvm::Module& module);

// Fills in one program with the verbs that `lower` calls.
using Lower = std::function<void(size_t program, Emit& emit)>;
// generate() with a function that lowers (tests lower by hand).
Result<CodegenOutput> generate_with(const Unit& unit, const CodegenOptions& options, const Lower& lower);

}  // namespace awl::codegen
