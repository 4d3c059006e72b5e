#pragma once
#include "artifact/artifact.h"
#include "base/diagnostics.h"
#include "probes/host.h"
#include "types/settings.h"

namespace awl {

struct DebugDump {
  bool ast = false, types = false, plan = false, verbs = false, codegen = false, codegen_opt = false;
  bool verify_ir = false;
  std::string text;              // filled
  std::string ir, optimized_ir;  // filled when codegen or codegen_opt is asked for
};

// source -> artifact bytes: the build side in one call. Empty when `diagnostics` has errors.
Result<artifact::Bytes> compile(Sources& sources, uint32_t file, const CompileOptions& options, Host& host,
                                Diagnostics& diagnostics, DebugDump* dump = nullptr);

// The same without code generation: only fills `diagnostics`. Needs no privilege.
void check(Sources& sources, uint32_t file, const CompileOptions& options, Host& host, Diagnostics& diagnostics);

}  // namespace awl
