// kprobe:vfs_write { @ = sum(((struct file *)arg0).f_inode.i_sb.s_root.d_inode.i_ino); }
#define __TARGET_ARCH_x86
#include <linux/ptrace.h>

#include "common.h"

#include <bpf/bpf_tracing.h>

#include "chain_file.h"

SEC("kprobe/vfs_write")
int BPF_KPROBE(chain_kprobe, struct file* file) {
  return add(own_slot(), BPF_CORE_READ(file, f_inode, i_sb, s_root, d_inode, i_ino));
}
