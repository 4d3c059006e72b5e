#include "driver/run/child.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "runtime/mappings.h"

namespace awl {
namespace {

bool is_program(const std::string& path) {
  struct stat info{};
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && access(path.c_str(), X_OK) == 0;
}

// A name with a slash is a path; others are looked for in PATH.
Result<std::string> find_program(const std::string& name) {
  if (name.find('/') != name.npos) {
    if (is_program(name)) return name;
  } else if (const char* path = getenv("PATH")) {
    std::string_view list(path);
    while (!list.empty()) {
      std::string_view directory = list.substr(0, list.find(':'));
      list.remove_prefix(std::min(directory.size() + 1, list.size()));
      std::string candidate = fmt::format("{}/{}", directory.empty() ? "." : directory, name);
      if (is_program(candidate)) return candidate;
    }
  }
  return fail_text(ENOENT, fmt::format("Failed to fork child: Path '{}' does not exist or is not executable", name));
}

// Runs in the child: nothing here allocates.
[[noreturn]] void become(const char* path, char* const* arguments, int report) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 && raise(SIGSTOP) == 0) execv(path, arguments);
  int error = errno;
  ssize_t ignored = write(report, &error, sizeof error);
  static_cast<void>(ignored);
  _exit(127);
}

}  // namespace

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  for (size_t at = text.find_first_not_of(" \t\n"); at != text.npos; at = text.find_first_not_of(" \t\n", at)) {
    size_t end = std::min(text.find_first_of(" \t\n", at), text.size());
    words.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

Result<Fd> watch_process(pid_t pid) {
  Fd fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!fd) return fail(errno, "Failed to attach to pid: Unable to open pidfd");
  return fd;
}

Result<Child> Child::start(const std::string& command) {
  std::vector<std::string> words = split_words(command);
  if (words.empty()) return fail_text(0, "Failed to fork child: the command of -c is empty", "give a program and its arguments: -c 'ls /tmp'");
  AWL_TRY(path, find_program(words[0]));
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail(errno, "Failed to fork child");
  Fd reader(ends[0]), writer(ends[1]);
  pid_t pid = fork();
  if (pid < 0) return fail(errno, "Failed to fork child");
  if (pid == 0) become(path.c_str(), arguments.data(), writer.get());
  writer = Fd();
  int status = 0;
  if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status)) return fail(0, "Failed to fork child: it ended at once");
  // It must not run if this process is killed meanwhile.
  ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_EXITKILL);
  Result<Fd> exit = watch_process(pid);
  if (!exit) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return std::unexpected(std::move(exit.error()));
  }
  return Child(pid, std::move(*exit), std::move(reader));
}

Result<> Child::load() {
  if (state_ == State::forked) {
    state_ = State::failed;
    if (ptrace(PTRACE_CONT, pid_, nullptr, nullptr) != 0) return fail(error_ = errno, "cannot let the command of -c go on");
    // Closed by a successful execve; else the child says why it failed.
    int error = 0, status = 0;
    const bool refused = read(report_.get(), &error, sizeof error) == static_cast<ssize_t>(sizeof error);
    if (refused) error_ = error;
    else if (waitpid(pid_, &status, 0) == pid_ && WIFSTOPPED(status)) state_ = State::loaded;
  }
  if (state_ == State::failed) return fail(error_, "Failed to fork child: cannot run the command of -c");
  return {};
}

namespace {

// Waits for a stop or the end of the child, not for ever: false when nothing happened for `quiet`. SIGCHLD must be blocked.
bool wait_for(pid_t pid, int& status, timespec quiet) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  for (;;) {
    if (waitpid(pid, &status, WNOHANG | __WALL) != 0) return true;
    siginfo_t info;
    if (sigtimedwait(&child, &info, &quiet) < 0 && errno != EINTR) return waitpid(pid, &status, WNOHANG | __WALL) != 0;
  }
}

// Where the program's loader lies in memory; nothing for a program without one. The child stands at its first instruction, which is the loader's.
std::optional<Mapping> find_loader(Host& host, pid_t pid) {
  user_regs_struct registers{};
  Result<std::string> vector = host.read_file(fmt::format("/proc/{}/auxv", pid), 4096);
  Result<std::vector<Mapping>> maps = read_maps(host, static_cast<uint32_t>(pid));
  if (!vector || !maps || ptrace(PTRACE_GETREGS, pid, nullptr, &registers) != 0) return std::nullopt;
  for (size_t at = 0; at + sizeof(Elf64_auxv_t) <= vector->size(); at += sizeof(Elf64_auxv_t)) {
    Elf64_auxv_t entry;
    memcpy(&entry, vector->data() + at, sizeof entry);
    if (entry.a_type == AT_BASE && entry.a_un.a_val == 0) return std::nullopt;
  }
  for (Mapping& mapping : *maps)
    if (registers.rip >= mapping.start && registers.rip < mapping.end) return std::move(mapping);
  return std::nullopt;
}

// What a system call's stops say of it.
enum class Seen { nothing, mapped_code, left_loader };
Seen look_at(pid_t pid, const Mapping& loader, bool& mapping_code) {
  __ptrace_syscall_info info{};
  if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0) return Seen::left_loader;
  if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
    if (info.instruction_pointer < loader.start || info.instruction_pointer >= loader.end) return Seen::left_loader;
    mapping_code = info.entry.nr == SYS_mmap && info.entry.args[2] & PROT_EXEC;
  }
  return info.op == PTRACE_SYSCALL_INFO_EXIT && mapping_code && !info.exit.is_error ? Seen::mapped_code : Seen::nothing;
}

// Brings a running child to a stop. False: it has ended.
bool stop(pid_t pid) {
  if (kill(pid, SIGSTOP) != 0) return false;
  for (int status = 0; waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status);) {
    if (WSTOPSIG(status) == SIGSTOP) return true;
    const int signal = WSTOPSIG(status) & 0x80 ? 0 : WSTOPSIG(status);
    if (ptrace(PTRACE_CONT, pid, nullptr, signal == SIGTRAP ? 0 : signal) != 0) return false;
  }
  return false;
}

// Gives the signal with which the child is to go on, nothing when it has ended.
std::optional<int> follow_loader(pid_t pid, const Mapping& loader, const std::function<void()>& mapped) {
  constexpr timespec quiet{.tv_sec = 0, .tv_nsec = 20'000'000};
  bool mapping_code = false;
  if (ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_TRACESYSGOOD) != 0) return 0;
  for (int signal = 0;;) {
    if (ptrace(PTRACE_SYSCALL, pid, nullptr, signal) != 0) return std::nullopt;
    int status = 0;
    if (!wait_for(pid, status, quiet)) return stop(pid) ? std::optional(0) : std::nullopt;
    if (!WIFSTOPPED(status)) return std::nullopt;
    signal = 0;
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
      if (WSTOPSIG(status) != SIGTRAP) signal = WSTOPSIG(status);
      continue;
    }
    const Seen seen = look_at(pid, loader, mapping_code);
    if (seen == Seen::left_loader) return 0;
    if (seen == Seen::mapped_code) mapped();
  }
}

}  // namespace

Result<> Child::release(Host& host, const std::function<void()>& mapped) {
  AWL_CHECK(load());
  state_ = State::released;
  std::optional<int> signal = 0;
  if (std::optional<Mapping> loader = mapped ? find_loader(host, pid_) : std::nullopt) {
    sigset_t child, before;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before);
    signal = follow_loader(pid_, *loader, mapped);
    sigprocmask(SIG_SETMASK, &before, nullptr);
  }
  if (signal && ptrace(PTRACE_DETACH, pid_, nullptr, *signal) != 0) return fail(errno, "cannot let the command of -c go on");
  return {};
}

Child::~Child() {
  if (pid_ < 0) return;
  if (state_ != State::released) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    return;
  }
  if (waitpid(pid_, nullptr, WNOHANG) == 0) kill(pid_, SIGTERM);
}

}  // namespace awl
