#include "driver/run/run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <filesystem>
#include <memory>

#include "runtime/params.h"

namespace awl {
namespace {

using std::chrono::milliseconds;

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, FileCloser>;

// SIGINT and SIGTERM as a descriptor while it lives. At its end their default actions come back, so that a further Ctrl-C ends
// the process at once; only when none has come yet, the first one then does nothing: the end is under way already.
class EndSignals {
 public:
  EndSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGTERM);
    sigprocmask(SIG_BLOCK, &set_, &before_);
    fd_ = Fd(signalfd(-1, &set_, SFD_NONBLOCK | SFD_CLOEXEC));
  }
  EndSignals(const EndSignals&) = delete;
  ~EndSignals() {
    // What came meanwhile has done its work; left pending it would end the process now.
    signalfd_siginfo info;
    bool came = false;
    while (read(fd_.get(), &info, sizeof info) > 0) came = true;
    if (!came) {
      struct sigaction once {};
      once.sa_handler = [](int) {};
      once.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
      sigaction(SIGINT, &once, nullptr);
      sigaction(SIGTERM, &once, nullptr);
    }
    give_back();
  }
  int fd() const { return fd_.get(); }
  // Whether a signal came: while attaching, which then ends. From then on a further one ends the process at once.
  bool interrupted() {
    signalfd_siginfo info;
    if (read(fd_.get(), &info, sizeof info) <= 0) return false;
    give_back();
    return true;
  }

 private:
  // Other signals, that the session may wait for, stay blocked.
  void give_back() {
    for (int signal : {SIGINT, SIGTERM})
      if (sigismember(&before_, signal)) sigdelset(&set_, signal);
    sigprocmask(SIG_UNBLOCK, &set_, nullptr);
  }
  sigset_t set_, before_;
  Fd fd_;
};

// While the end is printed, a signal ends the process at once if a signal had ended the run; otherwise the first one asks for what happens anyway.
void let_signals_end(bool at_once) {
  struct sigaction action {};
  if (at_once) {
    action.sa_handler = SIG_DFL;
  } else {
    action.sa_handler = [](int) {};
    action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  }
  for (int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
}

// Every link and program is a descriptor.
void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}


// Until a signal (true), the end of the traced process or of the command, or the session's own end.
Result<bool> poll_until_end(Session& session, const EndSignals& signals, int process_fd, int child_fd) {
  bool has_events = session.poll_fd() >= 0;
  for (;;) {
    AWL_TRY(go_on, session.poll(milliseconds(has_events ? 5 : 0)));
    if (!go_on) return false;
    // Without events there is nothing to look at between the ends.
    pollfd ends[] = {{signals.fd(), POLLIN, 0}, {process_fd, POLLIN, 0}, {child_fd, POLLIN, 0}};
    if (::poll(ends, 3, has_events ? 0 : 1000) > 0) return ends[0].revents != 0;
  }
}

int failed_start(const Error& error, int status, const SessionOptions& options) {
  if (status == exit_usage && error.message == "No probes to attach") {
    fmt::print("{}\n", error.message);
    return status;
  }
  print_error(error, options.color);
  return status;
}

}  // namespace

void print_error(const Error& error, bool color) {
  if (!error.message.empty()) fmt::print(stderr, "{}ERROR: {}{}\n", color ? "\033[31m" : "", error.text(), color ? "\033[0m" : "");
  if (!error.hint.empty()) fmt::print(stderr, "HINT: {}\n", error.hint);
}

bool without_color() {
  const char* value = getenv("NO_COLOR");
  return value && *value;
}

bool use_color() {
  if (without_color()) return false;
  for (const char* name : {"AWL_COLOR", "BPFTRACE_COLOR"}) {
    const char* value = getenv(name);
    if (value && strcmp(value, "always") == 0) return true;
    if (value && strcmp(value, "never") == 0) return false;
  }
  return isatty(STDERR_FILENO) != 0;
}

std::string folder_of(const std::string& program) { return std::filesystem::path(program).parent_path().string(); }

Result<std::unique_ptr<Child>> start_child(RunOptions& options, Host& host) {
  host.process = options.session.pid;
  if (!options.has_command) return nullptr;
  AWL_TRY(started, Child::start(options.command));
  auto child = std::make_unique<Child>(std::move(started));
  options.session.child = host.process = child->pid();
  // If it fails, so will its release.
  host.load_process = [made = child.get()] { static_cast<void>(made->load()); };
  return child;
}

int run(artifact::Artifact artifact, Host& host, RunOptions options, std::unique_ptr<Child> child) {
  auto report = [&](const Error& error) {
    print_error(error, options.session.color);
    return exit_usage;
  };
  if (Result<> checked = check_program_options(artifact.meta, options.session); !checked) return report(checked.error());
  raise_file_limit();
  File output;
  if (!options.output_file.empty()) {
    output.reset(std::fopen(options.output_file.c_str(), "we"));
    if (!output) return report(Error{errno, fmt::format("failed to open output file '{}'", options.output_file), {}});
    options.session.output = output.get();
  }
  Fd process;
  if (options.session.pid) {
    Result<Fd> watched = watch_process(*options.session.pid);
    if (!watched) return report(watched.error());
    process = std::move(*watched);
  }
  options.session.show_progress = isatty(fileno(options.session.messages)) != 0;
  std::optional<EndSignals> signals(std::in_place);
  options.session.interrupted = [&signals] { return signals && signals->interrupted(); };
  SessionOptions shown = options.session;
  Result<std::unique_ptr<Session>> created = Session::create(std::move(artifact), host, std::move(options.session));
  if (!created) return report(created.error());
  Session& session = **created;
  {
    if (Result<> started = session.start(); !started) return failed_start(started.error(), session.failure_status(), shown);
    if (!shown.dry_run) {
      if (child)
        if (Result<> released = child->release(host, session.on_child_mapped()); !released) return report(released.error());
      Result<bool> ended = poll_until_end(session, *signals, process.get(), child ? child->exit_fd() : -1);
      if (!ended) print_error(ended.error(), shown.color);
      let_signals_end(ended && *ended);
    }
    signals.reset();
  }
  if (Result<> stopped = session.stop(); !stopped) {
    print_error(stopped.error(), shown.color);
    return exit_failed;
  }
  return session.exit_status();
}

}  // namespace awl
