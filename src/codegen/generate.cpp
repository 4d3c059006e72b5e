#include "codegen/codegen.h"
#include "codegen/llvm_object.h"
#include "codegen/lower.h"

namespace awl {

Result<CodegenOutput> generate(const Unit& unit, const CodegenOptions& options) {
  return codegen::generate_with(unit, options, [&](size_t program, Emit& emit) { lower_program(unit, unit.probes[program], program, emit); });
}

}  // namespace awl
