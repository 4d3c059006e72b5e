#pragma once
// Debug information: what LLVM makes .BTF and .BTF.ext from (types of maps and globals, functions, source lines).
#include <llvm/IR/DIBuilder.h>
#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/Module.h>

#include <map>
#include <string>
#include <vector>

#include "artifact/schema.h"
#include "base/source.h"
#include "types/type.h"

namespace awl::codegen {

// A member of a structure to describe; offsets and sizes in bits.
struct DebugMember {
  std::string name;
  llvm::DIType* type = nullptr;
  uint64_t offset = 0;
  uint64_t size = 0;
  bool bit_field = false;
};

class Debug {
 public:
  // `name` is shown for code that stands in no source file.
  Debug(llvm::Module& module, const Sources& sources, const std::string& name);

  llvm::DIType* integer(uint32_t size, bool is_signed);
  llvm::DIType* boolean();
  llvm::DIType* character();
  llvm::DIType* pointer(llvm::DIType* to);  // null: void
  llvm::DIType* array(llvm::DIType* element, uint64_t element_size, uint64_t count);
  llvm::DIType* structure(const std::string& name, const std::vector<DebugMember>& members, uint64_t size, bool is_union = false);
  // An enumeration without name, which CO-RE matches with any other.
  llvm::DIType* enumeration(uint32_t size);
  // A type of the language as C has it: what functions written in C take and give. None is void (null).
  llvm::DIType* c_type(Type type);
  // The type of a value that the run side reads, so that `bpftool map dump` shows it. Its size is type.size.
  llvm::DIType* value(const artifact::Type& type);

  void describe(llvm::GlobalVariable& variable, llvm::DIType* type);
  // Of a program `int name(void *ctx)`; adds the argument.
  llvm::DISubprogram* function(llvm::Function& function, Span place);
  // Of a function of the program's own, `static result name(arguments)`.
  llvm::DISubprogram* local_function(llvm::Function& function, Span place, llvm::DIType* result, llvm::ArrayRef<llvm::DIType*> arguments);
  // Of a function of the kernel (null: void).
  void declare(llvm::Function& function, llvm::DIType* result, llvm::ArrayRef<llvm::DIType*> arguments);
  llvm::DILocation* location(llvm::DISubprogram* function, Span place);
  void finish() { builder_.finalize(); }

 private:
  llvm::DIFile* file(uint32_t number);
  llvm::DIType* pair(const char* first, const char* second, const std::string& name = "");
  llvm::DIType* stack(const artifact::Type& type);

  llvm::Module& module_;
  const Sources& sources_;
  std::string name_;
  llvm::DIBuilder builder_;
  llvm::DICompileUnit* unit_ = nullptr;
  std::map<uint32_t, llvm::DIFile*> files_;
  std::map<std::pair<llvm::DISubprogram*, uint32_t>, llvm::DILexicalBlockFile*> other_files_;
};

}  // namespace awl::codegen
