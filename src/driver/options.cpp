#include "driver/options.h"

#include <stdlib.h>

#include "driver/run/arguments.h"
#include "probes/features.h"

namespace awl {
namespace {

enum : int {
  option_info = first_own_option,
  option_include,
  option_traceable,
  option_no_feature,
  option_emit_elf,
  option_emit_llvm,
  option_verify_ir,
  option_mode,
  option_json,
  option_debuginfo,
  option_usdt_activation,
  option_fmt,
  option_man,
};

constexpr option long_options[] = {
    {"list", no_argument, nullptr, 'l'},
    {"pid", required_argument, nullptr, 'p'},
    {"cmd", required_argument, nullptr, 'c'},
    {"output", required_argument, nullptr, 'o'},
    {"format", required_argument, nullptr, 'f'},
    {"quiet", no_argument, nullptr, 'q'},
    {"verbose", no_argument, nullptr, 'v'},
    {"warnings", no_argument, nullptr, 'k'},
    {"debug", required_argument, nullptr, 'd'},
    {"help", no_argument, nullptr, 'h'},
    {"version", no_argument, nullptr, 'V'},
    {"unsafe", no_argument, nullptr, option_unsafe},
    {"no-warnings", no_argument, nullptr, option_no_warnings},
    {"dry-run", no_argument, nullptr, option_dry_run},
    {"replace", required_argument, nullptr, option_replace},
    {"fail-on-loss", no_argument, nullptr, option_fail_on_loss},
    {"btf", required_argument, nullptr, option_btf},
    {"test", no_argument, nullptr, option_test},
    {"bench", no_argument, nullptr, option_bench},
    {"info", no_argument, nullptr, option_info},
    {"include", required_argument, nullptr, option_include},
    {"traceable-functions", required_argument, nullptr, option_traceable},
    {"no-feature", required_argument, nullptr, option_no_feature},
    {"probe-filter", required_argument, nullptr, option_probe_filter},
    {"emit-elf", required_argument, nullptr, option_emit_elf},
    {"emit-llvm", required_argument, nullptr, option_emit_llvm},
    {"verify-llvm-ir", no_argument, nullptr, option_verify_ir},
    {"mode", required_argument, nullptr, option_mode},
    {"json", no_argument, nullptr, option_json},
    {"debuginfo", required_argument, nullptr, option_debuginfo},
    {"dwarf-pid", required_argument, nullptr, option_dwarf_pid},
    {"usdt-file-activation", no_argument, nullptr, option_usdt_activation},
    {"fmt", no_argument, nullptr, option_fmt},
    {"man", no_argument, nullptr, option_man},
    {nullptr, 0, nullptr, 0},
};
constexpr const char short_options[] = "e:lp:c:o:f:B:qvkI:d:hVi";

bool takes_value(std::string_view argument) {
  if (argument.size() == 2 && argument[0] == '-') {
    size_t at = std::string_view(short_options).find(argument[1]);
    return at != std::string_view::npos && short_options[at + 1] == ':';
  }
  if (!argument.starts_with("--")) return false;
  for (const option& o : long_options)
    if (o.name && argument.substr(2) == o.name) return o.has_arg == required_argument;
  return false;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    size_t end = std::min(text.find(','), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

Result<> take_debug_stages(std::string_view list, Options& options) {
  for (const std::string& stage : split_list(list)) {
    bool all = stage == "all", known = take_run_debug(stage, options.run.session);
    DebugDump& dump = options.dump;
    std::pair<std::string_view, bool*> stages[] = {{"ast", &dump.ast},     {"types", &dump.types},     {"plan", &dump.plan},
                                                   {"verbs", &dump.verbs}, {"codegen", &dump.codegen}, {"codegen-opt", &dump.codegen_opt}};
    for (auto [name, flag] : stages)
      if (all || stage == name) *flag = known = true;
    if (!known) return fail(0, "USAGE: invalid option for -d: {}", stage);
  }
  return {};
}

Result<> take_no_features(std::string_view list, Options& options) {
  for (const std::string& name : split_list(list)) {
    std::optional<Feature> feature = find_feature(name);
    if (!feature || (name != "kprobe_multi" && name != "kprobe_session" && name != "uprobe_multi"))
      return fail(0, "USAGE: --no-feature can only have values 'kprobe_multi,kprobe_session,uprobe_multi'.");
    options.run.host.without.push_back(*feature);
  }
  return {};
}

Result<> take_mode(std::string_view mode, Options& options) {
  if (mode == "codegen")
    options.command = Command::compile;
  else if (mode == "format")
    options.command = Command::fmt;
  else if (mode == "compiler-bench")
    options.command = Command::bench_compiler;
  else if (mode == "test" || mode == "bench") {
    AWL_CHECK(take_run_option(mode == "test" ? option_test : option_bench, nullptr, options.run));
  } else
    return fail(0, "USAGE: --mode can only be 'codegen', 'compiler-bench', 'bench', 'test' or 'format'.");
  return {};
}

// Options of awl alone; the rest is shared with awl-run.
Result<bool> take_own_option(int code, const char* value, Options& options) {
  auto done = [](Result<> result) -> Result<bool> {
    if (!result) return std::unexpected(std::move(result.error()));
    return true;
  };
  switch (code) {
    case 'e':
      options.program = value;
      options.has_program = true;
      return true;
    case 'l': options.command = Command::list; return true;
    case 'h': options.command = Command::help; return true;
    case 'V': options.command = Command::version; return true;
    case 'k': options.compile.warn_helpers = true; return true;
    case 'i': options.in_place = true; return true;
    case 'I': options.compile.include_dirs.emplace_back(value); return true;
    case 'd': return done(take_debug_stages(value, options));
    case option_info: options.command = Command::info; return true;
    case option_fmt: options.command = Command::fmt; return true;
    case option_include: options.compile.include_files.emplace_back(value); return true;
    case option_traceable: options.run.host.traceable_functions_file = value; return true;
    case option_no_feature: return done(take_no_features(value, options));
    case option_emit_elf: options.artifact_file = value; return true;
    case option_emit_llvm: options.emit_llvm = value; return true;
    case option_verify_ir: options.verify_ir = true; return true;
    case option_mode: return done(take_mode(value, options));
    case option_json: options.json = true; return true;
    case option_man: options.man = true; return true;
    case option_debuginfo:
      for (std::string_view rest = value; !rest.empty();) {
        size_t colon = std::min(rest.find(':'), rest.size());
        if (colon) options.run.host.debug_folders.emplace_back(rest.substr(0, colon));
        rest.remove_prefix(std::min(colon + 1, rest.size()));
      }
      return true;
    case option_usdt_activation: return true;  // the kernels that awl supports count the uses of semaphores themselves
    default: return false;
  }
}

// A subcommand stands first; a file of that name can be given as ./build.
void take_subcommand(int& argc, char**& argv, Options& options) {
  if (argc < 2) return;
  std::string_view word = argv[1];
  if (word == "build") options.command = Command::build;
  else if (word == "inspect") options.command = Command::inspect;
  else if (word == "check") options.command = Command::check;
  else if (word == "fmt") options.command = Command::fmt;
  else if (word == "doc") options.command = Command::doc;
  else if (word == "run") options.command = Command::run;
  else if (word == "test") options.run.session.mode = RunMode::test;
  else if (word == "bench") options.run.session.mode = RunMode::bench;
  else return;
  argv[1] = argv[0];
  --argc;
  ++argv;
}

void finish(Options& options) {
  CompileOptions& compile = options.compile;
  const SessionOptions& session = options.run.session;
  if (options.command == Command::build) std::swap(options.artifact_file, options.run.output_file);
  // The first operand is the script, except with -e, where all are parameters.
  bool only_files = !options.has_program && (options.command == Command::check || options.command == Command::fmt || options.command == Command::doc);
  size_t parameters = options.has_program ? 0 : only_files ? options.operands.size() : 1;
  std::vector<std::string> given(options.operands.begin() + static_cast<ptrdiff_t>(std::min(parameters, options.operands.size())), options.operands.end());
  options.operands.resize(std::min(parameters, options.operands.size()));
  given.insert(given.end(), session.parameters.begin(), session.parameters.end());
  options.run.session.parameters = given;
  compile.parameters = given;
  compile.named = session.named;
  compile.parameters_known = (options.command != Command::build && options.command != Command::check) || !given.empty() || !session.named.empty();
  compile.unsafe = session.unsafe;
  compile.has_pid = session.pid.has_value() || options.run.has_command;
  compile.has_child = options.run.has_command;
  compile.testing = session.mode == RunMode::test;
  take_environment(options.run);
  compile.runs_here = options.command == Command::run && options.artifact_file.empty() && options.run.host.btf_file.empty();
}

}  // namespace

Result<Options> read_options(int argc, char** argv, bool& show_usage) {
  Options options;
  show_usage = false;
  take_subcommand(argc, argv, options);
  int dashes = find_dashes(argc, argv, takes_value);
  for (int code; (code = getopt_long(dashes, argv, short_options, long_options, nullptr)) != -1;) {
    if (code == '?') {
      show_usage = true;
      return fail_text(0, "");
    }
    AWL_TRY(own, take_own_option(code, optarg, options));
    if (!own) AWL_CHECK(take_run_option(code, optarg, options.run));
  }
  for (int i = optind; i < dashes; ++i) options.operands.emplace_back(argv[i]);
  if (dashes < argc) add_parameters({argv + dashes + 1, argv + argc}, options.run.session);
  if (options.in_place && options.command != Command::fmt) return fail_text(0, "USAGE: -i belongs to `awl fmt -i FILE...`; -I DIR searches for C headers");
  if (options.man && options.command != Command::doc) return fail_text(0, "USAGE: --man belongs to `awl doc --man`");
  finish(options);
  return options;
}

std::vector<std::string_view> option_names() {
  std::vector<std::string_view> names;
  for (const option& row : long_options)
    if (row.name) names.emplace_back(row.name);
  return names;
}

}  // namespace awl
