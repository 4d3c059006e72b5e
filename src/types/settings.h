#pragma once
// What a compilation is told from outside: options of the command line, and the config block with the environment.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "artifact/schema.h"

namespace awl {

struct CompileOptions {
  bool parameters_known = false;             // false for `awl build` without parameters: $N stay open until the run
  std::vector<std::string> parameters;       // positional
  std::map<std::string, std::string> named;  // --name=value behind `--`
  bool unsafe = false;
  bool has_pid = false;        // -p or -c was given: per-process kinds, and a pid predicate for the others
  bool has_child = false;      // -c
  bool warn_helpers = false;   // -k
  bool runs_here = false;      // the object is for the kernel that runs here, and for no other: its layouts are numbers in the programs
  bool testing = false;        // --test: what is given the packets of tests is not attached, so its targets need not exist
  std::vector<std::string> include_dirs, include_files;
};

// Settings of the config block and the environment, checked. Defaults and meanings: man/awl.8, "CONFIG".
struct Config {
  uint64_t max_strlen = 1024, max_map_keys = 4096, max_probes = 1024, max_bpf_progs = 1024, max_cat_bytes = 10240;
  uint64_t on_stack_limit = 32, perf_rb_pages = 0, log_size = 1000000;
  bool print_maps_on_exit = true, cpp_demangle = true, lazy_symbolication = false, show_debug_info = false, use_blazesym = false;
  std::string str_trunc_trailer = "..", missing_probes = "error", license = "GPL", cache_user_symbols;
  artifact::StackMode stack_mode = artifact::StackMode::bpftrace;
  std::string unstable_tseries = "warn", unstable_dw_ustack = "warn", unstable_typeinfo = "error", unstable_import_statement = "error";
};

}  // namespace awl
