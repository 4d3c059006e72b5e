#pragma once
// A Host whose world is what a test puts into it: files in memory, BTF made with btf__add_*, attachments recorded as text.
#include <bpf/btf.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "probes/dwarf.h"
#include "probes/host.h"
#include "probes/traceable_functions.h"

namespace awl {

class FakeHost : public Host {
 public:
  FakeHost() = default;
  ~FakeHost() override {
    for (auto& [name, module] : modules) btf__free(module);
    btf__free(vmlinux);
  }

  // --- what the test sets ---
  std::map<std::string, std::string> files;           // path -> content; directories follow from the paths
  std::set<std::string> executables;
  std::set<std::string> writable;                     // by all users
  std::map<std::string, std::string> variables;       // environment
  btf* vmlinux = nullptr;                             // owned; see make_sample_btf
  std::map<std::string, btf*> modules;                // owned
  std::vector<std::string> functions;                 // traceable, sorted: NAME or NAME [MODULE]
  std::vector<TraceableFunction> traceable;           // what was last given out of them
  std::map<std::string, uint64_t> symbols;
  std::map<std::string, std::vector<ElfSymbol>> elf;  // path -> functions
  std::map<std::string, std::string> binaries;        // short name -> path
  std::map<std::string, std::shared_ptr<DwarfFile>> debug;  // path -> debug information
  std::map<std::string, std::vector<UsdtNote>> notes;       // path -> static probe points
  std::map<std::string, std::string> code;                  // path -> bytes of the file
  std::map<std::string, int> go;                            // path -> version of the Go compiler
  std::map<int, std::vector<std::string>> mapped;           // process -> its files with code
  std::set<Feature> features{Feature::kprobe_multi, Feature::uprobe_multi, Feature::attach_cookie, Feature::atomic_fetch, Feature::large_keys, Feature::percpu_lookup};
  std::set<std::string> callable;                     // functions of the kernel that programs may call
  std::string tracefs_path = "/sys/kernel/tracing";   // empty: not mounted
  std::vector<int> cpus{0, 1};
  std::vector<std::string> links{"eth0", "lo"};       // network interfaces
  std::set<std::string> ambiguous;                    // functions whose name several have: no kprobe is put on them by it
  std::string refuse;                                 // attachments whose text contains it fail with EINVAL

  // --- what the test looks at ---
  std::vector<std::string> attached;                  // one line for each attach call
  std::vector<std::string> detached;                  // the same lines, when their Link went away
  size_t btf_loads = 0;

  Result<std::string> read_file(const std::string& path, size_t limit) override {
    auto found = files.find(path);
    if (found == files.end()) return fail(ENOENT, "cannot open '{}'", path);
    if (found->second.size() > limit) return fail(EFBIG, "'{}' is larger than {} bytes", path, limit);
    return found->second;
  }
  Result<std::vector<std::string>> list_directory(const std::string& path) override {
    std::string prefix = path.ends_with('/') ? path : path + "/";
    std::set<std::string> names;
    for (const auto& [file, content] : files)
      if (file.starts_with(prefix)) names.insert(file.substr(prefix.size(), file.find('/', prefix.size()) - prefix.size()));
    if (names.empty()) return fail(ENOENT, "cannot list '{}'", path);
    return std::vector<std::string>(names.begin(), names.end());
  }
  FileStatus file_status(const std::string& path) override {
    bool file = files.contains(path), directory = !file && list_directory(path).has_value();
    return {.exists = file || directory, .directory = directory, .writable_by_all = writable.contains(path)};
  }
  bool is_executable(const std::string& path) override { return executables.contains(path); }
  std::optional<std::string> environment(const std::string& name) override {
    auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  }

  // Programs that can be run, by name: what they say.
  std::map<std::string, ProgramOutput> programs;
  Result<ProgramOutput> run(const std::vector<std::string>& command, size_t) override {
    auto found = programs.find(command.at(0));
    if (found == programs.end()) return fail(ENOENT, "cannot run '{}'", command.at(0));
    return found->second;
  }

  Result<const btf*> kernel_btf() override {
    if (!vmlinux) return fail_text(ENOENT, "this kernel has no BTF", "build the kernel with CONFIG_DEBUG_INFO_BTF=y or give --btf FILE");
    ++btf_loads;
    return vmlinux;
  }
  Result<const btf*> module_btf(const std::string& module) override {
    auto found = modules.find(module);
    if (found == modules.end()) return fail(ENOENT, "module '{}' has no BTF", module);
    return found->second;
  }
  Result<std::string> tracefs() override {
    if (tracefs_path.empty()) return fail(ENOENT, "tracefs is not mounted");
    return tracefs_path;
  }
  Result<std::span<const TraceableFunction>> traceable_functions() override {
    traceable.clear();
    for (const std::string& line : functions) {
      const TraceableFunction function = traceable_function(line);
      if (!traceable.empty() && traceable.back() == function) traceable.back().several = true;
      else traceable.push_back(function);
    }
    return std::span<const TraceableFunction>(traceable);
  }
  std::vector<std::string> btf_modules() override {
    std::vector<std::string> names;
    for (const auto& [name, module] : modules) names.push_back(name);
    return names;
  }
  Result<uint64_t> kernel_symbol(const std::string& name) override {
    auto found = symbols.find(name);
    if (found == symbols.end()) return fail(ENOENT, "no kernel symbol '{}'", name);
    return found->second;
  }
  bool has_feature(Feature feature) override { return features.contains(feature); }
  bool may_call(const std::string& function, const std::string&) override { return callable.contains(function); }

  Result<std::vector<ElfSymbol>> elf_functions(const std::string& path) override {
    auto found = elf.find(path);
    if (found == elf.end()) return fail(ENOENT, "cannot open '{}'", path);
    return found->second;
  }
  Result<ElfSymbol> elf_symbol(const std::string& path, const std::string& name) override {
    AWL_TRY(all, elf_functions(path));
    for (const ElfSymbol& symbol : all)
      if (symbol.name == name) return symbol;
    return fail(ENOENT, "'{}' has no symbol '{}'", path, name);
  }
  Result<std::shared_ptr<DwarfFile>> debug_information(const std::string& path) override {
    auto found = debug.find(path);
    if (found == debug.end()) return fail(0, "no debuginfo found for {}", path);
    return found->second;
  }
  Result<uint64_t> elf_file_offset(const std::string& path, uint64_t address) override {
    if (!elf.contains(path)) return fail(ENOENT, "cannot open '{}'", path);
    return address;
  }
  Result<std::vector<UsdtNote>> usdt_notes(const std::string& path) override {
    auto found = notes.find(path);
    if (found == notes.end()) return elf.contains(path) ? Result<std::vector<UsdtNote>>(std::vector<UsdtNote>{}) : fail(ENOENT, "cannot open '{}'", path);
    return found->second;
  }
  Result<std::string> elf_code(const std::string& path, uint64_t file_offset, size_t size) override {
    auto found = code.find(path);
    if (found == code.end() || file_offset > found->second.size()) return fail(ENOENT, "cannot open '{}'", path);
    return found->second.substr(file_offset, size);
  }
  int go_version(const std::string& path) override { return go.contains(path) ? go.at(path) : 0; }
  Result<std::vector<std::string>> mapped_binaries(std::optional<int> pid) override {
    std::set<std::string> paths;
    for (const auto& [id, files_of] : mapped)
      if (!pid || *pid == id) paths.insert(files_of.begin(), files_of.end());
    return std::vector<std::string>(paths.begin(), paths.end());
  }
  Result<std::vector<int>> threads(int pid) override { return std::vector<int>{pid, pid + 1}; }
  Result<std::string> find_binary(const std::string& name) override {
    if (name.starts_with('/')) {
      if (files.contains(name) || elf.contains(name) || executables.contains(name)) return name;
    } else if (auto found = binaries.find(name); found != binaries.end()) {
      return found->second;
    }
    return fail(ENOENT, "no program or library '{}'", name);
  }

  Result<Link> attach_tracepoint(int, const std::string& category, const std::string& name, uint64_t cookie) override {
    return attach(fmt::format("tracepoint {}:{} cookie {}", category, name, cookie));
  }
  Result<Link> attach_raw_tracepoint(int, const std::string& name, uint64_t cookie) override {
    return attach(fmt::format("raw_tracepoint {} cookie {}", name, cookie));
  }
  Result<Link> attach_trace(int, uint64_t cookie) override { return attach(fmt::format("trace cookie {}", cookie)); }
  std::vector<BpfFunction> loaded_functions;  // of BPF programs
  Result<std::vector<BpfFunction>> bpf_functions() override { return loaded_functions; }
  Result<int> bpf_program_of(uint32_t id) override { return static_cast<int>(id); }
  Result<int> open_iterator(int) override {
    attached.push_back("iterator");
    return -1;
  }
  Result<> pin_iterator(int, const std::string& path) override {
    attached.push_back("iterator pinned to " + path);
    return {};
  }
  Result<Link> attach_kprobe(int, const std::string& symbol, uint64_t offset, bool ret, uint64_t cookie) override {
    if (ambiguous.contains(symbol)) return fail(EADDRNOTAVAIL, "several functions have the name {}", symbol);
    return attach(fmt::format("{} {}+{} cookie {}", ret ? "kretprobe" : "kprobe", symbol, offset, cookie));
  }
  Result<Link> attach_kprobe_multi(int, std::span<const MultiTarget> targets, FunctionSide side) override {
    std::string text = side == FunctionSide::both ? "kprobe_session" : side == FunctionSide::ret ? "kretprobe_multi" : "kprobe_multi";
    for (const MultiTarget& target : targets) text += fmt::format(" {}={}", target.symbol, target.cookie) + (target.address ? fmt::format("@{:x}", target.address) : "");
    return attach(text);
  }
  Result<Link> attach_uprobe(int, const std::string& path, const MultiTarget& target, int pid, bool ret) override {
    return attach(fmt::format("{} {}+{:#x} pid {} cookie {}{}", ret ? "uretprobe" : "uprobe", path, target.offset, pid, target.cookie, semaphore(target)));
  }
  Result<Link> attach_uprobe_multi(int, const std::string& path, std::span<const MultiTarget> targets, int pid, bool ret) override {
    std::string text = fmt::format("{} {} pid {}", ret ? "uretprobe_multi" : "uprobe_multi", path, pid);
    for (const MultiTarget& target : targets) text += fmt::format(" {:#x}={}{}", target.offset, target.cookie, semaphore(target));
    return attach(text);
  }
  Result<Link> attach_perf_event(int, const PerfEvent& event, int pid, std::span<const int> on) override {
    std::string text = fmt::format("perf_event type {} config {} period {} frequency {} pid {} cpus", event.type, event.config, event.period, event.frequency, pid);
    for (int cpu : on) text += fmt::format(" {}", cpu);
    if (event.length) text += fmt::format(" watches {:#x}+{} {}", event.address, event.length, event.access);
    return attach(text);
  }
  Result<Link> attach_interface(int, InterfaceHook hook, const std::string& interface) override {
    static constexpr std::string_view hooks[] = {"xdp", "xdp generic", "xdp native", "tc ingress", "tc egress", "socket"};
    return attach(fmt::format("{} {}", hooks[static_cast<size_t>(hook)], interface));
  }
  Result<Link> attach_cgroup(int, uint32_t type, const std::string& path) override { return attach(fmt::format("cgroup {} type {}", path, type)); }
  Result<Link> attach_network_namespace(int, uint32_t type, const std::string& path) override { return attach(fmt::format("network namespace {} type {}", path, type)); }
  Result<Link> attach_netfilter(int, uint32_t family, uint32_t hook, int32_t priority) override { return attach(fmt::format("netfilter {} hook {} priority {}", family, hook, priority)); }
  std::vector<int> online_cpus() override { return cpus; }
  Result<std::vector<std::string>> interfaces() override { return links; }
  Result<std::string> cgroup_root() override { return "/sys/fs/cgroup"; }

 private:
  static std::string semaphore(const MultiTarget& target) { return target.semaphore ? fmt::format(" semaphore {:#x}", target.semaphore) : ""; }
  Result<Link> attach(std::string line) {
    if (!refuse.empty() && line.find(refuse) != std::string::npos) return fail(EINVAL, "cannot attach {}", line);
    attached.push_back(line);
    return Link([this, line] { detached.push_back(line); });
  }
};

// Kernel types that the tests speak of, as vmlinux BTF. Type ids by name: btf__find_by_name.
//   struct list_head { struct list_head *next, *prev; };
//   struct bpf_iter__task { void *meta; union { struct task_struct *task; }; };  int bpf_iter_task(void *meta, struct task_struct *task);
//   enum pid_type { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_MAX = 4 };        enum64 big { BIG = 1 << 40 };
//   struct sched_entity { u64 vruntime; u32 weights[4]; };
//   struct task_struct { volatile unsigned int __state; int prio; struct task_struct *real_parent; char comm[16]; pid_t pid; pid_t tgid;
//                        struct sched_entity se; unsigned int flag_a : 1; unsigned int flag_b : 3; union { u64 whole; u32 half; };
//                        struct { int deep; }; char user *name; struct list_head tasks; enum pid_type kind; double ratio; };
//   typedef void (*btf_trace_sched_switch)(void *, bool preempt, struct task_struct *prev, struct task_struct *next);
//   int vfs_read(struct task_struct *file, char user *buf, u64 count);   (functions of BTF)
inline btf* make_sample_btf() {
  btf* b = btf__new_empty();
  int u32 = btf__add_int(b, "unsigned int", 4, 0);
  int i32 = btf__add_int(b, "int", 4, BTF_INT_SIGNED);
  int chr = btf__add_int(b, "char", 1, BTF_INT_SIGNED);
  int raw_u64 = btf__add_int(b, "unsigned long long", 8, 0);
  int boolean = btf__add_int(b, "_Bool", 1, BTF_INT_BOOL);
  int bool_name = btf__add_typedef(b, "bool", boolean);
  int u64 = btf__add_typedef(b, "u64", raw_u64);
  int u32_name = btf__add_typedef(b, "u32", u32);
  int pid_t_ = btf__add_typedef(b, "pid_t", i32);
  int volatile_u32 = btf__add_volatile(b, u32);
  int list = btf__add_struct(b, "list_head", 16);
  int list_pointer = list + 1;
  btf__add_field(b, "next", list_pointer, 0, 0);
  btf__add_field(b, "prev", list_pointer, 64, 0);
  btf__add_ptr(b, list);
  int comm = btf__add_array(b, u32, chr, 16);
  int weights = btf__add_array(b, u32, u32_name, 4);
  int entity = btf__add_struct(b, "sched_entity", 24);
  btf__add_field(b, "vruntime", u64, 0, 0);
  btf__add_field(b, "weights", weights, 64, 0);
  int kind = btf__add_enum(b, "pid_type", 4);
  btf__add_enum_value(b, "PIDTYPE_PID", 0);
  btf__add_enum_value(b, "PIDTYPE_TGID", 1);
  btf__add_enum_value(b, "PIDTYPE_MAX", 4);
  btf__add_enum64(b, "big", 8, false);
  btf__add_enum64_value(b, "BIG", uint64_t{1} << 40);
  int either = btf__add_union(b, nullptr, 8);
  btf__add_field(b, "whole", u64, 0, 0);
  btf__add_field(b, "half", u32_name, 0, 0);
  int inner = btf__add_struct(b, nullptr, 4);
  btf__add_field(b, "deep", i32, 0, 0);
  int user = btf__add_type_tag(b, "user", chr);
  int user_text = btf__add_ptr(b, user);
  int ratio = btf__add_float(b, "double", 8);
  int task = btf__add_struct(b, "task_struct", 128);
  int task_pointer = task + 1;
  btf__add_field(b, "__state", volatile_u32, 0, 0);
  btf__add_field(b, "prio", i32, 32, 0);
  btf__add_field(b, "real_parent", task_pointer, 64, 0);
  btf__add_field(b, "comm", comm, 128, 0);
  btf__add_field(b, "pid", pid_t_, 256, 0);
  btf__add_field(b, "tgid", pid_t_, 288, 0);
  btf__add_field(b, "se", entity, 320, 0);
  btf__add_field(b, "flag_a", u32, 512, 1);
  btf__add_field(b, "flag_b", u32, 513, 3);
  btf__add_field(b, nullptr, either, 576, 0);
  btf__add_field(b, nullptr, inner, 640, 0);
  btf__add_field(b, "name", user_text, 704, 0);
  btf__add_field(b, "tasks", list, 768, 0);
  btf__add_field(b, "kind", kind, 896, 0);
  btf__add_field(b, "ratio", ratio, 960, 0);
  btf__add_ptr(b, task);
  int untyped = btf__add_ptr(b, 0);
  int prototype = btf__add_func_proto(b, 0);
  btf__add_func_param(b, nullptr, untyped);
  btf__add_func_param(b, "preempt", bool_name);
  btf__add_func_param(b, "prev", task_pointer);
  btf__add_func_param(b, "next", task_pointer);
  int prototype_pointer = btf__add_ptr(b, prototype);
  btf__add_typedef(b, "btf_trace_sched_switch", prototype_pointer);
  int vfs_prototype = btf__add_func_proto(b, i32);
  btf__add_func_param(b, "file", task_pointer);
  btf__add_func_param(b, "buf", user_text);
  btf__add_func_param(b, "count", u64);
  btf__add_func(b, "vfs_read", BTF_FUNC_STATIC, vfs_prototype);
  // The iterator over tasks: its context, and the function that stands for it.
  int task_place = btf__add_union(b, nullptr, 8);
  btf__add_field(b, "task", task_pointer, 0, 0);
  btf__add_struct(b, "bpf_iter__task", 16);
  btf__add_field(b, "meta", untyped, 0, 0);
  btf__add_field(b, nullptr, task_place, 64, 0);
  int iterator_prototype = btf__add_func_proto(b, i32);
  btf__add_func_param(b, "meta", untyped);
  btf__add_func_param(b, "task", task_pointer);
  btf__add_func(b, "bpf_iter_task", BTF_FUNC_STATIC, iterator_prototype);
  return b;
}

}  // namespace awl
