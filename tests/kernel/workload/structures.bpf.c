// Reads fields of the kernel's structures as an expert would in C, for tests/kernel/cases/kernel_types.case: at getppid() of the process
// whose id the loader sets. Only what is read is declared; CO-RE fits it to the kernel.
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "structures.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
enum socket_state { SS_UNCONNECTED = 1 };
struct rlimit {
  unsigned long rlim_cur, rlim_max;
};
struct signal_struct {
  unsigned is_child_subreaper : 1;
  struct rlimit rlim[16];
};
struct uid_gid_extent {
  __u32 first, lower_first, count;
};
struct uid_gid_map {
  union {
    struct uid_gid_extent extent[5];
    struct uid_gid_extent* forward;
  };
};
struct user_namespace {
  struct uid_gid_map uid_map;
};
struct cred {
  struct user_namespace* user_ns;
};
struct in6_addr {
  union {
    __u8 u6_addr8[16];
    __u32 u6_addr32[4];
  } in6_u;
};
struct sock_common {
  unsigned char skc_ipv6only : 1;
  __u16 skc_num;
  struct in6_addr skc_v6_rcv_saddr;
};
struct sock {
  struct sock_common __sk_common;
  unsigned char sk_no_check_tx : 1, sk_userlocks : 4;
};
struct socket {
  enum socket_state state;
  short type;
  struct sock* sk;
};
struct file {
  void* private_data;
};
struct fdtable {
  struct file** fd;
};
struct files_struct {
  struct fdtable* fdt;
};
struct task_struct {
  unsigned sched_reset_on_fork : 1;
  struct signal_struct* signal;
  const struct cred* cred;
  struct files_struct* files;
};
#pragma clang attribute pop

struct values values;
char LICENSE[] SEC("license") = "GPL";

SEC("tp/syscalls/sys_enter_getppid")
int read_structures(void* context) {
  (void)context;
  if (bpf_get_current_pid_tgid() >> 32 != (__u64)values.process) return 0;
  struct task_struct* task = (struct task_struct*)bpf_get_current_task();
  struct signal_struct* signal = BPF_CORE_READ(task, signal);
  struct file **table = BPF_CORE_READ(task, files, fdt, fd), *file = 0;
  bpf_probe_read_kernel(&file, sizeof file, table + SOCKET);
  struct socket* socket = BPF_CORE_READ(file, private_data);
  struct sock* sock = BPF_CORE_READ(socket, sk);
  values.reset_on_fork = BPF_CORE_READ_BITFIELD_PROBED(task, sched_reset_on_fork);
  values.subreaper = BPF_CORE_READ_BITFIELD_PROBED(signal, is_child_subreaper);
  values.soft = BPF_CORE_READ(signal, rlim[7].rlim_cur);
  values.hard = BPF_CORE_READ(signal, rlim[7].rlim_max);
  values.extent = BPF_CORE_READ(task, cred, user_ns, uid_map.extent[0].count);
  values.state = BPF_CORE_READ(socket, state);
  values.type = BPF_CORE_READ(socket, type);
  values.no_check = BPF_CORE_READ_BITFIELD_PROBED(sock, sk_no_check_tx);
  values.locks = BPF_CORE_READ_BITFIELD_PROBED(sock, sk_userlocks);
  values.ipv6_only = BPF_CORE_READ_BITFIELD_PROBED(sock, __sk_common.skc_ipv6only);
  values.port = BPF_CORE_READ(sock, __sk_common.skc_num);
  values.last_byte = BPF_CORE_READ(sock, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8[15]);
  values.last_word = BPF_CORE_READ(sock, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[3]);
  return 0;
}
