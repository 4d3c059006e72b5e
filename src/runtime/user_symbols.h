#pragma once
// What is where in the memory of processes, and the names of the functions there.
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "probes/host.h"
#include "runtime/mapped_file.h"
#include "runtime/mappings.h"

namespace awl {

// Fills a table with the functions that a runtime lists in /tmp/perf-PID.map.
void read_perf_map(std::string_view text, SymbolTable& table);

class UserSymbols : public ProcessListener {
 public:
  UserSymbols(Host& host, SymbolStyle style) : host_(&host), style_(style) {}

  // The function at an address of a process. An unnamed address may still come back with an empty name and the module that holds it.
  std::optional<SymbolName> find(uint64_t address, uint32_t pid);
  // Reads a process's mappings now, while it lives.
  void remember(uint32_t pid);

  void mapped(uint32_t pid, const Mapping& mapping) override;
  void executed(uint32_t pid) override;
  void forked(uint32_t pid, uint32_t parent) override;
  void exited(uint32_t pid) override;

 private:
  struct Area {
    Mapping map;
    MappedFile* file = nullptr;  // null: not opened yet, or none
    bool tried = false;
  };
  using Image = std::map<uint64_t, Area>;  // by start; one program that a process ran
  struct PerfMap {
    std::string path;
    uint64_t size = 0;
    SymbolTable table;
  };
  struct Process {
    std::vector<Image> images = std::vector<Image>(1);  // the newest stands last
    uint32_t parent = 0;
    uint32_t inner_pid = 0;  // in its own namespace, which is what perf maps are called by
    bool read = false, wanted = false, gone = false;
    std::unique_ptr<PerfMap> perf_map;
  };

  void put(Process& process, Mapping mapping);
  MappedFile* file_of(Area& area, uint32_t pid);
  std::optional<SymbolName> find_in(Process& process, uint64_t address, uint32_t pid, bool& held);
  std::optional<SymbolName> find_jitted(Process& process, uint64_t address, uint32_t pid);

  Host* host_;
  SymbolStyle style_;
  std::unordered_map<uint32_t, Process> processes_;
  std::deque<uint32_t> ended_;  // oldest first
  std::map<std::pair<uint64_t, std::string>, std::unique_ptr<MappedFile>> files_;  // by inode and path
  std::unique_ptr<MappedFile> vdso_;
};

}  // namespace awl
