"""The rows of bench.py about kernel types: starting with a header, and what a chain of four pointers costs where functions of the kernel are traced."""
import pathlib
import subprocess

# For awl alone: C is compiled before it is started, and the peer's tree has no headers.
HEADER = "#include <linux/fs.h>\nbegin { print(sizeof(struct fstrim_range)); exit(); }"

# Rows of the event table, for kernels with kprobes (in a guest: ./dev vm 6.12).
CHAINS = {
    "four pointers, fentry": ("fentry:vfs_write { @ = sum(args.file.f_inode.i_sb.s_root.d_inode.i_ino); }", "chain_fentry"),
    "four pointers, kprobe": ("kprobe:vfs_write { @ = sum(((struct file *)arg0).f_inode.i_sb.s_root.d_inode.i_ino); }", "chain_kprobe"),
}


def chains():
    return CHAINS if pathlib.Path("/sys/bus/event_source/devices/kprobe").exists() else {}


def write_bytes(count):
    """Calls vfs_write `count` times."""
    subprocess.run(["dd", "if=/dev/zero", "of=/dev/null", "bs=1", f"count={count}"], stderr=subprocess.DEVNULL, check=True)
