#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "probes/elf_file.h"
#include "probes/linux_host.h"

namespace awl {
namespace {

Link closing(int fd) {
  return Link([fd] { close(fd); });
}

int perf_event_open(perf_event_attr& attr, int pid, int cpu) {
  return static_cast<int>(syscall(__NR_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC));
}

std::string hint_for(int code) {
  switch (code) {
    case EPERM:
    case EACCES:
      return "run as root, or with CAP_BPF and CAP_PERFMON";
    case ENOENT:
      return "list what there is with `awl -l PATTERN`";
    case EMFILE:
    case ENFILE:
      return "too many files are open: raise the limit with `ulimit -n`";
    case ESRCH:
      return "the process is gone";
    default:
      return "";
  }
}

std::unexpected<Error> cannot_attach(int code, std::string_view what) {
  return fail_text(code, fmt::format("cannot attach to {}", what), hint_for(code));
}

// "config:0" in the sysfs description of a perf unit's field.
uint64_t config_bit(std::string_view text) {
  const size_t colon = text.find(':');
  return colon == std::string_view::npos ? 0 : 1ULL << (strtoul(std::string(text.substr(colon + 1)).c_str(), nullptr, 10) & 63);
}

}  // namespace

Result<Link> LinuxHost::attach_to_event(int program, int event, uint64_t cookie, const std::string& what) {
  if (cookie != 0 && has_feature(Feature::attach_cookie)) {
    LIBBPF_OPTS(bpf_link_create_opts, options, .perf_event = {.bpf_cookie = cookie});
    const int link = bpf_link_create(program, event, BPF_PERF_EVENT, &options);
    if (link < 0) {
      const int code = errno;
      close(event);
      return cannot_attach(code, what);
    }
    if (ioctl(event, PERF_EVENT_IOC_ENABLE, 0) < 0) {
      const int code = errno;
      close(link);
      close(event);
      return cannot_attach(code, what);
    }
    return Link([link, event] {
      ioctl(event, PERF_EVENT_IOC_DISABLE, 0);
      close(link);
      close(event);
    });
  }
  if (ioctl(event, PERF_EVENT_IOC_SET_BPF, program) < 0 || ioctl(event, PERF_EVENT_IOC_ENABLE, 0) < 0) {
    const int code = errno;
    close(event);
    return cannot_attach(code, what);
  }
  return Link([event] {
    ioctl(event, PERF_EVENT_IOC_DISABLE, 0);
    close(event);
  });
}

Result<Link> LinuxHost::attach_tracepoint(int program, const std::string& category, const std::string& name, uint64_t cookie) {
  const std::string what = fmt::format("tracepoint {}:{}", category, name);
  auto root = tracefs();
  if (!root) return std::unexpected(std::move(root).error().context(fmt::format("cannot attach {}, whose number stands in tracefs alone", what)));
  auto id = read_file(fmt::format("{}/events/{}/{}/id", *root, category, name), 64);
  if (!id) return cannot_attach(id.error().code, what);
  perf_event_attr attr{};
  attr.type = PERF_TYPE_TRACEPOINT;
  attr.size = sizeof attr;
  attr.config = strtoull(id->c_str(), nullptr, 10);
  const int event = perf_event_open(attr, -1, 0);
  if (event < 0) return cannot_attach(errno, what);
  return attach_to_event(program, event, cookie, what);
}

Result<Link> LinuxHost::attach_raw_tracepoint(int program, const std::string& name, uint64_t) {
  const int link = bpf_raw_tracepoint_open(name.c_str(), program);
  if (link < 0) return cannot_attach(errno, fmt::format("raw tracepoint {}", name));
  return closing(link);
}

Result<Link> LinuxHost::attach_trace(int program, uint64_t) {
  const int link = bpf_raw_tracepoint_open(nullptr, program);
  if (link < 0) return cannot_attach(errno, "the function or tracepoint that the program was loaded for");
  return closing(link);
}

Result<int> LinuxHost::open_iterator(int program) {
  const int link = bpf_link_create(program, 0, BPF_TRACE_ITER, nullptr);
  if (link < 0) return cannot_attach(errno, "the iterator that the program was loaded for");
  // The iterator holds its link.
  const int descriptor = bpf_iter_create(link), code = errno;
  close(link);
  if (descriptor < 0) return cannot_attach(code, "the iterator that the program was loaded for");
  return descriptor;
}

Result<> LinuxHost::pin_iterator(int program, const std::string& path) {
  const int link = bpf_link_create(program, 0, BPF_TRACE_ITER, nullptr);
  if (link < 0) return cannot_attach(errno, "the iterator that the program was loaded for");
  const int pinned = bpf_obj_pin(link, path.c_str()), code = errno;
  close(link);
  if (pinned == 0) return {};
  return fail_text(code, fmt::format("cannot pin the iterator to {}", path),
                   code == EEXIST   ? "something of this name is there: remove it first"
                   : code == ENOENT ? "the file system of BPF may have to be mounted: mount -t bpf bpf /sys/fs/bpf"
                                    : hint_for(code));
}

Result<LinuxHost::PerfUnit> LinuxHost::perf_unit(const std::string& name) {
  if (const auto found = perf_units_.find(name); found != perf_units_.end()) return found->second;
  const std::string folder = "/sys/bus/event_source/devices/" + name;
  auto type = read_file(folder + "/type", 64);
  if (!type)
    return fail_text(type.error().code, fmt::format("this kernel has no {}s ({} is missing)", name, folder),
                     fmt::format("the kernel needs CONFIG_{}_EVENTS=y", name == "kprobe" ? "KPROBE" : "UPROBE"));
  AWL_TRY(bit, read_file(folder + "/format/retprobe", 64));
  return perf_units_[name] = {static_cast<uint32_t>(strtoul(type->c_str(), nullptr, 10)), config_bit(bit)};
}

Result<Link> LinuxHost::attach_kprobe(int program, const std::string& symbol, uint64_t offset, bool ret, uint64_t cookie) {
  const std::string what = symbol.empty() ? fmt::format("kernel address {:#x}", offset)
                           : offset       ? fmt::format("kernel function {}+{:#x}", symbol, offset)
                                          : fmt::format("kernel function {}", symbol);
  AWL_TRY(unit, perf_unit("kprobe"));
  perf_event_attr attr{};
  attr.type = unit.type;
  attr.size = sizeof attr;
  attr.config = ret ? unit.return_bit : 0;
  attr.kprobe_func = symbol.empty() ? 0 : reinterpret_cast<uint64_t>(symbol.c_str());
  attr.probe_offset = offset;  // without a function: its address
  const int event = perf_event_open(attr, -1, 0);
  if (event < 0) {
    const int code = errno;
    if (code == EILSEQ)
      return fail_text(code, fmt::format("cannot attach to {}: it lies in the middle of an instruction", what),
                       "use the offset of an instruction's first byte");
    if (code == EINVAL)
      return fail_text(code, fmt::format("cannot attach to {}", what),
                       "the kernel refuses probes there: the function is not traceable, or inlined");
    if (code == EADDRNOTAVAIL)
      return fail_text(code, fmt::format("cannot attach to {}: several functions have this name", what),
                       "name the module: kprobe:MODULE:FUNCTION");
    return cannot_attach(code, what);
  }
  return attach_to_event(program, event, cookie, what);
}

int link_kprobe_multi(int program, std::span<const MultiTarget> targets, FunctionSide side) {
  std::vector<const char*> symbols;
  std::vector<uint64_t> addresses, cookies;
  for (const MultiTarget& target : targets) {
    symbols.push_back(target.symbol.c_str());
    addresses.push_back(target.address);
    cookies.push_back(target.cookie);
  }
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof attributes);
  auto& create = attributes.link_create;
  create.prog_fd = static_cast<uint32_t>(program);
  create.attach_type = side == FunctionSide::both ? BPF_TRACE_KPROBE_SESSION : BPF_TRACE_KPROBE_MULTI;
  create.kprobe_multi.flags = side == FunctionSide::ret ? static_cast<uint32_t>(BPF_F_KPROBE_MULTI_RETURN) : 0;
  create.kprobe_multi.cnt = static_cast<uint32_t>(targets.size());
  if (!targets.empty() && targets[0].address) create.kprobe_multi.addrs = reinterpret_cast<uint64_t>(addresses.data());
  else create.kprobe_multi.syms = reinterpret_cast<uint64_t>(symbols.data());
  create.kprobe_multi.cookies = reinterpret_cast<uint64_t>(cookies.data());
  return static_cast<int>(syscall(__NR_bpf, BPF_LINK_CREATE, &attributes, sizeof attributes));
}

Result<Link> LinuxHost::attach_kprobe_multi(int program, std::span<const MultiTarget> targets, FunctionSide side) {
  const int link = link_kprobe_multi(program, targets, side);
  if (link < 0)
    return fail_text(
        errno,
        fmt::format("cannot attach to {} kernel functions at once ({} ...)", targets.size(), targets.empty() ? "" : targets[0].symbol),
        "run with --no-feature kprobe_multi to see which one the kernel refuses");
  return closing(link);
}

Result<Link> LinuxHost::attach_uprobe(int program, const std::string& path, const MultiTarget& target, int pid, bool ret) {
  const std::string what = fmt::format("{} at file offset {:#x}", path, target.offset), file = split_binary_path(path).file;
  AWL_TRY(unit, perf_unit("uprobe"));
  constexpr unsigned semaphore_shift = 32;  // config bits of format/ref_ctr_offset
  perf_event_attr attr{};
  attr.type = unit.type;
  attr.size = sizeof attr;
  attr.config = (ret ? unit.return_bit : 0) | target.semaphore << semaphore_shift;
  attr.uprobe_path = reinterpret_cast<uint64_t>(file.c_str());
  attr.probe_offset = target.offset;
  const int event = perf_event_open(attr, pid > 0 ? pid : -1, pid > 0 ? -1 : 0);
  if (event < 0) return cannot_attach(errno, what);
  return attach_to_event(program, event, target.cookie, what);
}

Result<Link> LinuxHost::attach_uprobe_multi(int program, const std::string& path, std::span<const MultiTarget> targets, int pid, bool ret) {
  std::vector<unsigned long> offsets, semaphores;
  std::vector<__u64> cookies;
  for (const MultiTarget& target : targets) {
    offsets.push_back(target.offset);
    cookies.push_back(target.cookie);
    semaphores.push_back(target.semaphore);
  }
  const std::string file = split_binary_path(path).file;
  LIBBPF_OPTS(bpf_link_create_opts, options);
  options.uprobe_multi.path = file.c_str();
  options.uprobe_multi.offsets = offsets.data();
  options.uprobe_multi.cookies = cookies.data();
  if (std::ranges::any_of(semaphores, [](unsigned long at) { return at != 0; })) options.uprobe_multi.ref_ctr_offsets = semaphores.data();
  options.uprobe_multi.cnt = static_cast<uint32_t>(targets.size());
  options.uprobe_multi.flags = ret ? static_cast<uint32_t>(BPF_F_UPROBE_MULTI_RETURN) : 0;
  options.uprobe_multi.pid = pid > 0 ? static_cast<uint32_t>(pid) : 0;
  const int link = bpf_link_create(program, 0, BPF_TRACE_UPROBE_MULTI, &options);
  if (link < 0) return cannot_attach(errno, fmt::format("{} places in {}", targets.size(), path));
  return closing(link);
}

Result<Link> LinuxHost::attach_perf_event(int program, const PerfEvent& wanted, int pid, std::span<const int> cpus) {
  static constexpr int any_cpu[] = {-1};
  if (cpus.empty() && pid > 0) cpus = any_cpu;
  auto links = std::make_shared<std::vector<Link>>();
  for (const int cpu : cpus) {
    perf_event_attr attr{};
    attr.type = wanted.type;
    attr.size = sizeof attr;
    attr.config = wanted.config;
    attr.disabled = 1;
    attr.freq = wanted.frequency != 0;
    if (wanted.type == PERF_TYPE_BREAKPOINT) {
      attr.bp_addr = wanted.address;
      attr.bp_len = wanted.length;
      attr.bp_type = wanted.access;
      attr.inherit = pid > 0;  // threads that are made later
    }
    if (wanted.frequency != 0)
      attr.sample_freq = wanted.frequency;
    else
      attr.sample_period = wanted.period;
    const int event = perf_event_open(attr, pid > 0 ? pid : -1, cpu);
    const std::string what =
        cpu < 0 ? fmt::format("a timer or counter of process {}", pid) : fmt::format("a timer or counter of CPU {}", cpu);
    if (event < 0) {
      const int code = errno;
      if (code == EINVAL && wanted.frequency != 0)
        return fail_text(code, fmt::format("cannot attach to {}: {} Hz is too fast", what, wanted.frequency),
                         "the limit is in /proc/sys/kernel/perf_event_max_sample_rate");
      if (wanted.type == PERF_TYPE_BREAKPOINT && (code == ENOSPC || code == EINVAL || code == EOPNOTSUPP || code == ENOENT))
        return fail_text(code, fmt::format("cannot watch {} bytes at {:#x}", wanted.length, wanted.address),
                         code == ENOSPC ? "the CPU has four debug registers, and all are taken: watch fewer places at a time"
                                        : "the CPU cannot watch that: the address must be divisible by the length, and its kind of access known to it");
      if (code == ENOENT || code == EOPNOTSUPP)
        return fail_text(code, fmt::format("cannot attach to {}", what),
                         "this machine does not have the counter (virtual machines often have none)");
      return cannot_attach(code, what);
    }
    AWL_TRY(link, attach_to_event(program, event, 0, what));
    links->push_back(std::move(link));
  }
  return Link([links] { links->clear(); });
}

}  // namespace awl
