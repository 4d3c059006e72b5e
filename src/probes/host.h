#pragma once
// The outside world as probes and the runtime see it. The real one is host_linux.cpp; tests use tests/fake_host.h.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"

struct btf;

namespace awl {

class DwarfFile;

// A live attachment (or several); destroying it detaches. Move-only.
class Link {
 public:
  Link() = default;
  // `exchangeable`: the descriptor of a BPF link in which the kernel can put another program in one step; closing it is up to `detach`.
  explicit Link(std::function<void()> detach, int exchangeable = -1) : detach_(std::move(detach)), exchangeable_(exchangeable) {}
  Link(Link&& other) noexcept : detach_(std::exchange(other.detach_, {})), exchangeable_(std::exchange(other.exchangeable_, -1)) {}
  Link& operator=(Link&& other) noexcept {
    std::swap(detach_, other.detach_);
    std::swap(exchangeable_, other.exchangeable_);
    return *this;
  }
  ~Link() {
    if (detach_) detach_();
  }
  int exchangeable() const { return exchangeable_; }  // -1: there is none

 private:
  std::function<void()> detach_;
  int exchangeable_ = -1;
};

struct ElfSymbol {
  std::string name;
  uint64_t address = 0;      // as in the symbol table
  uint64_t file_offset = 0;  // where its first byte is in the file: what uprobes take
  uint64_t size = 0;
};

struct PerfEvent {
  uint32_t type = 0;  // PERF_TYPE_*
  uint64_t config = 0;
  uint64_t period = 0;     // one of period and frequency
  uint64_t frequency = 0;
  // PERF_TYPE_BREAKPOINT: the memory that is watched, and for which accesses (HW_BREAKPOINT_R, W, X).
  uint64_t address = 0, length = 0;
  uint32_t access = 0;
};

// One place of an attachment, a multi-attachment has several: a name or an offset, with a cookie.
struct MultiTarget {
  std::string symbol;   // kprobe_multi
  uint64_t address = 0;  // kprobe_multi: of the function's first byte, instead of its name. All targets of an attachment have one, or none.
  uint64_t offset = 0;  // user probes: file offset
  uint64_t cookie = 0;
  uint64_t semaphore = 0;  // user probes: where in the file a 16-bit counter lies that the kernel raises in each process while the probe is there; 0: none
};

// When a multi-attachment to functions of the kernel runs its program.
enum class FunctionSide : uint8_t { entry, ret, both };

// A static probe point (USDT) in a program or library.
struct UsdtNote {
  std::string provider, name;
  uint64_t address = 0;      // as in the symbol table
  uint64_t file_offset = 0;  // of its instruction
  uint64_t semaphore = 0;    // file offset of the counter, 0: none
  std::string arguments;     // as the note has them: "-4@%edi 8@-16(%rbp)"
};

enum class Feature : uint8_t { kprobe_multi, kprobe_session, uprobe_multi, attach_cookie, atomic_fetch, for_each_map, percpu_lookup, callback_loops, iterators, large_keys,
                             tai_clock, task_from_pid, socket_cookie, override_return, write_user, typed_pointers, fentry, bloom_filter, task_storage, inode_storage, socket_storage, cgroup_storage, task_registers, /* grows */ };

// Ids of types by name, see find_named and names_of_kind in btf_lookup.h. The names are the BTF's own.
struct BtfNames {
  unsigned questions = 0;
  bool filled = false;
  std::unordered_map<std::string_view, uint32_t> ids;
  std::vector<std::string_view> sorted;  // of names_of_kind, once all were asked for
};

// `module` is empty for the kernel's own. The texts are the host's.
struct TraceableFunction {
  std::string_view name, module;
  bool several = false;  // more than one function has them: such are local to their source files
  bool operator==(const TraceableFunction& other) const { return name == other.name && module == other.module; }
  auto operator<=>(const TraceableFunction& other) const { return std::tie(name, module) <=> std::tie(other.name, other.module); }
};

struct FileStatus {
  bool exists = false, directory = false;
  bool writable_by_all = false;
};

struct ProgramOutput {
  int status = 0;  // as the shell counts: 128 + N for an end by signal N
  std::string output, errors;
};

// A function of a loaded BPF program: the program itself, or one that it calls.
struct BpfFunction {
  uint32_t program = 0;  // id
  std::string name;
};

class Host {
 public:
  virtual ~Host() = default;

  // The process (-p, -c) that names of libraries, `*` as a binary, and paths of user-space probes are looked for in first.
  std::optional<int> process;
  // Lets the command of -c become its program, which it waits for otherwise. May be empty.
  std::function<void()> load_process;
  // `process`, when what is wanted of it is its program: what it has mapped.
  std::optional<int> loaded_process() {
    if (load_process) std::exchange(load_process, {})();
    return process;
  }
  // Structures of the kernel's types that records of tracepoints are (tracepoint.cpp looks for them once).
  std::optional<std::vector<uint32_t>> tracepoint_records;

  // --- files ---
  // Reads a whole file, at most `limit` bytes (more is an error).
  virtual Result<std::string> read_file(const std::string& path, size_t limit = 64 << 20) = 0;
  // Names in a directory, sorted, without "." and "..".
  virtual Result<std::vector<std::string>> list_directory(const std::string& path) = 0;
  virtual FileStatus file_status(const std::string& path) = 0;
  // Whether a path is there and may be executed.
  virtual bool is_executable(const std::string& path) = 0;
  virtual std::optional<std::string> environment(const std::string& name) = 0;
  // Runs a program, found in PATH, with no input and waits for its end. What it writes is kept, at most `limit` bytes of each stream (more is an error).
  virtual Result<ProgramOutput> run(const std::vector<std::string>& command, size_t limit) = 0;

  // --- the kernel ---
  // BTF of vmlinux (or of --btf FILE); loaded once, owned by the host.
  virtual Result<const btf*> kernel_btf() = 0;
  // Whether it can be loaded, which takes time.
  virtual bool has_kernel_btf() { return kernel_btf().has_value(); }
  // Split BTF of a module.
  virtual Result<const btf*> module_btf(const std::string& module) = 0;
  // Where tracefs is mounted (mounting it is not attempted), e.g. /sys/kernel/tracing.
  virtual Result<std::string> tracefs() = 0;
  // Functions that kprobes may be put on: those in the file of --traceable-functions or available_filter_functions, else function symbols of
  // /proc/kallsyms; less the blacklist. Sorted, each once. Loaded once.
  virtual Result<std::span<const TraceableFunction>> traceable_functions() = 0;
  // They will be asked for, after other things: they may be read in the meantime.
  virtual void expect_traceable_functions() {}
  // Names of the loaded modules that have BTF, sorted.
  virtual std::vector<std::string> btf_modules() = 0;
  virtual Result<uint64_t> kernel_symbol(const std::string& name) = 0;
  // Functions of the loaded BPF programs that have type information, sorted by program. Tracing programs, which none can be attached to, are left out.
  virtual Result<std::vector<BpfFunction>> bpf_functions() = 0;
  // A descriptor of the loaded BPF program with an id; the host keeps it.
  virtual Result<int> bpf_program_of(uint32_t id) = 0;
  virtual bool has_feature(Feature feature) = 0;  // probed once, when first asked
  // Whether BPF programs of an ELF section's kind ("kprobe", "tp_btf/sched_switch") may call a function of the kernel; found out by trying.
  virtual bool may_call(const std::string& function, const std::string& section) = 0;

  // --- binaries ---
  // Function symbols of an ELF file (.symtab, .dynsym), sorted by name, duplicates removed.
  virtual Result<std::vector<ElfSymbol>> elf_functions(const std::string& path) = 0;
  // A symbol of any type (functions, variables) by its name.
  virtual Result<ElfSymbol> elf_symbol(const std::string& path, const std::string& name) = 0;
  // The debug information of an ELF file, its own or in a separate file. Kept open.
  virtual Result<std::shared_ptr<DwarfFile>> debug_information(const std::string& path) = 0;
  // Where the code at an address (as in the symbol table) is in the file.
  virtual Result<uint64_t> elf_file_offset(const std::string& path, uint64_t address) = 0;
  // A library or program name as the loader and PATH would find it ("libc" -> ".../libc.so.6", "bash" -> "/usr/bin/bash"), or a path. With
  // `process` set its libraries come first, and paths are those that it sees (a container's, below /proc/PID/root).
  // "ARCHIVE!/MEMBER" is a file that lies uncompressed in a ZIP archive. All that take the path of a binary take such a name too.
  virtual Result<std::string> find_binary(const std::string& name) = 0;
  // Its static probe points, in the file's order.
  virtual Result<std::vector<UsdtNote>> usdt_notes(const std::string& path) = 0;
  // At most `size` bytes of the file from a file offset (as ElfSymbol::file_offset).
  virtual Result<std::string> elf_code(const std::string& path, uint64_t file_offset, size_t size) = 0;
  // The minor version of the Go compiler that made a binary (19 for go1.19); 0: not made by one.
  virtual int go_version(const std::string& path) = 0;
  // Files with code that are mapped by a process, or by any, each once, sorted; as paths that can be opened here.
  virtual Result<std::vector<std::string>> mapped_binaries(std::optional<int> pid) = 0;
  // Ids of a process's threads.
  virtual Result<std::vector<int>> threads(int pid) = 0;

  // --- attaching; `program` is the file descriptor of a loaded program, which the caller keeps. A cookie of 0 is none. ---
  virtual Result<Link> attach_tracepoint(int program, const std::string& category, const std::string& name, uint64_t cookie) = 0;
  virtual Result<Link> attach_raw_tracepoint(int program, const std::string& name, uint64_t cookie) = 0;
  // fentry, fexit, tp_btf ...: the target was set before load.
  virtual Result<Link> attach_trace(int program, uint64_t cookie) = 0;
  virtual Result<Link> attach_kprobe(int program, const std::string& symbol, uint64_t offset, bool ret, uint64_t cookie) = 0;
  virtual Result<Link> attach_kprobe_multi(int program, std::span<const MultiTarget> targets, FunctionSide side) = 0;
  // pid -1: every process.
  virtual Result<Link> attach_uprobe(int program, const std::string& path, const MultiTarget& target, int pid, bool ret) = 0;
  virtual Result<Link> attach_uprobe_multi(int program, const std::string& path, std::span<const MultiTarget> targets, int pid, bool ret) = 0;
  // On each given CPU (or following `pid` on any CPU when `cpus` is empty).
  virtual Result<Link> attach_perf_event(int program, const PerfEvent& event, int pid, std::span<const int> cpus) = 0;
  // To a network interface of this network namespace, by its name.
  enum class InterfaceHook : uint8_t { xdp, xdp_generic, xdp_native, tc_ingress, tc_egress, socket };
  virtual Result<Link> attach_interface(int program, InterfaceHook hook, const std::string& interface) = 0;
  // To a cgroup (v2) by the path of its folder; `type`: enum bpf_attach_type.
  virtual Result<Link> attach_cgroup(int program, uint32_t type, const std::string& path) = 0;
  // To a network namespace by the path of its file; `type`: enum bpf_attach_type.
  virtual Result<Link> attach_network_namespace(int program, uint32_t type, const std::string& path) = 0;
  // To a hook of netfilter in this network namespace: NFPROTO_*, NF_INET_*; programs with a lower priority run earlier.
  virtual Result<Link> attach_netfilter(int program, uint32_t family, uint32_t hook, int32_t priority) = 0;
  // A descriptor, the caller's to close, whose reading runs an iterator's program for each object.
  virtual Result<int> open_iterator(int program) = 0;
  // Makes a file of the BPF file system whose reading does that.
  virtual Result<> pin_iterator(int program, const std::string& path) = 0;
  virtual std::vector<int> online_cpus() = 0;
  // Names of the network interfaces of this network namespace, sorted.
  virtual Result<std::vector<std::string>> interfaces() = 0;
  // Where cgroup2 is mounted, e.g. /sys/fs/cgroup.
  virtual Result<std::string> cgroup_root() = 0;

  // What find_named has looked up, by BTF and kind. A BTF that a host has given out stays.
  std::map<std::pair<const btf*, uint32_t>, BtfNames> btf_names;
};

struct HostOptions {
  std::string btf_file;                  // instead of the running kernel's BTF
  std::string traceable_functions_file;  // --traceable-functions
  std::vector<std::string> debug_folders;  // --debuginfo
  std::vector<Feature> without;          // --no-feature
};
std::unique_ptr<Host> make_linux_host(HostOptions options);

}  // namespace awl
