#pragma once
#include <sys/types.h>

#include <functional>
#include <string>
#include <utility>

#include "base/result.h"
#include "runtime/load.h"

namespace awl {

// The command of -c: a child that has not yet become its program, whose own execve is seen therefore by what is attached until it is released.
// Destroying it ends the command.
class Child {
 public:
  // The command is split at blanks; no shell, no quoting. It runs with this process's privileges.
  static Result<Child> start(const std::string& command);
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), exit_(std::move(other.exit_)), report_(std::move(other.report_)), state_(std::exchange(other.state_, State::released)) {}
  Child& operator=(Child&&) = delete;
  // SIGTERM if it still runs.
  ~Child();

  pid_t pid() const { return pid_; }
  // Becomes readable when the command has ended.
  int exit_fd() const { return exit_.get(); }
  // Lets it become its program and holds it at its first instruction: for those who look at what the program has mapped. May be called again.
  Result<> load();
  // Lets it go on. With `mapped` given it is first followed through its loader, which is called each time that it has mapped code, while the command stands
  // still; until code outside the loader makes a system call, or nothing was heard of it for a moment.
  Result<> release(Host& host, const std::function<void()>& mapped = {});

 private:
  // `report` gives an errno if the program cannot be run.
  Child(pid_t pid, Fd exit, Fd report) : pid_(pid), exit_(std::move(exit)), report_(std::move(report)) {}
  enum class State : uint8_t { forked, loaded, failed, released };
  pid_t pid_;
  Fd exit_, report_;
  State state_ = State::forked;
  int error_ = 0;  // failed
};

// A descriptor that becomes readable when a process ends.
Result<Fd> watch_process(pid_t pid);

// Splits at blanks.
std::vector<std::string> split_words(std::string_view text);

}  // namespace awl
