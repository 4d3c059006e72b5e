#include "runtime/process_events.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "runtime/clock.h"

namespace awl {
namespace {

constexpr size_t pages_for_each_cpu = 64;

// perf_event_open(2): the fixed part of PERF_RECORD_MMAP2, the path follows.
struct MmapRecord {
  perf_event_header header;
  uint32_t pid, tid;
  uint64_t address, length, offset;
  uint32_t major, minor;
  uint64_t inode, generation;
  uint32_t protection, flags;
};
// PERF_RECORD_FORK and PERF_RECORD_EXIT.
struct TaskRecord {
  perf_event_header header;
  uint32_t pid, parent_pid, tid, parent_tid;
};
// PERF_RECORD_COMM, the name follows.
struct CommRecord {
  perf_event_header header;
  uint32_t pid, tid;
};

template <typename Fixed>
bool read_record(const perf_event_header* header, Fixed& fixed) {
  if (header->size < sizeof fixed + 8) return false;
  memcpy(&fixed, header, sizeof fixed);
  return true;
}

// With sample_id_all every record ends with the time.
uint64_t time_of(const perf_event_header* header) {
  uint64_t time = 0;
  memcpy(&time, reinterpret_cast<const char*>(header) + header->size - 8, 8);
  return time;
}

}  // namespace

Result<> ProcessEvents::open() {
  int cpus = libbpf_num_possible_cpus();
  map_ = Fd(bpf_map_create(BPF_MAP_TYPE_PERF_EVENT_ARRAY, "awl_processes", 4, 4, static_cast<uint32_t>(std::max(cpus, 1)), nullptr));
  if (!map_) return fail(errno, "cannot make the map of process events");
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_DUMMY;
  attributes.sample_type = PERF_SAMPLE_TIME;
  attributes.sample_id_all = 1;
  attributes.mmap = attributes.mmap2 = attributes.task = attributes.comm = attributes.comm_exec = 1;
  attributes.use_clockid = 1;
  attributes.clockid = CLOCK_MONOTONIC;
  attributes.watermark = 1;
  attributes.wakeup_watermark = pages_for_each_cpu * 4096 / 2;
  auto on_record = [](void* context, int, perf_event_header* header) {
    static_cast<ProcessEvents*>(context)->keep(header);
    return LIBBPF_PERF_EVENT_CONT;
  };
  buffer_.reset(perf_buffer__new_raw(map_.get(), pages_for_each_cpu, &attributes, on_record, this, nullptr));
  if (!buffer_) return fail(errno, "cannot record what processes map");
  return {};
}

void ProcessEvents::keep(const perf_event_header* header) {
  Record record{.time = 0, .what = Record::What::mapped, .pid = 0, .parent = 0, .mapping = {}};
  if (header->type == PERF_RECORD_MMAP2) {
    MmapRecord raw;
    if (!read_record(header, raw) || !(raw.protection & PROT_EXEC)) return;
    const char* path = reinterpret_cast<const char*>(header) + sizeof raw;
    record.pid = raw.pid;
    record.mapping = {.start = raw.address, .end = raw.address + raw.length, .offset = raw.offset, .inode = raw.inode, .major = raw.major, .minor = raw.minor,
                      .path = std::string(path, strnlen(path, header->size - sizeof raw - 8))};
  } else if (header->type == PERF_RECORD_COMM && header->misc & PERF_RECORD_MISC_COMM_EXEC) {
    CommRecord raw;
    if (!read_record(header, raw)) return;
    record.what = Record::What::executed;
    record.pid = raw.pid;
  } else if (header->type == PERF_RECORD_FORK || header->type == PERF_RECORD_EXIT) {
    TaskRecord raw;
    // Threads share the mappings of their process.
    bool fork = header->type == PERF_RECORD_FORK;
    if (!read_record(header, raw) || (fork ? raw.pid == raw.parent_pid : raw.pid != raw.tid)) return;
    record.what = fork ? Record::What::forked : Record::What::exited;
    record.pid = raw.pid;
    record.parent = raw.parent_pid;
  } else {
    return;
  }
  record.time = time_of(header);
  waiting_.push_back(std::move(record));
}

void ProcessEvents::collect(std::span<ProcessListener* const> listeners, bool all) {
  if (!buffer_) return;
  uint64_t now = clock_now(CLOCK_MONOTONIC);
  perf_buffer__consume(buffer_.get());
  std::stable_sort(waiting_.begin(), waiting_.end(), [](const Record& a, const Record& b) { return a.time < b.time; });
  auto end = all ? waiting_.end() : std::find_if(waiting_.begin(), waiting_.end(), [&](const Record& record) { return record.time >= now; });
  for (auto record = waiting_.begin(); record != end; ++record) {
    for (ProcessListener* listener : listeners) {
      switch (record->what) {
        case Record::What::mapped: listener->mapped(record->pid, record->mapping); break;
        case Record::What::executed: listener->executed(record->pid); break;
        case Record::What::forked: listener->forked(record->pid, record->parent); break;
        case Record::What::exited: listener->exited(record->pid); break;
      }
    }
  }
  waiting_.erase(waiting_.begin(), end);
}

}  // namespace awl
