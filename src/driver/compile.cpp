#include "driver/compile.h"

#include "builtins/builtin.h"
#include "codegen/codegen.h"
#include "parser/parse.h"
#include "semantic/unit.h"

namespace awl {
namespace {

// A dump under its headline.
void add(DebugDump& dump, std::string_view title, std::string_view text) {
  dump.text += fmt::format("\n{}\n-------------------\n{}{}", title, text, text.ends_with('\n') ? "" : "\n");
}

}  // namespace

Result<artifact::Bytes> compile(Sources& sources, uint32_t file, const CompileOptions& options, Host& host, Diagnostics& diagnostics,
                                DebugDump* dump) {
  Unit unit(sources, diagnostics, host, options);

  // text -> tree
  unit.script = parse(sources, file, diagnostics, is_value_builtin);
  if (dump && dump->ast) add(*dump, "AST", print_ast(unit.script));
  if (diagnostics.has_errors()) return artifact::Bytes{};

  // tree -> typed tree, maps, events and programs: see pipeline() in semantic/
  bool planned = run_until(unit, "plan");
  if (dump && dump->types) add(*dump, "Types", print_types(unit));
  if (!planned || diagnostics.has_errors()) return artifact::Bytes{};
  if (dump && dump->plan) add(*dump, "Plan", print_plan(unit));
  // beyond this point the user's program is known to be right
  if (unit.probes.empty()) return fail_text(0, "No probes to attach");

  // plan -> verbs -> LLVM -> BPF object with its description
  if (dump && dump->verbs) add(*dump, "Verbs", print_verbs(unit));
  bool keep_ir = dump && (dump->codegen || dump->codegen_opt);
  Result<CodegenOutput> output = generate(unit, {.keep_ir = keep_ir, .verify_ir = dump && dump->verify_ir});
  if (!output) return std::unexpected(std::move(output.error()));
  if (dump) {
    if (dump->codegen) add(*dump, "LLVM", output->ir);
    if (dump->codegen_opt) add(*dump, "LLVM, optimised", output->optimized_ir);
    dump->ir = std::move(output->ir);
    dump->optimized_ir = std::move(output->optimized_ir);
  }
  return std::move(output->object);
}

void check(Sources& sources, uint32_t file, const CompileOptions& options, Host& host, Diagnostics& diagnostics) {
  Unit unit(sources, diagnostics, host, options);
  unit.script = parse(sources, file, diagnostics, is_value_builtin);
  if (!diagnostics.has_errors()) run_until(unit, "plan");
}

}  // namespace awl
