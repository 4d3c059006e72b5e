#include "codegen/codegen.h"
#include "codegen/link.h"
#include "codegen/llvm_object.h"
#include "codegen/lower.h"

namespace awl {

Result<CodegenOutput> generate(const Unit& unit, const CodegenOptions& options) {
  AWL_TRY(output, codegen::generate_with(unit, options, [&](size_t program, Emit& emit) { lower_program(unit, unit.probes[program], program, emit); }));
  if (!unit.objects.empty()) {
    AWL_TRY(linked, link_objects(output.object, unit.objects));
    output.object = std::move(linked);
  }
  return output;
}

}  // namespace awl
