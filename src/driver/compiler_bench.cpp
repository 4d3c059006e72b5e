// `--mode compiler-bench`: how long each stage of the compiler takes.
#include <chrono>
#include <cmath>

#include "builtins/builtin.h"
#include "codegen/codegen.h"
#include "driver/program.h"
#include "parser/parse.h"
#include "runtime/own_probes.h"
#include "semantic/unit.h"

namespace awl {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds time_for_all{1};
constexpr uint64_t fewest_turns = 5, most_turns = 10000;

// Durations of one stage, in nanoseconds; mean and sum of squared differences are kept up to date (Welford).
struct StageTimes {
  std::string_view name;
  uint64_t count = 0;
  double total = 0, mean = 0, squares = 0;

  void add(std::chrono::nanoseconds spent) {
    const double value = static_cast<double>(spent.count()), off = value - mean;
    ++count;
    total += value;
    mean += off / static_cast<double>(count);
    squares += off * (value - mean);
  }
  double deviation() const { return count > 1 ? std::sqrt(squares / static_cast<double>(count - 1)) : 0; }
};

template <typename Stage>
auto timed(StageTimes& times, Stage stage) {
  const Clock::time_point start = Clock::now();
  auto result = stage();
  times.add(Clock::now() - start);
  return result;
}

std::string row_of(const StageTimes& times) {
  auto whole = [](double value) { return static_cast<uint64_t>(std::llround(value)); };
  return fmt::format("{:<30}{:<8}{:<14}{} ± {}\n", times.name, times.count, whole(times.total), duration_text(whole(times.mean)), duration_text(whole(times.deviation())));
}

}  // namespace

int bench_compiler(Options& options, Host& host) {
  OrEnded<Program> program = read_program(options, host);
  if (!program) return program.error().status;
  if (program->is_object()) return ended({0, "USAGE: --mode compiler-bench needs a script: an object is compiled already", {}}).error().status;
  // Once with all messages; this also opens what is opened once, such as the kernel's types.
  if (OrEnded<artifact::Bytes> object = compile_program(*program, options, host); !object) return object.error().status;

  std::vector<StageTimes> stages{{.name = "parse"}};
  for (const Pass& pass : pipeline()) stages.push_back({.name = pass.name});
  stages.push_back({.name = "generate"});
  const Clock::time_point end = Clock::now() + time_for_all;
  for (uint64_t turn = 0; turn < fewest_turns || (turn < most_turns && Clock::now() < end); ++turn) {
    Sources sources;
    const uint32_t file = sources.add(program->name, program->text);
    Diagnostics diagnostics(sources);
    Unit unit(sources, diagnostics, host, options.compile);
    StageTimes* stage = stages.data();
    unit.script = timed(*stage++, [&] { return parse(sources, file, diagnostics, is_value_builtin); });
    for (const Pass& pass : pipeline()) timed(*stage++, [&] { return pass.run(unit, diagnostics), true; });
    if (Result<CodegenOutput> output = timed(*stage, [&] { return generate(unit, {}); }); !output) return ended(output.error()).error().status;
  }
  for (const StageTimes& stage : stages) fmt::print("{}", row_of(stage));
  return 0;
}

}  // namespace awl
