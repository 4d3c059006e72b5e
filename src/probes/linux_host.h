#pragma once
// The real Host, in six files: host_linux.cpp (files, kernel facts), host_run.cpp (programs), host_binaries.cpp (ELF), host_processes.cpp (where binaries
// are), host_attach.cpp, host_hooks.cpp (interfaces, cgroups).
#include <future>
#include <map>
#include <memory>

#include "probes/btf_lookup.h"
#include "probes/host.h"
#include "probes/traceable_functions.h"

namespace awl {

// What of an ELF file attaching needs. Loadable segments translate addresses to places in the file.
struct ElfFacts {
  struct Segment {
    uint64_t address = 0, size = 0, offset = 0;
    bool executable = false;
  };
  std::vector<Segment> segments;
  std::vector<ElfSymbol> functions;
  std::vector<ElfSymbol> variables;  // file_offset 0
  std::vector<UsdtNote> notes;
  int go_version = 0;
};

class LinuxHost final : public Host {
 public:
  explicit LinuxHost(HostOptions options) : options_(std::move(options)) {}
  ~LinuxHost() override;

  Result<std::string> read_file(const std::string& path, size_t limit) override;
  Result<std::vector<std::string>> list_directory(const std::string& path) override;
  FileStatus file_status(const std::string& path) override;
  bool is_executable(const std::string& path) override;
  std::optional<std::string> environment(const std::string& name) override;
  Result<ProgramOutput> run(const std::vector<std::string>& command, size_t limit) override;

  Result<const btf*> kernel_btf() override;
  bool has_kernel_btf() override;
  Result<const btf*> module_btf(const std::string& module) override;
  std::vector<std::string> btf_modules() override;
  Result<std::string> tracefs() override;
  Result<std::span<const TraceableFunction>> traceable_functions() override;
  void expect_traceable_functions() override;
  Result<uint64_t> kernel_symbol(const std::string& name) override;
  Result<std::vector<BpfFunction>> bpf_functions() override;
  Result<int> bpf_program_of(uint32_t id) override;
  bool has_feature(Feature feature) override;
  bool may_call(const std::string& function, const std::string& section) override;

  Result<std::vector<ElfSymbol>> elf_functions(const std::string& path) override;
  Result<ElfSymbol> elf_symbol(const std::string& path, const std::string& name) override;
  Result<std::shared_ptr<DwarfFile>> debug_information(const std::string& path) override;
  Result<uint64_t> elf_file_offset(const std::string& path, uint64_t address) override;
  Result<std::string> find_binary(const std::string& name) override;
  Result<std::vector<UsdtNote>> usdt_notes(const std::string& path) override;
  Result<std::string> elf_code(const std::string& path, uint64_t file_offset, size_t size) override;
  int go_version(const std::string& path) override;
  Result<std::vector<std::string>> mapped_binaries(std::optional<int> pid) override;
  Result<std::vector<int>> threads(int pid) override;

  Result<Link> attach_tracepoint(int program, const std::string& category, const std::string& name, uint64_t cookie) override;
  Result<Link> attach_raw_tracepoint(int program, const std::string& name, uint64_t cookie) override;
  Result<Link> attach_trace(int program, uint64_t cookie) override;
  Result<Link> attach_kprobe(int program, const std::string& symbol, uint64_t offset, bool ret, uint64_t cookie) override;
  Result<Link> attach_kprobe_multi(int program, std::span<const MultiTarget> targets, FunctionSide side) override;
  Result<Link> attach_uprobe(int program, const std::string& path, const MultiTarget& target, int pid, bool ret) override;
  Result<Link> attach_uprobe_multi(int program, const std::string& path, std::span<const MultiTarget> targets, int pid, bool ret) override;
  Result<Link> attach_perf_event(int program, const PerfEvent& event, int pid, std::span<const int> cpus) override;
  Result<Link> attach_interface(int program, InterfaceHook hook, const std::string& interface) override;
  Result<Link> attach_cgroup(int program, uint32_t type, const std::string& path) override;
  Result<Link> attach_network_namespace(int program, uint32_t type, const std::string& path) override;
  Result<Link> attach_netfilter(int program, uint32_t family, uint32_t hook, int32_t priority) override;
  Result<int> open_iterator(int program) override;
  Result<> pin_iterator(int program, const std::string& path) override;
  std::vector<int> online_cpus() override;
  Result<std::vector<std::string>> interfaces() override;
  Result<std::string> cgroup_root() override;

 private:
  // Puts a program on an open perf event, which is closed when this fails or the link goes.
  Result<Link> attach_to_event(int program, int event, uint64_t cookie, const std::string& what);
  // The type number of a dynamic perf unit ("kprobe", "uprobe") and its config bit for return probes.
  struct PerfUnit {
    uint32_t type = 0;
    uint64_t return_bit = 0;
  };
  Result<PerfUnit> perf_unit(const std::string& name);
  Result<const ElfFacts*> elf_facts(const std::string& path);

  HostOptions options_;
  BtfPtr kernel_btf_;
  std::optional<Error> kernel_btf_error_;
  std::map<std::string, BtfPtr> module_btf_;
  std::string tracefs_;
  using Traceable = Result<std::unique_ptr<const TraceableFunctions>>;
  std::future<Traceable> expected_traceable_;
  std::unique_ptr<const TraceableFunctions> traceable_;
  std::optional<std::vector<std::pair<std::string, uint64_t>>> symbols_;
  std::map<uint32_t, int> bpf_programs_;  // id -> descriptor
  std::map<Feature, bool> features_;
  std::map<std::string, ElfFacts> elf_;
  std::map<std::string, std::vector<UsdtNote>> notes_;
  std::map<std::string, std::shared_ptr<DwarfFile>> debug_;
  std::map<std::string, PerfUnit> perf_units_;
};

// Tries a call of the function with this BTF id on the running kernel.
bool probe_call(int function, int tracepoint_typedef, const std::string& section);
// Tries out a feature on the running kernel; `types` is its own BTF for features that need it, or null.
// A link to functions of the kernel: its descriptor, or -1 and errno. libbpf 1.4 has no option for sessions (linux/bpf.h, BPF_LINK_CREATE).
int link_kprobe_multi(int program, std::span<const MultiTarget> targets, FunctionSide side);

bool probe_feature(Feature feature, const btf* types);

}  // namespace awl
