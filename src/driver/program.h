#pragma once
// The program of a command line: a script's text or an object's bytes, and compiling it.
#include <optional>

#include "driver/options.h"

namespace awl {

// Ends a command with a status after everything was said.
struct Ended {
  int status = 0;
};
template <typename T>
using OrEnded = std::expected<T, Ended>;

// What -e, FILE or - gives: script text with the name that messages use. The bytes may be an object.
struct Program {
  std::string name;
  std::string text;
  bool is_object() const { return text.starts_with("\177ELF"); }
};
OrEnded<Program> read_program(const Options& options, Host& host);
// Whether the program's text comes from standard input.
bool reads_standard_input(const Options& options);

// Compiles with all messages and dumps; `-d` text goes to standard output.
OrEnded<artifact::Bytes> compile_program(Program program, Options& options, Host& host);

// Says an error and ends with a status.
std::unexpected<Ended> ended(const Error& error, int status = exit_usage);

// `awl -l`.
int list(Options& options, Host& host);
// `awl check`, `awl fmt`.
int check_programs(Options& options, Host& host);
int format_programs(Options& options, Host& host);
// `awl doc`.
int print_documentation(const Options& options);
// `--mode compiler-bench`: compiles again and again, and prints how long each stage took: its name, turns, nanoseconds in all, average and
// standard deviation.
int bench_compiler(Options& options, Host& host);
// `awl --info`.
int print_info(Host& host);

}  // namespace awl
