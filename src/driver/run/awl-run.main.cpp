// awl-run OBJECT: runs what `awl build` made. Holds the run side only.
#include <fmt/format.h>

#include <cstdlib>

#include "driver/run/arguments.h"

namespace {

using namespace awl;

constexpr std::string_view usage = R"(USAGE: awl-run [options] OBJECT [parameters] [-- parameters]

Runs a BPF object that `awl build` made. Options of the program itself stand behind `--`; `-- --help` lists them.

    -p, --pid PID        trace this process only; ends when it ends
    -c, --cmd COMMAND    run a command, start tracing before its first instruction, end with it
        --dwarf-pid PID  another process whose stacks dw_ustack follows (besides those of -p and -c)
    -o, --output FILE    write the program's output to a file
    -f, --format FORMAT  text (default) or json, one object a line
    -B MODE              output buffering: line (default), full, none
    -q, --quiet          leave out the message about attached probes
    -v, --verbose        more messages; the verifier's whole log on failure
    -d, --debug STAGE    show what happens in a stage: libbpf, verifier, all
        --unsafe         allow programs that change the system
        --no-warnings    no warnings
        --dry-run        stop after attaching
        --replace NAME   run under a name, in the place of the script that runs under it: no packet meets no program
        --fail-on-loss   end with status 5 when something was lost: events, map updates, parts of strings, stacks
        --probe-filter EXPR
                         run only the probes whose name matches a regular expression
        --test           run the test probes; exit status 1 if one fails
        --bench          run the bench probes and show the time that each takes
        --btf FILE       kernel types from a file instead of the running kernel
    -h, --help           this text
    -V, --version        version
)";

constexpr option long_options[] = {
    {"pid", required_argument, nullptr, 'p'},      {"cmd", required_argument, nullptr, 'c'},
    {"output", required_argument, nullptr, 'o'},   {"format", required_argument, nullptr, 'f'},
    {"quiet", no_argument, nullptr, 'q'},          {"verbose", no_argument, nullptr, 'v'},
    {"debug", required_argument, nullptr, 'd'},    {"unsafe", no_argument, nullptr, option_unsafe},
    {"dry-run", no_argument, nullptr, option_dry_run}, {"no-warnings", no_argument, nullptr, option_no_warnings},
    {"btf", required_argument, nullptr, option_btf}, {"fail-on-loss", no_argument, nullptr, option_fail_on_loss},
    {"probe-filter", required_argument, nullptr, option_probe_filter}, {"replace", required_argument, nullptr, option_replace},
    {"test", no_argument, nullptr, option_test},   {"bench", no_argument, nullptr, option_bench},
    {"dwarf-pid", required_argument, nullptr, option_dwarf_pid},
    {"help", no_argument, nullptr, 'h'},           {"version", no_argument, nullptr, 'V'},
    {nullptr, 0, nullptr, 0},
};

bool takes_value(std::string_view argument) {
  for (std::string_view name : {"-p", "--pid", "-c", "--cmd", "-o", "--output", "-f", "--format", "-B", "-d", "--debug", "--btf", "--probe-filter", "--replace", "--dwarf-pid"})
    if (argument == name) return true;
  return false;
}

int usage_error() {
  fmt::print(stderr, "{}", usage);
  return exit_usage;
}

}  // namespace

int main(int argc, char** argv) {
  RunOptions options;
  options.session.color = use_color();
  options.session.color_tests = !without_color();
  int dashes = find_dashes(argc, argv, takes_value);
  for (int code; (code = getopt_long(dashes, argv, "p:c:o:f:B:qvd:hV", long_options, nullptr)) != -1;) {
    if (code == '?') return usage_error();
    if (code == 'h') {
      fmt::print("{}", usage);
      return 0;
    }
    if (code == 'V') {
      fmt::print("awl-run v{}\n", AWL_VERSION);
      return 0;
    }
    Result<bool> taken = take_run_option(code, optarg, options);
    if (taken && code == 'd' && !take_run_debug(optarg, options.session)) taken = fail(0, "USAGE: invalid option for -d: {}", optarg);
    if (!taken) {
      print_error(taken.error(), options.session.color);
      return exit_usage;
    }
  }
  if (optind >= dashes) return usage_error();
  take_environment(options);
  std::string object = argv[optind];
  for (int i = optind + 1; i < dashes; ++i) options.session.parameters.emplace_back(argv[i]);
  if (dashes < argc) add_parameters({argv + dashes + 1, argv + argc}, options.session);
  options.session.folder = folder_of(object);
  Result<artifact::Artifact> artifact = artifact::open_file(object);
  if (!artifact) {
    print_error(artifact.error(), options.session.color);
    return exit_usage;
  }
  std::unique_ptr<Host> host = make_linux_host(options.host);
  Result<std::unique_ptr<Child>> child = start_child(options, *host);
  if (!child) {
    print_error(child.error(), options.session.color);
    return exit_usage;
  }
  return run(std::move(*artifact), *host, std::move(options), std::move(*child));
}
