// awl check and awl fmt: what is done with a script without running it.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builtins/builtin.h"
#include "driver/program.h"
#include "parser/format.h"
#include "parser/parse.h"

namespace awl {
namespace {

// Calls `use` with each program of the command line: -e, or every FILE. The worst status.
template <typename F>
int each_program(Options& options, Host& host, const F& use) {
  std::vector<std::string> files = options.operands;
  size_t count = options.has_program ? 1 : std::max<size_t>(files.size(), 1);
  int worst = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!options.has_program && i < files.size()) options.operands = {files[i]};
    OrEnded<Program> program = read_program(options, host);
    int status = program ? use(std::move(*program)) : program.error().status;
    worst = std::max(worst, status);
  }
  return worst;
}

int refuse_object(const Program& program) { return ended({0, fmt::format("'{}' is an object, not a script", program.name), {}}).error().status; }

// A file with new text, moved to its name when all of it is written: the old one stays where that fails.
Result<> replace_file(const std::string& name, std::string_view text) {
  std::unique_ptr<char, decltype(&std::free)> real(realpath(name.c_str(), nullptr), std::free);
  struct stat status{};
  if (!real || stat(real.get(), &status) != 0) return fail(errno, "cannot open '{}'", name);
  std::string path = real.get();
  std::string temporary = path + ".awl-XXXXXX";
  int fd = mkstemp(temporary.data());
  if (fd < 0) return fail(errno, "cannot write beside '{}'", path);
  std::FILE* file = fdopen(fd, "w");
  bool good = file && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  good = file && std::fflush(file) == 0 && good && fchmod(fd, status.st_mode & 07777) == 0;
  // Another owner's file stays his where that is possible; else it becomes the user's own.
  if (good && fchown(fd, status.st_uid, status.st_gid) != 0) errno = 0;
  if (file) good = std::fclose(file) == 0 && good;
  else close(fd);
  if (!good || rename(temporary.c_str(), path.c_str()) != 0) {
    int error = errno;
    unlink(temporary.c_str());
    return fail(error, "cannot write '{}'", path);
  }
  return {};
}

}  // namespace

int check_programs(Options& options, Host& host) {
  return each_program(options, host, [&](Program program) {
    if (program.is_object()) return refuse_object(program);
    Sources sources;
    uint32_t file = sources.add(std::move(program.name), std::move(program.text));
    Diagnostics diagnostics(sources);
    check(sources, file, options.compile, host, diagnostics);
    if (options.json) fmt::print("{}", render_json(diagnostics));
    else fmt::print(stderr, "{}", render(diagnostics, {.color = use_color(), .warnings = options.run.session.warnings}));
    return diagnostics.has_errors() ? exit_usage : 0;
  });
}

int format_programs(Options& options, Host& host) {
  if (options.in_place && (options.has_program || options.operands.empty()))
    return ended({0, "USAGE: awl fmt -i FILE...: there is no file to change", {}}).error().status;
  return each_program(options, host, [&](Program program) {
    if (program.is_object()) return refuse_object(program);
    Sources sources;
    uint32_t file = sources.add(program.name, std::move(program.text));
    Diagnostics diagnostics(sources);
    ast::Script script = parse(sources, file, diagnostics, is_value_builtin);
    if (diagnostics.has_errors()) {
      fmt::print(stderr, "{}", render(diagnostics, {.color = use_color(), .warnings = false}));
      return exit_usage;
    }
    std::string text = format(sources, script);
    if (!options.in_place) {
      fmt::print("{}", text);
    } else if (text != sources.file(file).text) {
      if (Result<> written = replace_file(program.name, text); !written) return ended(written.error()).error().status;
    }
    return 0;
  });
}

}  // namespace awl
