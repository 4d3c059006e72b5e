#pragma once
// The lists in which kernels tell which functions may be traced.
#include "probes/host.h"

namespace awl {

// A list and what it says, sorted, each once.
struct TraceableFunctions {
  std::string text;
  std::vector<TraceableFunction> functions;  // in `text`
};

// One line of the lists below: NAME, and after a blank the module, in brackets or without.
TraceableFunction traceable_function(std::string_view line);

// How a list is written: as tracefs' available_filter_functions, a function a line, or as /proc/kallsyms, where each line starts with an address and
// the kind of symbol and not all symbols are functions.
enum class FunctionList : uint8_t { functions, symbols };
// `refused`: /sys/kernel/debug/kprobes/blacklist, 0xADDRESS-0xADDRESS, a tab, NAME in each line.
std::unique_ptr<const TraceableFunctions> read_traceable_functions(std::string text, FunctionList kind, std::string_view refused);

}  // namespace awl
