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
  explicit Link(std::function<void()> detach) : detach_(std::move(detach)) {}
  Link(Link&& other) noexcept : detach_(std::exchange(other.detach_, {})) {}
  Link& operator=(Link&& other) noexcept {
    std::swap(detach_, other.detach_);
    return *this;
  }
  ~Link() {
    if (detach_) detach_();
  }

 private:
  std::function<void()> detach_;
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
};

// A multi-attachment: names or offsets with one cookie each.
struct MultiTarget {
  std::string symbol;   // kprobe_multi
  uint64_t offset = 0;  // uprobe_multi: file offset
  uint64_t cookie = 0;
};

enum class Feature : uint8_t { kprobe_multi, uprobe_multi, attach_cookie, atomic_fetch, for_each_map, percpu_lookup, iterators, large_keys,
                             tai_clock, task_from_pid, socket_cookie, override_return, write_user, /* grows */ };

// Ids of types by name, see find_named in btf_lookup.h. The names are the BTF's own.
struct BtfNames {
  unsigned questions = 0;
  bool filled = false;
  std::unordered_map<std::string_view, uint32_t> ids;
};

struct FileStatus {
  bool exists = false, directory = false;
  bool writable_by_all = false;
};

class Host {
 public:
  virtual ~Host() = default;

  // --- files ---
  // Reads a whole file, at most `limit` bytes (more is an error).
  virtual Result<std::string> read_file(const std::string& path, size_t limit = 64 << 20) = 0;
  // Names in a directory, sorted, without "." and "..".
  virtual Result<std::vector<std::string>> list_directory(const std::string& path) = 0;
  virtual FileStatus file_status(const std::string& path) = 0;
  // Whether a path is there and may be executed.
  virtual bool is_executable(const std::string& path) = 0;
  virtual std::optional<std::string> environment(const std::string& name) = 0;

  // --- the kernel ---
  // BTF of vmlinux (or of --btf FILE); loaded once, owned by the host.
  virtual Result<const btf*> kernel_btf() = 0;
  // Split BTF of a module.
  virtual Result<const btf*> module_btf(const std::string& module) = 0;
  // Where tracefs is mounted (mounting it is not attempted), e.g. /sys/kernel/tracing.
  virtual Result<std::string> tracefs() = 0;
  // Functions that kprobes may be put on: "name" or "name [module]" lines of --traceable-functions or available_filter_functions,
  // else function symbols of /proc/kallsyms less the blacklist. Loaded once.
  virtual Result<std::span<const std::string>> traceable_functions() = 0;
  // Names of the loaded modules that have BTF, sorted.
  virtual std::vector<std::string> btf_modules() = 0;
  virtual Result<uint64_t> kernel_symbol(const std::string& name) = 0;
  virtual bool has_feature(Feature feature) = 0;  // probed once, when first asked

  // --- binaries ---
  // Function symbols of an ELF file (.symtab, .dynsym), sorted by name, duplicates removed.
  virtual Result<std::vector<ElfSymbol>> elf_functions(const std::string& path) = 0;
  // A symbol of any type (functions, variables) by its name.
  virtual Result<ElfSymbol> elf_symbol(const std::string& path, const std::string& name) = 0;
  // The debug information of an ELF file, its own or in a separate file. Kept open.
  virtual Result<std::shared_ptr<DwarfFile>> debug_information(const std::string& path) = 0;
  // Where the code at an address (as in the symbol table) is in the file.
  virtual Result<uint64_t> elf_file_offset(const std::string& path, uint64_t address) = 0;
  // A library or program name as the loader and PATH would find it ("libc" -> ".../libc.so.6", "bash" -> "/usr/bin/bash").
  virtual Result<std::string> find_binary(const std::string& name, std::optional<int> pid) = 0;

  // --- attaching; `program` is the file descriptor of a loaded program, which the caller keeps. A cookie of 0 is none. ---
  virtual Result<Link> attach_tracepoint(int program, const std::string& category, const std::string& name, uint64_t cookie) = 0;
  virtual Result<Link> attach_raw_tracepoint(int program, const std::string& name, uint64_t cookie) = 0;
  // fentry, fexit, tp_btf ...: the target was set before load.
  virtual Result<Link> attach_trace(int program, uint64_t cookie) = 0;
  virtual Result<Link> attach_kprobe(int program, const std::string& symbol, uint64_t offset, bool ret, uint64_t cookie) = 0;
  virtual Result<Link> attach_kprobe_multi(int program, std::span<const MultiTarget> targets, bool ret) = 0;
  // pid -1: every process.
  virtual Result<Link> attach_uprobe(int program, const std::string& path, uint64_t offset, int pid, bool ret, uint64_t cookie) = 0;
  virtual Result<Link> attach_uprobe_multi(int program, const std::string& path, std::span<const MultiTarget> targets, int pid, bool ret) = 0;
  // On each given CPU (or following `pid` on any CPU when `cpus` is empty).
  virtual Result<Link> attach_perf_event(int program, const PerfEvent& event, int pid, std::span<const int> cpus) = 0;
  virtual std::vector<int> online_cpus() = 0;

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
