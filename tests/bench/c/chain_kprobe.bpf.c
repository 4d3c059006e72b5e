// kprobe:vfs_write { @ = sum(((struct file *)arg0).f_inode.i_sb.s_root.d_inode.i_ino); }
#define __TARGET_ARCH_x86
#include <linux/ptrace.h>

#include "common.h"

#include <bpf/bpf_tracing.h>

#include "chain_file.h"

SEC("kprobe/vfs_write")
int BPF_KPROBE(chain_kprobe, struct file* file) {
  __u32 zero = 0;
  struct total* value = bpf_map_lookup_elem(&totals, &zero);
  if (!value) return 0;
  value->sum += BPF_CORE_READ(file, f_inode, i_sb, s_root, d_inode, i_ino);
  value->updates += 1;
  return 0;
}
