#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver/program.h"

namespace {

using namespace awl;

artifact::Bytes to_bytes(const std::string& text) { return {text.begin(), text.end()}; }

// Script or object, as an artifact's bytes.
OrEnded<artifact::Bytes> object_of(Options& options, Host& host) {
  OrEnded<Program> program = read_program(options, host);
  if (!program) return std::unexpected(program.error());
  if (program->is_object()) return to_bytes(program->text);
  return compile_program(std::move(*program), options, host);
}

Result<> write_all(int fd, const artifact::Bytes& bytes) {
  for (size_t done = 0; done < bytes.size();) {
    ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail(n < 0 ? errno : EIO, "cannot write");
    done += static_cast<size_t>(n);
  }
  return {};
}

// A device or a pipe is written to as it is. A file is made beside its name, under a name that nobody can foresee, and moved there: a
// failed build leaves the old file.
Result<> write_object(const std::string& path, const artifact::Bytes& bytes) {
  struct stat there{};
  bool special = ::stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode);
  std::string temporary = path + ".XXXXXX";
  int fd = special ? ::open(path.c_str(), O_WRONLY | O_CLOEXEC) : ::mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return fail(errno, "cannot write '{}'", path);
  Result<> written = write_all(fd, bytes);
  if (written && !special) {
    mode_t mask = ::umask(0);
    ::umask(mask);
    if (::fchmod(fd, 0666 & ~mask) != 0 || ::rename(temporary.c_str(), path.c_str()) != 0) written = fail(errno, "cannot write");
  }
  ::close(fd);
  if (written) return {};
  if (!special) ::unlink(temporary.c_str());
  return fail(written.error().code, "cannot write '{}'", path);
}

int build(Options& options, Host& host) {
  if (options.artifact_file.empty())
    return ended({0, "USAGE: awl build FILE | -e 'PROGRAM' -o OBJECT: the output file is missing", "say where the object goes with -o"}).error().status;
  OrEnded<artifact::Bytes> object = object_of(options, host);
  if (!object) return object.error().status;
  if (Result<> written = write_object(options.artifact_file, *object); !written) return ended(written.error()).error().status;
  return 0;
}

int inspect(Options& options, Host& host) {
  OrEnded<artifact::Bytes> object = object_of(options, host);
  if (!object) return object.error().status;
  Result<artifact::Artifact> artifact = artifact::open(std::move(*object));
  if (!artifact) return ended(artifact.error()).error().status;
  fmt::print("{}", options.json ? artifact::print_json(*artifact) : artifact::print_text(*artifact));
  return 0;
}

int run_program(Options& options, Host& host) {
  // The command of -c comes first: a command that does not exist is found before anything is compiled.
  Result<std::unique_ptr<Child>> child = start_child(options.run, host);
  if (!child) return ended(child.error()).error().status;
  OrEnded<artifact::Bytes> object = object_of(options, host);
  if (!object) return object.error().status;
  if (!options.artifact_file.empty())
    if (Result<> written = write_object(options.artifact_file, *object); !written) return ended(written.error()).error().status;
  Result<artifact::Artifact> artifact = artifact::open(std::move(*object));
  if (!artifact) return ended(artifact.error()).error().status;
  if (!options.has_program && !reads_standard_input(options)) options.run.session.folder = folder_of(options.operands[0]);
  return run(std::move(*artifact), host, std::move(options.run), std::move(*child));
}

}  // namespace

int main(int argc, char** argv) {
  bool show_usage = false;
  Result<Options> options = read_options(argc, argv, show_usage);
  if (!options) {
    if (!options.error().message.empty()) print_error(options.error(), use_color());
    if (show_usage) fmt::print(stderr, "{}", usage_text);
    return exit_usage;
  }
  options->run.session.color = use_color();
  options->run.session.color_tests = !without_color();
  std::unique_ptr<Host> host = make_linux_host(options->run.host);
  host->process = options->run.session.pid;
  switch (options->command) {
    case Command::help: fmt::print("{}", usage_text); return 0;
    case Command::version: fmt::print("awl v{}\n", AWL_VERSION); return 0;
    case Command::info: return print_info(*host);
    case Command::list: return list(*options, *host);
    case Command::build: return build(*options, *host);
    case Command::inspect: return inspect(*options, *host);
    case Command::check: return check_programs(*options, *host);
    case Command::doc: return print_documentation(*options);
    case Command::fmt: return format_programs(*options, *host);
    case Command::compile: {
      OrEnded<artifact::Bytes> object = object_of(*options, *host);
      return object ? 0 : object.error().status;
    }
    case Command::bench_compiler: return bench_compiler(*options, *host);
    case Command::run: return run_program(*options, *host);
  }
  return 0;
}
