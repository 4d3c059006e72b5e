// What chain_fentry.bpf.c and chain_kprobe.bpf.c share: the structures of their chain, and the element.
#pragma once
#include "slot.h"
#include "values.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct inode;
struct dentry {
  struct inode* d_inode;
};
struct super_block {
  struct dentry* s_root;
};
struct inode {
  unsigned long i_ino;
  struct super_block* i_sb;
};
struct file {
  struct inode* f_inode;
};
#pragma clang attribute pop

SLOT(struct stats)
