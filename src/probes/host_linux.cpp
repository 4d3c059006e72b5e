#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstdlib>

#include "base/fd.h"
#include "base/lines.h"
#include "probes/linux_host.h"

namespace awl {
namespace {

constexpr std::string_view no_btf_hint = "the kernel needs CONFIG_DEBUG_INFO_BTF=y, or give a BTF file with --btf FILE";

Result<std::string> read_whole(const std::string& path, size_t limit) {
  const Fd file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return fail(errno, "cannot open '{}'", path);
  std::string text;
  for (;;) {
    // Files of /proc and tracefs say 0 bytes, so their size is found by reading.
    const size_t have = text.size(), room = std::max<size_t>(have, 4096);
    ssize_t n = 0;
    text.resize_and_overwrite(have + room, [&](char* bytes, size_t) {
      n = read(file.get(), bytes + have, room);
      return have + static_cast<size_t>(std::max<ssize_t>(n, 0));
    });
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(errno, "cannot read '{}'", path);
    if (n == 0) return text;
    if (text.size() > limit) return fail(EFBIG, "'{}' is larger than {} bytes", path, limit);
  }
}

}  // namespace

Result<std::string> LinuxHost::read_file(const std::string& path, size_t limit) { return read_whole(path, limit); }

Result<std::vector<std::string>> LinuxHost::list_directory(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), [](DIR* d) { return closedir(d); });
  if (!directory) return fail(errno, "cannot list '{}'", path);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return fail(errno, "cannot list '{}'", path);
  std::ranges::sort(names);
  return names;
}

FileStatus LinuxHost::file_status(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return {};
  return {.exists = true, .directory = S_ISDIR(status.st_mode), .writable_by_all = (status.st_mode & S_IWOTH) != 0};
}

bool LinuxHost::is_executable(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 0111) != 0;
}

std::optional<std::string> LinuxHost::environment(const std::string& name) {
  const char* value = getenv(name.c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

namespace {

constexpr const char* kernel_btf_path = "/sys/kernel/btf/vmlinux";

// Reading the file takes a system call for each page; since Linux 6.16 it can be mapped. Null where that is not so.
BtfPtr map_kernel_btf() {
  const Fd file{open(kernel_btf_path, O_RDONLY | O_CLOEXEC)};
  struct stat status{};
  if (!file || fstat(file.get(), &status) != 0 || status.st_size <= 0) return nullptr;
  const auto size = static_cast<size_t>(status.st_size);
  void* bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (bytes == MAP_FAILED) return nullptr;
  BtfPtr types(btf__new(bytes, static_cast<__u32>(size)));  // copies
  munmap(bytes, size);
  return types;
}

// What kind of machine types are for, if programs made with them could not run here.
const char* other_machine(const btf* types) {
  constexpr bool little = std::endian::native == std::endian::little;
  if (btf__endianness(types) != (little ? BTF_LITTLE_ENDIAN : BTF_BIG_ENDIAN)) return "a machine with another byte order";
  return btf__pointer_size(types) == 4 ? "a 32-bit machine" : nullptr;
}

}  // namespace

Result<const btf*> LinuxHost::kernel_btf() {
  if (kernel_btf_) return kernel_btf_.get();
  if (kernel_btf_error_) return std::unexpected(*kernel_btf_error_);
  const std::string& file = options_.btf_file;
  if (file.empty()) kernel_btf_ = map_kernel_btf();
  errno = 0;
  if (!kernel_btf_) kernel_btf_.reset(file.empty() ? btf__load_vmlinux_btf() : btf__parse(file.c_str(), nullptr));
  const char* machine = kernel_btf_ && !file.empty() ? other_machine(kernel_btf_.get()) : nullptr;
  if (kernel_btf_ && !machine) return kernel_btf_.get();
  const int code = errno;
  if (machine) kernel_btf_.reset();
  if (machine)
    kernel_btf_error_ = Error{0, fmt::format("the BTF in '{}' is that of {}", file, machine), "give the BTF of a kernel for this machine's architecture"};
  else if (file.empty())
    kernel_btf_error_ = Error{code, "cannot load the kernel's types (/sys/kernel/btf/vmlinux)", std::string(no_btf_hint)};
  else
    kernel_btf_error_ = Error{code, fmt::format("cannot read BTF from '{}'", file),
                              "the file must be BTF, or an ELF file with a section .BTF, such as /sys/kernel/btf/vmlinux"};
  return std::unexpected(*kernel_btf_error_);
}

bool LinuxHost::has_kernel_btf() {
  const bool unread = !kernel_btf_ && !kernel_btf_error_ && options_.btf_file.empty();
  return (unread && access(kernel_btf_path, R_OK) == 0) || kernel_btf().has_value();
}

Result<const btf*> LinuxHost::module_btf(const std::string& module) {
  if (const auto found = module_btf_.find(module); found != module_btf_.end()) return found->second.get();
  AWL_TRY(base, kernel_btf());
  if (module.empty() || module.find('/') != std::string::npos) return fail(ENOENT, "'{}' is no module", module);
  const std::string path = "/sys/kernel/btf/" + module;
  // libbpf keeps a non-const pointer to the base but only reads it.
  BtfPtr types(btf__parse_split(path.c_str(), const_cast<btf*>(base)));
  if (!types) return fail(errno, "cannot load the types of module '{}' ({})", module, path);
  return module_btf_.emplace(module, std::move(types)).first->second.get();
}

std::vector<std::string> LinuxHost::btf_modules() {
  // The types of another kernel say nothing about the modules of this one.
  if (!options_.btf_file.empty()) return {};
  auto names = list_directory("/sys/kernel/btf");
  if (!names) return {};
  std::erase(*names, "vmlinux");
  return std::move(*names);
}

Result<std::string> LinuxHost::tracefs() {
  if (!tracefs_.empty()) return tracefs_;
  for (const char* path : {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}) {
    if (access((std::string(path) + "/events").c_str(), R_OK | X_OK) == 0) return tracefs_ = path;
  }
  const int code = errno == ENOENT ? 0 : errno;
  return fail_text(code, "tracefs is not available at /sys/kernel/tracing",
                   code ? "run as root" : "mount it: mount -t tracefs tracefs /sys/kernel/tracing");
}

namespace {

constexpr size_t functions_limit = 256 << 20;  // bytes of a list of functions

// `given`: the file of --traceable-functions. `tracefs` may be empty.
Result<std::unique_ptr<const TraceableFunctions>> load_traceable_functions(const std::string& given, const std::string& tracefs) {
  const std::string refused = read_whole("/sys/kernel/debug/kprobes/blacklist", 16 << 20).value_or("");
  if (!given.empty()) {
    AWL_TRY(text, read_whole(given, functions_limit));
    return read_traceable_functions(std::move(text), FunctionList::functions, refused);
  }
  if (!tracefs.empty())
    if (auto text = read_whole(tracefs + "/available_filter_functions", functions_limit))
      return read_traceable_functions(std::move(*text), FunctionList::functions, refused);
  auto symbols = read_whole("/proc/kallsyms", functions_limit);
  if (!symbols) return std::unexpected(std::move(symbols).error().context("cannot list the kernel's functions"));
  return read_traceable_functions(std::move(*symbols), FunctionList::symbols, refused);
}

}  // namespace

void LinuxHost::expect_traceable_functions() {
  if (traceable_ || expected_traceable_.valid()) return;
  expected_traceable_ = std::async(std::launch::async, load_traceable_functions, options_.traceable_functions_file, tracefs().value_or(""));
}

Result<std::span<const TraceableFunction>> LinuxHost::traceable_functions() {
  if (!traceable_) {
    AWL_TRY(loaded, expected_traceable_.valid() ? expected_traceable_.get() : load_traceable_functions(options_.traceable_functions_file, tracefs().value_or("")));
    traceable_ = std::move(loaded);
  }
  return std::span(traceable_->functions);
}

Result<uint64_t> LinuxHost::kernel_symbol(const std::string& name) {
  if (!symbols_) {
    AWL_TRY(text, read_file("/proc/kallsyms", 256 << 20));
    symbols_.emplace();
    each_line(text, [&](std::string_view line) {
      const std::string_view digits = next_word(line);
      uint64_t address = 0;
      std::from_chars(digits.data(), digits.data() + digits.size(), address, 16);
      next_word(line);
      symbols_->emplace_back(next_word(line), address);
    });
    // Of several with one name the first in the kernel's order counts.
    std::ranges::stable_sort(*symbols_, {}, [](const auto& symbol) -> const std::string& { return symbol.first; });
  }
  const auto found = std::ranges::lower_bound(*symbols_, name, {}, [](const auto& symbol) -> const std::string& { return symbol.first; });
  if (found == symbols_->end() || found->first != name) return fail(ENOENT, "the kernel has no symbol '{}'", name);
  if (found->second == 0)
    return fail_text(EPERM, fmt::format("the kernel hides the address of '{}'", name), "run as root, with kernel.kptr_restrict at most 1");
  return found->second;
}

bool LinuxHost::has_feature(Feature feature) {
  if (std::ranges::find(options_.without, feature) != options_.without.end()) return false;
  const auto found = features_.find(feature);
  if (found != features_.end()) return found->second;
  const bool by_type = feature == Feature::typed_pointers && options_.btf_file.empty();
  return features_[feature] = probe_feature(feature, by_type ? kernel_btf().value_or(nullptr) : nullptr);
}

bool LinuxHost::may_call(const std::string& function, const std::string& section) {
  const auto types = kernel_btf();
  if (!types) return false;
  const int id = btf__find_by_name_kind(*types, function.c_str(), BTF_KIND_FUNC);
  // Programs of BTF kinds must name what they trace: any tracepoint will do.
  const int tracepoint = btf__find_by_name_kind(*types, "btf_trace_sched_switch", BTF_KIND_TYPEDEF);
  return id > 0 && probe_call(id, tracepoint, section);
}

std::vector<int> LinuxHost::online_cpus() {
  std::vector<int> cpus;
  const auto text = read_file("/sys/devices/system/cpu/online", 1 << 16);  // "0-3,5"
  std::string_view rest = text ? std::string_view(*text) : "0";
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    std::string_view range = rest.substr(0, comma);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    int first = 0, last = 0;
    const auto begin = std::from_chars(range.data(), range.data() + range.size(), first);
    if (begin.ec != std::errc()) continue;
    last = first;
    if (begin.ptr != range.data() + range.size() && *begin.ptr == '-') std::from_chars(begin.ptr + 1, range.data() + range.size(), last);
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

std::unique_ptr<Host> make_linux_host(HostOptions options) { return std::make_unique<LinuxHost>(std::move(options)); }

}  // namespace awl
