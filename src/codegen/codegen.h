#pragma once
#include <string>

#include "artifact/artifact.h"
#include "base/result.h"
#include "semantic/unit.h"

namespace awl {

struct CodegenOutput {
  artifact::Bytes object;
  std::string ir, optimized_ir;  // filled when asked for
};
struct CodegenOptions {
  bool keep_ir = false;
  bool verify_ir = false;
};

// Turns a planned unit into a BPF ELF object with .awl.meta. Fails only on an internal mistake (LLVM's message).
Result<CodegenOutput> generate(const Unit& unit, const CodegenOptions& options);

// One line per Emit verb, program by program (`-d verbs`, golden tests).
std::string print_verbs(const Unit& unit);

}  // namespace awl
