#pragma once
// The tables with which programs follow user stacks without frame pointers (artifact::unwind_rows): made of what the target processes have mapped.
#include <bpf/libbpf.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "artifact/schema.h"
#include "probes/call_frames.h"
#include "runtime/load.h"
#include "runtime/mappings.h"

namespace awl {

class UnwindTables : public ProcessListener {
 public:
  // `processes`: those whose stacks are to be followed.
  UnwindTables(Host& host, Messages& messages, std::vector<int> processes) : host_(&host), messages_(&messages), processes_(std::move(processes)) {}

  // Reads what the processes have mapped. Fails when there are none.
  Result<> read();
  // Before the object is loaded: makes its maps as large.
  Result<> size_maps(bpf_object* object);
  // Afterwards: fills the maps.
  Result<> fill(bpf_object* object);
  // Reads anew what a process has mapped, now.
  void refresh(uint32_t pid);
  // The same for the processes of which mapped() and executed() told that they have mapped something.
  void refresh_changed();

  void mapped(uint32_t pid, const Mapping&) override { changed_.insert(pid); }
  void executed(uint32_t pid) override { changed_.insert(pid); }
  void forked(uint32_t, uint32_t) override {}
  void exited(uint32_t) override {}

 private:
  // The rows of one file.
  struct Slice {
    uint32_t first = 0, count = 0;
    uint64_t base = 0;  // what addresses in the file are ahead of those in the rows
    struct Segment {
      uint64_t offset, size, address;
    };
    std::vector<Segment> segments;  // that hold code
  };

  bool read_process(uint32_t pid);
  const Slice& slice_of(uint32_t pid, const Mapping& mapping);
  Result<Slice> read_file(uint32_t pid, const Mapping& mapping);
  Result<Slice> read_elf(Elf* elf);
  uint32_t number_of(const artifact::UnwindRule& rule);
  Result<uint32_t> add(std::span<const CallFrameRow> rows, uint64_t base);
  void store(uint32_t pid);

  Host* host_;
  Messages* messages_;
  std::vector<int> processes_;
  std::set<uint32_t> changed_;
  std::map<uint32_t, std::vector<artifact::UnwindRange>> ranges_;  // of each process, by rising addresses
  std::map<std::pair<uint64_t, std::string>, Slice> files_;        // by inode and path
  std::map<artifact::UnwindRule, uint32_t> rules_ = {{artifact::UnwindRule{}, 0}};
  std::vector<artifact::UnwindRow> waiting_;  // rows until the map is there
  SharedMemory row_memory_, rule_memory_;
  std::span<artifact::UnwindRow> rows_;
  std::span<artifact::UnwindRule> rule_table_;
  size_t used_ = 0;  // of rows_
  int process_map_ = -1;
  bool rules_full_told_ = false;
};

}  // namespace awl
