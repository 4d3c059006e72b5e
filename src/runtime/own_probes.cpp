#include "runtime/own_probes.h"

#include <bpf/bpf.h>
#include <errno.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "runtime/format/json.h"

namespace awl {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view green = "\033[32m", red = "\033[31m", plain = "\033[0m";

// The name behind "test:".
std::string_view name_of(const LoadedProgram& program) {
  return program.row->target.empty() ? std::string_view(program.row->probe) : std::string_view(program.row->target[0]);
}

std::vector<LoadedProgram*> programs_of(const OwnProbes& own, Runs runs) {
  std::vector<LoadedProgram*> found;
  for (LoadedProgram& program : own.programs)
    if (program.provider->runs == runs) found.push_back(&program);
  return found;
}

// Gives a packet to its program; what that returned.
Result<int64_t> send_packet(const OwnProbes& own, const artifact::Send& send) {
  auto found = std::ranges::find(own.programs, send.program, &LoadedProgram::index);
  if (found == own.programs.end()) return fail_text(0, fmt::format("{}: the probe that send() sends to is left out of this run", send.place), "do not leave it out with --probe-filter");
  LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = send.packet.data(), .data_size_in = static_cast<uint32_t>(send.packet.size()));
  const int program = found->copies.empty() ? bpf_program__fd(found->program) : found->copies.front().get();
  if (bpf_prog_test_run_opts(program, &run) != 0)
    return fail(errno, "{}: the kernel does not take this packet of {} bytes for {}", send.place, send.packet.size(), found->row->probe);
  return static_cast<int32_t>(run.retval);
}

// Runs a test to its end, with the packets that it sends (see artifact::Send); whether it says that it passed.
Result<bool> run_test(const OwnProbes& own, const LoadedProgram& program) {
  int64_t verdict = 0;
  for (uint64_t step = 0; step <= own.sends.size(); ++step) {
    const uint64_t context[] = {step, static_cast<uint64_t>(verdict)};
    LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = context, .ctx_size_in = sizeof context);
    if (bpf_prog_test_run_opts(bpf_program__fd(program.program), &run) != 0) return fail(errno, "cannot run the probe {}", program.row->probe);
    if (run.retval < artifact::first_send) return run.retval == 0;
    const size_t send = run.retval - artifact::first_send;
    if (send >= own.sends.size()) break;
    AWL_TRY(decided, send_packet(own, own.sends[send]));
    verdict = decided;
  }
  return fail(0, "damaged object: the probe {} sends what is not there", program.row->probe);
}

void report_json(const OwnProbes& own, std::string_view type, std::string_view name, std::string_view data) {
  std::string& out = own.output.text();
  out += fmt::format("{{\"type\": \"{}\", \"data\": {{", type);
  append_json_string(out, name);
  out += fmt::format(": {}}}}}\n", data);
}

// "[  PASSED  ]" in green, what is wrong in red.
std::string label(const OwnProbes& own, bool good, std::string_view text) {
  return own.color ? fmt::format("{}{}{}", good ? green : red, text, plain) : std::string(text);
}

// "1 test", "2 tests"
std::string tests(size_t count) { return fmt::format("{} test{}", count, count == 1 ? "" : "s"); }

void report_test(const OwnProbes& own, std::string_view name, bool passed, uint64_t nanoseconds, std::string_view output) {
  if (own.format == Format::json) {
    std::string text;
    append_json_string(text, output);
    return report_json(own, "test_result", name, fmt::format("{{\"duration\": {}, \"passed\": {}, \"output\": {}}}", nanoseconds, passed, text));
  }
  std::string& out = own.output.text();
  if (!passed) {
    out += output;
    if (!output.empty() && !output.ends_with('\n')) out += '\n';
  }
  out += fmt::format("{} {} ({})\n", label(own, passed, passed ? "[       OK ]" : "[  FAILED  ]"), name, duration_text(nanoseconds));
}

void report_summary(const OwnProbes& own, size_t count, const std::vector<std::string_view>& failed) {
  std::string& out = own.output.text();
  out += fmt::format("{} {} ran.\n", label(own, true, "[==========]"), tests(count));
  out += fmt::format("{} {}.\n", label(own, true, "[  PASSED  ]"), tests(count - failed.size()));
  if (failed.empty()) return;
  out += fmt::format("{} {}, listed below:\n", label(own, false, "[  FAILED  ]"), tests(failed.size()));
  for (std::string_view name : failed) out += fmt::format("{} {}\n", label(own, false, "[  FAILED  ]"), name);
}

// ---- benchmarks ----

// The kernel's own account of a program's run time, while it keeps one.
struct RunTime {
  uint64_t nanoseconds = 0, runs = 0;
};
std::optional<RunTime> run_time(int program) {
  bpf_prog_info info{};
  uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(program, &info, &size) != 0) return std::nullopt;
  return RunTime{info.run_time_ns, info.run_cnt};
}

struct Measured {
  uint64_t average = 0, iterations = 0;
};

constexpr uint64_t round_of_runs = 1000;
constexpr std::chrono::milliseconds time_for_each{100};

// Runs a program for a while, in rounds, with `between` after each. `accounted`: the kernel measures; otherwise the system call is measured with it.
Result<Measured> measure(int program, bool accounted, const std::string& what, const std::function<void()>& between) {
  LIBBPF_OPTS(bpf_test_run_opts, first);
  // The first run warms caches and makes map elements.
  if (bpf_prog_test_run_opts(program, &first) != 0) return fail(errno, "cannot run {}", what);
  const std::optional<RunTime> before = accounted ? run_time(program) : std::nullopt;
  Measured measured;
  std::chrono::nanoseconds spent{0};
  while (spent < time_for_each) {
    const Clock::time_point start = Clock::now();
    for (uint64_t i = 0; i < round_of_runs; ++i) {
      LIBBPF_OPTS(bpf_test_run_opts, run);
      if (bpf_prog_test_run_opts(program, &run) != 0) return fail(errno, "cannot run {}", what);
    }
    spent += Clock::now() - start;
    measured.iterations += round_of_runs;
    between();
  }
  measured.average = static_cast<uint64_t>(spent.count()) / measured.iterations;
  const std::optional<RunTime> after = before ? run_time(program) : std::nullopt;
  if (after && after->runs > before->runs) measured.average = (after->nanoseconds - before->nanoseconds) / (after->runs - before->runs);
  return measured;
}

// What measuring a program that does nothing gives: the cost of measuring.
uint64_t cost_of_measuring(bool accounted) {
  const bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
                           {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  const Fd program(bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "awl_empty", "GPL", code, std::size(code), nullptr));
  if (!program) return 0;
  const Result<Measured> measured = measure(program.get(), accounted, "an empty program", [] {});
  return measured ? measured->average : 0;
}

}  // namespace

std::string duration_text(uint64_t nanoseconds) {
  constexpr std::string_view units[] = {"ns", "μs", "ms", "s"};
  size_t unit = 0;
  while (nanoseconds >= 10000 && unit + 1 < std::size(units)) {
    nanoseconds /= 1000;
    ++unit;
  }
  return fmt::format("{} {}", nanoseconds, units[unit]);
}

Result<int> run_tests(const OwnProbes& own) {
  const std::vector<LoadedProgram*> all = programs_of(own, Runs::as_test);
  if (all.empty()) return -1;
  const bool text = own.format == Format::text;
  std::vector<std::string_view> failed;
  if (text) own.output.text() += fmt::format("{} Running {} tests.\n", label(own, true, "[==========]"), all.size());
  for (const LoadedProgram* program : all) {
    const std::string_view name = name_of(*program);
    if (text) own.output.text() += fmt::format("{} {}\n", label(own, true, "[ RUN      ]"), name);
    own.handler.hold();
    const Clock::time_point start = Clock::now();
    const Result<bool> returned = run_test(own, *program);
    const auto spent = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start);
    own.drain();
    const EventHandler::Held held = own.handler.release();
    if (!returned) return std::unexpected(returned.error());
    const bool passed = *returned && !held.failed;
    report_test(own, name, passed, static_cast<uint64_t>(spent.count()), held.output);
    if (!passed) failed.push_back(name);
  }
  if (text) report_summary(own, all.size(), failed);
  return static_cast<int>(failed.size());
}

Result<bool> run_benchmarks(const OwnProbes& own) {
  const std::vector<LoadedProgram*> all = programs_of(own, Runs::as_benchmark);
  if (all.empty()) return false;
  // Refused without CAP_SYS_ADMIN: then the clock has to do.
  const Fd statistics(bpf_enable_stats(BPF_STATS_RUN_TIME));
  const bool accounted = static_cast<bool>(statistics);
  const uint64_t cost = cost_of_measuring(accounted);
  if (own.format == Format::text) own.output.text() += fmt::format("{:<41}{:<15}{}\n{:-<66}\n", "Benchmark", "Time(ns)", "Iterations", "");
  for (const LoadedProgram* program : all) {
    auto forget = [&] {
      own.handler.hold();
      own.drain();
      own.handler.release();
    };
    AWL_TRY(measured, measure(bpf_program__fd(program->program), accounted, fmt::format("the probe {}", program->row->probe), forget));
    const uint64_t average = measured.average > cost ? measured.average - cost : 0;
    if (own.format == Format::json)
      report_json(own, "benchmark_result", name_of(*program), fmt::format("{{\"average\": {}, \"iters\": {}}}", average, measured.iterations));
    else
      own.output.text() += fmt::format("{:<41}{:<15}{}\n", name_of(*program), average, measured.iterations);
    own.output.flush();
  }
  return true;
}

}  // namespace awl
