#pragma once
// The kernel's record of what processes map, run and fork: with it the addresses of those can be named that live too briefly to be looked at.
#include <bpf/libbpf.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/load.h"
#include "runtime/mappings.h"

namespace awl {

class ProcessEvents {
 public:
  // Starts recording, on all CPUs. Without it (no privilege, no perf events) only /proc is left.
  Result<> open();
  bool is_open() const { return buffer_ != nullptr; }
  // Tells what happened, in the order in which it happened. `all`: also of the last moment, whose records other CPUs may not have written yet.
  void collect(std::span<ProcessListener* const> listeners, bool all);

 private:
  struct Closer {
    void operator()(perf_buffer* buffer) const { perf_buffer__free(buffer); }
  };
  struct Record {
    uint64_t time;
    enum class What : uint8_t { mapped, executed, forked, exited } what;
    uint32_t pid, parent;
    Mapping mapping;
  };
  void keep(const perf_event_header* header);

  Fd map_;
  std::unique_ptr<perf_buffer, Closer> buffer_;
  std::vector<Record> waiting_;
};

}  // namespace awl
