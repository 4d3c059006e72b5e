#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "probes/linux_host.h"

extern char** environ;

namespace awl {
namespace {

struct Pipe {
  std::array<int, 2> ends{-1, -1};
  Pipe() = default;
  Pipe(const Pipe&) = delete;
  ~Pipe() {
    shut(0);
    shut(1);
  }
  void shut(size_t end) {
    if (ends[end] >= 0) close(ends[end]);
    ends[end] = -1;
  }
};

// Reads what is there; false at the end.
bool take(int fd, std::string& text) {
  std::array<char, 65536> buffer;
  const ssize_t got = read(fd, buffer.data(), buffer.size());
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  text.append(buffer.data(), static_cast<size_t>(got));
  return got > 0;
}

int spawn(const std::vector<std::string>& command, const Pipe& out, const Pipe& errors, pid_t& pid) {
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors.ends[1], STDERR_FILENO);
  const int error = posix_spawnp(&pid, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

}  // namespace

Result<ProgramOutput> LinuxHost::run(const std::vector<std::string>& command, size_t limit) {
  Pipe out, errors;
  if (pipe2(out.ends.data(), O_CLOEXEC) != 0 || pipe2(errors.ends.data(), O_CLOEXEC) != 0) return fail(errno, "cannot run '{}'", command.at(0));
  pid_t pid = 0;
  if (const int error = spawn(command, out, errors, pid); error != 0) return fail(error, "cannot run '{}'", command.at(0));
  out.shut(1);
  errors.shut(1);
  ProgramOutput said;
  bool too_much = false;
  while (!too_much && (out.ends[0] >= 0 || errors.ends[0] >= 0)) {
    std::array<pollfd, 2> wanted{pollfd{out.ends[0], POLLIN, 0}, pollfd{errors.ends[0], POLLIN, 0}};
    if (poll(wanted.data(), wanted.size(), -1) < 0 && errno != EINTR) break;
    if (wanted[0].revents && !take(out.ends[0], said.output)) out.shut(0);
    if (wanted[1].revents && !take(errors.ends[0], said.errors)) errors.shut(0);
    too_much = said.output.size() > limit || said.errors.size() > limit;
  }
  if (too_much) kill(pid, SIGKILL);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (too_much) return fail(EFBIG, "'{}' writes more than {} bytes", command[0], limit);
  said.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return said;
}

}  // namespace awl
