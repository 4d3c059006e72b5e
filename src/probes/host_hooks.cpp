// Attaching to network interfaces and cgroups.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "probes/linux_host.h"

namespace awl {
namespace {

Link closing(int fd) {
  return Link([fd] { close(fd); });
}

// A BPF link, whose program can be exchanged.
Link exchangeable(int link) {
  return Link([link] { close(link); }, link);
}

std::string hint_for(int code, bool native) {
  switch (code) {
    case EPERM:
    case EACCES: return "run as root, or with CAP_BPF and CAP_NET_ADMIN";
    case EEXIST:
    case EBUSY: return "another XDP program is attached there, or one in another mode: `ip link show` names it";
    case EOPNOTSUPP: return native ? "the interface's driver has no XDP of its own: use xdp:IFACE:generic" : "";
    default: return "";
  }
}

std::unexpected<Error> cannot_attach(int code, std::string_view what, bool native = false) {
  return fail_text(code, fmt::format("cannot attach to {}", what), hint_for(code, native));
}

Result<Link> attach_xdp(int program, int index, uint32_t flags, const std::string& what) {
  LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);
  const int link = bpf_link_create(program, index, BPF_XDP, &options);
  if (link < 0) return cannot_attach(errno, what, flags == XDP_FLAGS_DRV_MODE);
  return exchangeable(link);
}

// A filter on the interface's clsact queueing discipline, for kernels without tcx links (before 6.6). The discipline is made where there is none,
// and stays: others may use it by then.
Result<Link> attach_classic(int program, int index, bool ingress, const std::string& what) {
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = index, .attach_point = ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS);
  if (const int made = bpf_tc_hook_create(&hook); made < 0 && made != -EEXIST) return cannot_attach(-made, what);
  LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program);
  if (const int attached = bpf_tc_attach(&hook, &options); attached < 0) return cannot_attach(-attached, what);
  const uint32_t handle = options.handle, priority = options.priority;
  return Link([index, ingress, handle, priority] {
    LIBBPF_OPTS(bpf_tc_hook, on, .ifindex = index, .attach_point = ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS);
    LIBBPF_OPTS(bpf_tc_opts, which, .handle = handle, .priority = priority);
    bpf_tc_detach(&on, &which);
  });
}

Result<Link> attach_tc(int program, int index, bool ingress, const std::string& what) {
  const int link = bpf_link_create(program, index, ingress ? BPF_TCX_INGRESS : BPF_TCX_EGRESS, nullptr);
  if (link >= 0) return exchangeable(link);
  if (errno != EINVAL) return cannot_attach(errno, what);
  return attach_classic(program, index, ingress, what);
}

// A socket that sees what the interface takes in and sends. The program's answer, how many bytes to keep, is 0: nothing is queued.
Result<Link> attach_socket(int program, int index, const std::string& what) {
  const int seen = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (seen < 0) return cannot_attach(errno, what);
  sockaddr_ll place{};
  place.sll_family = AF_PACKET;
  place.sll_protocol = htons(ETH_P_ALL);
  place.sll_ifindex = index;
  if (setsockopt(seen, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof program) == 0 && bind(seen, reinterpret_cast<const sockaddr*>(&place), sizeof place) == 0) return closing(seen);
  const int code = errno;
  close(seen);
  return cannot_attach(code, what);
}

}  // namespace

Result<Link> LinuxHost::attach_interface(int program, InterfaceHook hook, const std::string& interface) {
  const unsigned index = if_nametoindex(interface.c_str());
  if (index == 0) return fail_text(errno, fmt::format("there is no network interface '{}'", interface), "`ip link` lists those of this network namespace");
  const int number = static_cast<int>(index);
  const std::string what = "network interface " + interface;
  switch (hook) {
    case InterfaceHook::xdp: return attach_xdp(program, number, 0, what);
    case InterfaceHook::xdp_generic: return attach_xdp(program, number, XDP_FLAGS_SKB_MODE, what);
    case InterfaceHook::xdp_native: return attach_xdp(program, number, XDP_FLAGS_DRV_MODE, what);
    case InterfaceHook::tc_ingress: return attach_tc(program, number, true, what);
    case InterfaceHook::tc_egress: return attach_tc(program, number, false, what);
    case InterfaceHook::socket: return attach_socket(program, number, what);
  }
  return fail(EINVAL, "cannot attach to {}", what);
}

Result<std::vector<std::string>> LinuxHost::interfaces() {
  struct if_nameindex* all = if_nameindex();
  if (!all) return fail(errno, "cannot list the network interfaces");
  std::vector<std::string> names;
  for (const struct if_nameindex* one = all; one->if_index != 0; ++one) names.emplace_back(one->if_name);
  if_freenameindex(all);
  std::ranges::sort(names);
  return names;
}

// With a link, so that the program goes when awl does, however it ends; several programs may be on one cgroup.
Result<Link> LinuxHost::attach_cgroup(int program, uint32_t type, const std::string& path) {
  const int folder = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return fail(errno, "cannot open the cgroup '{}'", path);
  const int link = bpf_link_create(program, folder, static_cast<bpf_attach_type>(type), nullptr);
  const int code = errno;
  close(folder);
  if (link < 0) return cannot_attach(code, "cgroup " + path);
  return exchangeable(link);
}

Result<Link> LinuxHost::attach_network_namespace(int program, uint32_t type, const std::string& path) {
  const int space = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (space < 0) return fail(errno, "cannot open the network namespace '{}'", path);
  const int link = bpf_link_create(program, space, static_cast<bpf_attach_type>(type), nullptr);
  const int code = errno;
  close(space);
  if (link < 0) return cannot_attach(code, "network namespace " + path);
  return exchangeable(link);
}

Result<Link> LinuxHost::attach_netfilter(int program, uint32_t family, uint32_t hook, int32_t priority) {
  LIBBPF_OPTS(bpf_link_create_opts, options);
  options.netfilter.pf = family;
  options.netfilter.hooknum = hook;
  options.netfilter.priority = priority;
  const int link = bpf_link_create(program, 0, BPF_NETFILTER, &options);
  if (link < 0 && errno == EINVAL) return fail_text(EINVAL, "cannot attach to a hook of netfilter", "kernels have those from 6.4 on; each priority (the last part) is taken by one program");
  if (link < 0) return cannot_attach(errno, "a hook of netfilter");
  return closing(link);
}

Result<std::string> LinuxHost::cgroup_root() {
  AWL_TRY(mounts, read_file("/proc/self/mounts", 1 << 20));
  for (size_t at = 0; at < mounts.size();) {
    const size_t end = std::min(mounts.find('\n', at), mounts.size());
    const std::string line = mounts.substr(at, end - at);
    at = end + 1;
    const size_t first = line.find(' '), second = line.find(' ', first + 1);
    if (second == std::string::npos) continue;
    if (line.compare(second + 1, 8, "cgroup2 ") == 0) return line.substr(first + 1, second - first - 1);
  }
  return fail_text(ENOENT, "no cgroup2 file system is mounted", "mount one: mount -t cgroup2 none /sys/fs/cgroup");
}

}  // namespace awl
