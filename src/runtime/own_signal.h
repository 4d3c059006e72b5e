#pragma once
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"
#include "base/result.h"

namespace awl {

// SIGUSR1 as a descriptor while it lives, for `self` probes.
class OwnSignal {
 public:
  OwnSignal() = default;
  OwnSignal(const OwnSignal&) = delete;
  ~OwnSignal() {
    if (!fd_) return;
    // One that comes too late finds nobody, which is no reason to end the process.
    struct sigaction action {};
    if (sigaction(SIGUSR1, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) signal(SIGUSR1, SIG_IGN);
    came();
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  Result<> open() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, &before_);
    fd_ = Fd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    if (!fd_) return fail(errno, "cannot wait for SIGUSR1");
    return {};
  }
  // Whether the signal came since the last question.
  bool came() {
    signalfd_siginfo info;
    bool any = false;
    while (read(fd_.get(), &info, sizeof info) > 0) any = true;
    return any;
  }
  bool is_open() const { return static_cast<bool>(fd_); }
  int fd() const { return fd_.get(); }

 private:
  Fd fd_;
  sigset_t before_{};
};

}  // namespace awl
