#pragma once
// What the programs of a session are attached to: made at its start, added to by watchpoints whose addresses programs tell, handed over to the session
// that takes its place, let go of at its end.
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/handover.h"
#include "runtime/iterator_reader.h"
#include "runtime/load.h"
#include "runtime/session.h"

namespace awl {

class MachineNames;

class Attachments {
 public:
  // All stay the caller's. `loaded` may be filled in later, before attach_all(). `names` is told the matches of programs that tell them apart.
  Attachments(Loaded& loaded, const artifact::Meta& meta, Host& host, const SessionOptions& options, Messages& messages, MachineNames& names)
      : loaded_(&loaded), meta_(&meta), host_(&host), options_(&options), messages_(&messages), names_(&names) {}

  // Attaches all programs of which the session does not take care itself, in the place of another session if the options say so. Alternatives that were
  // not needed are taken out of the loaded programs. On failure nothing stays attached.
  Result<> attach_all();
  // Takes a while where there are many; told on a terminal. Also what watch() has attached.
  void detach();
  // How many probes were attached.
  size_t count() const { return attached_; }
  // Whether no program will run any more because of anything that is attached.
  bool none() const { return links_.empty() && watches_.empty(); }
  // Made by attach_all(), to be started by the caller.
  IteratorReader& iterators() { return iterators_; }

  // Attaches the programs of a watchpoint (Provider::placement) of that name to an address in a process, each once. Failures are told once for a program.
  void watch(const std::string& name, uint64_t address, int process);
  // Lets go of an address.
  void unwatch(uint64_t address);

  // Whether another session has taken this one's place.
  Result<bool> replaced();
  // Readable when there may be something to ask replaced() about; -1: never.
  int handover_fd() const { return handover_.fd(); }

 private:
  using Clock = std::chrono::steady_clock;
  // A watchpoint of one address. `process`: that it is of; 0: that of the whole session, or all.
  struct Watch {
    uint64_t address = 0;
    size_t program = 0;
    int process = 0;
    auto operator<=>(const Watch&) const = default;
  };
  // How far attaching has got.
  struct Progress {
    size_t links = 0, exchangeable = 0, attached = 0;
  };
  Result<> attach_programs();
  Result<> attach_program(LoadedProgram& program);
  Result<> attach(LoadedProgram& program);
  Result<> attach_to(const LoadedProgram& program, Provider::AttachRequest request);
  Result<> iterate(LoadedProgram& program);
  void take_back(const LoadedProgram& program, const Progress& before);
  void leave_spare_out();
  std::vector<Link>& links_of(const LoadedProgram& program, std::span<const Target> matches);
  bool attaching(size_t made);
  void show_progress(std::string_view what, size_t done, size_t all);
  void end_progress();

  Loaded* loaded_;
  const artifact::Meta* meta_;
  Host* host_;
  const SessionOptions* options_;
  Messages* messages_;
  MachineNames* names_;
  std::vector<Link> links_;
  std::map<Watch, std::vector<Link>> watches_;
  std::set<size_t> refused_watches_;  // programs one of whose addresses could not be watched
  Handover handover_;
  std::vector<NamedLink> exchangeable_;  // of links_
  IteratorReader iterators_;
  size_t attached_ = 0, to_attach_ = 0;
  Clock::time_point work_began_{}, progress_due_{};
  bool progress_shown_ = false;
};

}  // namespace awl
