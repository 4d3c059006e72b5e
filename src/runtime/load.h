#pragma once
// From an artifact to loaded programs: targets are looked up on this machine, maps sized, parameters set, and the kernel's refusals explained.
#include <bpf/libbpf.h>

#include <memory>
#include <span>
#include <vector>

#include "artifact/artifact.h"
#include "base/fd.h"
#include "probes/provider.h"
#include "runtime/messages.h"
#include "runtime/session.h"

namespace awl {

// One program of the artifact on this machine.
struct LoadedProgram {
  size_t index = 0;  // into Meta::programs
  const artifact::Program* row = nullptr;
  const Provider* provider = nullptr;
  std::vector<Target> matches;     // none for begin and end
  bpf_program* program = nullptr;
  std::vector<artifact::PlaceRow> places;  // rows of awl_places from first_place on, for programs that use them
  size_t first_place = 0;
  // Of a pair whose work one program does (artifact::Program::session): that program, which the first is attached with.
  enum class Session : uint8_t { none, first, second } session = Session::none;
  std::vector<Fd> copies;          // one for each match (or row), where the kernel has no attach cookies and the program needs them
};

// Memory of a kernel map that this process shares, unmapped at the end.
class SharedMemory {
 public:
  SharedMemory() = default;
  SharedMemory(void* address, size_t size) : address_(address), size_(size) {}
  SharedMemory(SharedMemory&& other) noexcept : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  SharedMemory& operator=(SharedMemory&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~SharedMemory();
  std::span<uint8_t> bytes() const { return {static_cast<uint8_t*>(address_), size_}; }

 private:
  void* address_ = nullptr;
  size_t size_ = 0;
};

struct ObjectCloser {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};

class UnwindTables;
struct UnwindTablesCloser {
  void operator()(UnwindTables* tables) const;
};
using UnwindTablesOwner = std::unique_ptr<UnwindTables, UnwindTablesCloser>;

struct Loaded {

  std::unique_ptr<bpf_object, ObjectCloser> object;
  std::vector<LoadedProgram> programs;  // see select_programs; without alternatives that the kernel refused to load
  std::vector<bpf_map*> maps;           // in the order of Meta::maps; null for Storage::global. A pinned map has the name of whoever made it.
  SharedMemory bss;
  std::span<uint8_t> globals;           // awl_globals in it
  int events = -1;                      // the ring buffer, -1: none
  UnwindTablesOwner unwind_tables;      // null: no program follows stacks by them
};

// `nothing` is set when the failure is that no probe is left to attach.
Result<Loaded> load(const artifact::Artifact& artifact, Host& host, const SessionOptions& options, Messages& messages, bool& nothing);

// Why the kernel may have refused a program, as far as its kind knows: of the first match that there is something to say about.
std::optional<std::string> why_refused(const LoadedProgram& program, Host& host);

// Kernels before about 5.16 refuse hash maps whose keys do not fit a program's stack. Where a string stands last in such a key the key is made
// shorter (helpers then read only its first bytes) and a warning says so; elsewhere an error names the map and what helps.
Result<> fit_keys(artifact::Meta& meta, Host& host, Messages& messages);

// The field or type that a relocated program needs and the kernel lacks, if that is why it was refused.
std::optional<Error> explain_missing_field(std::string_view log);
// The last lines of a verifier log that say what was wrong, with the script's line they belong to: "at `@x = $y[3]`: invalid access to ...".
std::string explain_verifier_log(std::string_view log);
// Capabilities of BPF tracing that the process lacks, e.g. "CAP_BPF, CAP_PERFMON"; empty: none.
std::string missing_capabilities();
// Replaces exchange instructions (whose results the programs do not use where the kernel lacks them) by stores. True: some were found.
bool replace_exchanges(std::span<bpf_insn> instructions);
// Replaces artifact::cookie_placeholder by a match's index.
void patch_cookies(std::span<bpf_insn> instructions, uint64_t index);

}  // namespace awl
