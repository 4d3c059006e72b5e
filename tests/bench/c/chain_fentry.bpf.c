// fentry:vfs_write { @ = sum(args.file.f_inode.i_sb.s_root.d_inode.i_ino); }
#include "common.h"

#include <bpf/bpf_tracing.h>

#include "chain_file.h"

SEC("fentry/vfs_write")
int BPF_PROG(chain_fentry, struct file* file) {
  return add(own_slot(), file->f_inode->i_sb->s_root->d_inode->i_ino);
}
