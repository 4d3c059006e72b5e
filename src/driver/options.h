#pragma once
// awl's command line.
#include <span>
#include <string>
#include <vector>

#include "driver/compile.h"
#include "driver/run/run.h"
#include "types/settings.h"

namespace awl {

enum class Command { run, list, build, inspect, check, compile, bench_compiler, fmt, doc, info, help, version };

struct Options {
  Command command = Command::run;
  RunOptions run;
  CompileOptions compile;
  DebugDump dump;
  bool has_program = false;         // -e
  std::string program;              // its text
  std::vector<std::string> operands;  // FILE and parameters; build, inspect: FILE; check, fmt: FILES; doc: NAMES
  std::string artifact_file;        // build -o, --emit-elf
  std::string emit_llvm;            // --emit-llvm: FILE.original.ll, FILE.optimized.ll
  bool verify_ir = false;
  bool json = false;                // inspect --json, check --json, doc --json
  bool man = false;                 // doc --man
  bool in_place = false;            // fmt -i
};

// Reads the arguments. A mistake: its message, or an empty one where getopt has written it; usage follows when `show_usage` is set.
Result<Options> read_options(int argc, char** argv, bool& show_usage);

extern const std::string_view usage_text;

// The long names of all options, without dashes, in no order.
std::vector<std::string_view> option_names();

}  // namespace awl
