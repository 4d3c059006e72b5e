#include "driver/program.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

#include "base/diag/settings.h"
#include "runtime/load.h"

namespace awl {
namespace {

constexpr size_t largest_program = 64 << 20;

Result<std::string> read_standard_input() {
  std::string text;
  char buffer[65536];
  for (;;) {
    ssize_t size = read(STDIN_FILENO, buffer, sizeof buffer);
    if (size < 0) return fail(errno, "cannot read the program from standard input");
    if (size == 0) return text;
    text.append(buffer, static_cast<size_t>(size));
    if (text.size() > largest_program) return fail(EFBIG, "the program on standard input is too large");
  }
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == text.npos; }

OrEnded<artifact::Bytes> no_probes() {
  fmt::print("No probes to attach\n");
  return std::unexpected(Ended{exit_usage});
}

void write_text(const std::string& path, std::string_view text) {
  std::FILE* file = std::fopen(path.c_str(), "we");
  bool good = file && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (file) good = std::fclose(file) == 0 && good;
  if (!good) print_error({errno, fmt::format("cannot write '{}'", path), {}}, use_color());
}

}  // namespace

std::unexpected<Ended> ended(const Error& error, int status) {
  print_error(error, use_color());
  return std::unexpected(Ended{status});
}

bool reads_standard_input(const Options& options) { return !options.has_program && !options.operands.empty() && (options.operands[0] == "-" || options.operands[0] == "/dev/stdin"); }

OrEnded<Program> read_program(const Options& options, Host& host) {
  if (options.has_program) {
    if (options.program.empty()) return ended({0, "USAGE: filename or -e 'program' required.", {}});
    return Program{"stdin", options.program};
  }
  if (options.operands.empty()) {
    fmt::print(stderr, "{}", usage_text);
    return std::unexpected(Ended{exit_usage});
  }
  const std::string& path = options.operands[0];
  if (reads_standard_input(options)) {
    Result<std::string> text = read_standard_input();
    if (!text) return ended(text.error());
    return Program{"stdin", std::move(*text)};
  }
  Result<std::string> text = host.read_file(path, largest_program);
  if (!text) {
    if (text.error().code == 0) return ended(text.error());
    return ended({0, fmt::format("failed to open file '{}': {}", path, strerror(text.error().code)), text.error().hint});
  }
  return Program{path, std::move(*text)};
}

// Mistakes in the C of a script and in environment variables (settings without a place) have an exit status of their own.
bool is_c_error(const Diagnostics& diagnostics) {
  return std::ranges::any_of(diagnostics.all(), [](const Diagnostic& d) { return d.row == &Diag::c_definitions || d.row == &Diag::c_parser || (d.row == &Diag::config_value && !d.span); });
}

OrEnded<artifact::Bytes> compile_program(Program program, Options& options, Host& host) {
  if (is_blank(program.text)) return no_probes();
  // A file of types that was asked for must be one; otherwise only what the script needs of it would be missing.
  if (!options.run.host.btf_file.empty())
    if (Result<const btf*> types = host.kernel_btf(); !types) return ended(types.error());
  Sources sources;
  uint32_t file = sources.add(std::move(program.name), std::move(program.text));
  Diagnostics diagnostics(sources);
  DebugDump& dump = options.dump;
  dump.verify_ir = options.verify_ir;
  bool show_ir = dump.codegen || dump.codegen_opt;
  if (!options.emit_llvm.empty() && !show_ir) dump.codegen = true;
  Result<artifact::Bytes> bytes = compile(sources, file, options.compile, host, diagnostics, &dump);
  if (options.emit_llvm.empty() || show_ir) fmt::print("{}", dump.text);
  fmt::print(stderr, "{}", render(diagnostics, {.color = use_color(), .warnings = options.run.session.warnings}));
  // Without privilege the kernel's own files (tracefs, kallsyms) cannot be read: what is missing then is not the script's mistake.
  bool about_kernel = std::any_of(diagnostics.all().begin(), diagnostics.all().end(), [](const Diagnostic& d) { return d.text.find("tracefs") != d.text.npos; });
  if (diagnostics.has_errors() && about_kernel && !missing_capabilities().empty())
    fmt::print(stderr, "HINT: BPF tracing needs the capabilities CAP_BPF and CAP_PERFMON; missing here: {}. Run it with sudo.\n", missing_capabilities());
  if (!bytes && bytes.error().message == "No probes to attach") return no_probes();
  if (!bytes) return ended(bytes.error());
  if (diagnostics.has_errors()) return std::unexpected(Ended{is_c_error(diagnostics) ? exit_c_error : exit_usage});
  if (!options.emit_llvm.empty()) {
    write_text(options.emit_llvm + ".original.ll", dump.ir);
    write_text(options.emit_llvm + ".optimized.ll", dump.optimized_ir);
  }
  return std::move(*bytes);
}

}  // namespace awl
