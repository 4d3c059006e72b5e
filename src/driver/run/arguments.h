#pragma once
// Command line pieces that awl and awl-run share.
#include <getopt.h>

#include <span>
#include <string>
#include <vector>

#include "driver/run/run.h"

namespace awl {

// Program parameters: what stands behind `--` may also be named (--name=value, --name).
void add_parameters(std::span<char* const> behind_dashes, SessionOptions& options);

// The index of a `--` that ends the options, or argc. The value of an option may be `--` too when `takes_value(argument before)` says so.
int find_dashes(int argc, char* const* argv, bool (*takes_value)(std::string_view));

// Handles an option that all run commands know. False: not one of them. An error: its value is wrong.
//   p c o f q v B, and unsafe, no-warnings, dry-run, btf, fail-on-loss, probe-filter, test, bench, replace, dwarf-pid by the codes below
enum : int { option_unsafe = 1000, option_no_warnings, option_dry_run, option_btf, option_fail_on_loss, option_probe_filter, option_test, option_bench, option_replace, option_dwarf_pid, first_own_option = 1100 };
Result<bool> take_run_option(int code, const char* value, RunOptions& options);

// What environment variables say of the run where no option did: AWL_BTF, BPFTRACE_BTF.
void take_environment(RunOptions& options);

// -d STAGE for the run side's stages: libbpf, verifier, all. False: unknown.
bool take_run_debug(std::string_view stage, SessionOptions& options);

}  // namespace awl
