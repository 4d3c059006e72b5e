#pragma once
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>
#include <vector>

#include "base/fd.h"

namespace awl {

// Reads iterators to their ends, which runs their programs, while the session takes in what they send.
class IteratorReader {
 public:
  IteratorReader() = default;
  IteratorReader(const IteratorReader&) = delete;
  ~IteratorReader() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  void add(Fd descriptor) { descriptors_.push_back(std::move(descriptor)); }
  void start() {
    if (descriptors_.empty()) return;
    running_ = true;
    thread_ = std::thread([this] {
      for (const Fd& descriptor : descriptors_) read_all(descriptor.get());
      running_ = false;
    });
  }
  bool running() const { return running_; }
  // errno of a read that failed.
  int error() const { return error_; }

 private:
  void read_all(int descriptor) {
    char buffer[65536];
    for (ssize_t size = 1; size != 0 && !stop_;) {
      size = read(descriptor, buffer, sizeof buffer);
      // EAGAIN: the kernel makes a pause after a million objects.
      if (size < 0 && errno != EAGAIN && errno != EINTR) {
        error_ = errno;
        return;
      }
    }
  }
  std::vector<Fd> descriptors_;
  std::thread thread_;
  std::atomic<bool> running_ = false, stop_ = false;
  std::atomic<int> error_ = 0;
};

}  // namespace awl
