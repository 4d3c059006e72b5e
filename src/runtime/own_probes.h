#pragma once
// The probes that test and measure a script: --test and --bench.
#include <functional>
#include <span>
#include <string>

#include "runtime/events.h"
#include "runtime/load.h"
#include "runtime/output.h"

namespace awl {

// What both need of a session. `drain` hands all events that have come to the handler.
struct OwnProbes {
  std::vector<LoadedProgram>& programs;
  std::span<const artifact::Send> sends;  // of the artifact
  EventHandler& handler;
  Output& output;
  Format format = Format::text;
  bool color = true;  // of the reports of tests
  std::function<void()> drain;
};

// Runs every `test` probe once, in order, and reports each. The number of those that failed; -1 if the script has none.
Result<int> run_tests(const OwnProbes& own);

// Runs every `bench` probe many times and reports the mean time of each. False if the script has none.
Result<bool> run_benchmarks(const OwnProbes& own);

// "16 μs": at most four digits of the largest unit that leaves some.
std::string duration_text(uint64_t nanoseconds);

}  // namespace awl
