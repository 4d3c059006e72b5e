#pragma once
#include <sys/types.h>

#include <string>
#include <utility>

#include "base/result.h"
#include "runtime/load.h"

namespace awl {

// The command of -c: a child that stands at its first instruction until it is released. Destroying it ends the command.
class Child {
 public:
  // The command is split at blanks; no shell, no quoting. It runs with this process's privileges.
  static Result<Child> start(const std::string& command);
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), exit_(std::move(other.exit_)), held_(std::exchange(other.held_, false)) {}
  Child& operator=(Child&&) = delete;
  // SIGTERM if it still runs.
  ~Child();

  pid_t pid() const { return pid_; }
  // Becomes readable when the command has ended.
  int exit_fd() const { return exit_.get(); }
  Result<> release();

 private:
  Child(pid_t pid, Fd exit) : pid_(pid), exit_(std::move(exit)), held_(true) {}
  pid_t pid_;
  Fd exit_;
  bool held_;
};

// A descriptor that becomes readable when a process ends.
Result<Fd> watch_process(pid_t pid);

// Splits at blanks.
std::vector<std::string> split_words(std::string_view text);

}  // namespace awl
