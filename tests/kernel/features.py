"""What this machine's kernel can do, by looking at it (never by its version). Each feature gives None when it is there, or the reason why not."""
import ctypes
import functools
import os
import pathlib
import shutil
import struct
import subprocess

TRACING = pathlib.Path("/sys/kernel/tracing")
WORKLOAD = pathlib.Path()  # the folder of the programs that the cases run; the runner sets it


def mount_tracefs():
    if not (TRACING / "events").exists():
        subprocess.run(["mount", "-t", "tracefs", "tracefs", str(TRACING)], stderr=subprocess.DEVNULL, check=False)


def exists(path, reason):
    return None if pathlib.Path(path).exists() else reason


def reads(path, reason):
    try:
        with open(path, "rb") as file:
            return None if file.read(1) else reason
    except OSError:
        return reason


def cgroup2():
    with open("/proc/mounts", encoding="utf-8") as mounts:
        return None if any(line.split()[2] == "cgroup2" for line in mounts) else "no cgroup2 file system is mounted"


def watchpoint():
    """Opens a breakpoint on an integer of this process: perf_event_open({type 5, size 120, period 1, ...}), and looks whether it counts a write."""
    number = ctypes.c_int(5)
    attributes = bytearray(120)
    struct.pack_into("<II", attributes, 0, 5, len(attributes))
    struct.pack_into("<Q", attributes, 16, 1)
    struct.pack_into("<IQQ", attributes, 52, 2, ctypes.addressof(number), 4)
    descriptor = ctypes.CDLL(None, use_errno=True).syscall(298, bytes(attributes), 0, -1, -1, 0)
    if descriptor < 0:
        return "the machine has no debug registers"
    number.value = 6
    count = struct.unpack("<Q", os.read(descriptor, 8))[0]
    os.close(descriptor)
    return None if count else "the machine's debug registers see nothing"


def python_usdt():
    path = pathlib.Path("/usr/bin/python3")
    return None if path.exists() and b"function__entry" in path.read_bytes() else "no Python with static probe points"


def enum64():
    dump = subprocess.run(["/usr/sbin/bpftool", "btf", "dump", "file", "/sys/kernel/btf/vmlinux"], capture_output=True, check=False).stdout
    return None if b" ENUM64 " in dump else "the kernel's types have no wide enumerations, or there is no bpftool"


def two_cpus():
    return None if os.sysconf("SC_NPROCESSORS_ONLN") >= 2 else "one CPU"


def kernel_symbol(name, reason):
    with open("/proc/kallsyms", encoding="utf-8") as symbols:
        return None if any(line.split()[2] == name for line in symbols) else reason


def takes_large_keys():
    """Makes a hash map with a key of 1024 bytes: bpf(BPF_MAP_CREATE, {type, key size, value size, entries})."""
    attributes = struct.pack("<4I", 1, 1024, 8, 1)
    descriptor = ctypes.CDLL(None, use_errno=True).syscall(321, 0, attributes, len(attributes))
    if descriptor < 0:
        return False
    os.close(descriptor)
    return True


def kprobes_call(helper, reason):
    """Loads a kprobe program that calls a helper without arguments: the verifier's reason tells whether it knows the helper.
    bpf(BPF_PROG_LOAD, {type, instructions, address, license, log level, log size, log})."""
    code = struct.pack("<BBhi", 0x85, 0, 0, helper) + struct.pack("<BBhi", 0x95, 0, 0, 0)
    code, license_name, log = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"GPL"), ctypes.create_string_buffer(4096)
    attributes = struct.pack("<2I2Q2IQ", 2, 2, ctypes.addressof(code), ctypes.addressof(license_name), 1, len(log), ctypes.addressof(log))
    attributes = ctypes.create_string_buffer(attributes, 128)
    ctypes.CDLL(None, use_errno=True).syscall(321, 5, attributes, len(attributes))
    refusals = (b"cannot use helper", b"unknown func", b"invalid func")
    return reason if not log.value or any(text in log.value for text in refusals) else None


def object_storage(symbol, reason):
    """Values that hang on objects. Kernels with bpf_map_kmalloc_nolock() take the memory from kmalloc_nolock(), which has none on a CPU without 16-byte exchange (mm/slub.c)."""
    if missing_symbol := kernel_symbol(symbol, reason):
        return missing_symbol
    exchanges = " cx16" in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    nolock = kernel_symbol("bpf_map_kmalloc_nolock", "no") is None
    return "the kernel has no memory for values of objects on a CPU without 16-byte exchange" if nolock and not exchanges else None


OVERRIDE_RETURN, PROBE_WRITE_USER = 58, 36


def loads(*instructions):
    """Whether a socket filter of (code, registers, offset, number) loads."""
    code = b"".join(struct.pack("<BBhi", *i) for i in instructions)
    code, license_name = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"GPL")
    attributes = ctypes.create_string_buffer(struct.pack("<2I2Q", 1, len(instructions), ctypes.addressof(code), ctypes.addressof(license_name)), 128)
    descriptor = ctypes.CDLL(None, use_errno=True).syscall(321, 5, attributes, len(attributes))
    if descriptor >= 0:
        os.close(descriptor)
    return descriptor >= 0


def atomic_exchange():
    """r0 = 0; *(u64 *)(r10 - 8) = 0; r0 = xchg(r10 - 8, r0); exit"""
    return loads((0xB7, 0, 0, 0), (0x7A, 10, -8, 0), (0xDB, 10, -8, 0xE1), (0xB7, 0, 0, 0), (0x95, 0, 0, 0))


def can_make_veth():
    made = subprocess.run(["ip", "link", "add", "awl-try0", "type", "veth", "peer", "name", "awl-try1"], stderr=subprocess.DEVNULL, check=False)
    if made.returncode == 0:
        subprocess.run(["ip", "link", "del", "awl-try0"], check=False)
    return made.returncode == 0


def security_module_bpf():
    folder = pathlib.Path("/sys/kernel/security")
    if not (folder / "lsm").exists():
        subprocess.run(["mount", "-t", "securityfs", "securityfs", str(folder)], stderr=subprocess.DEVNULL, check=False)
    try:
        names = (folder / "lsm").read_text(encoding="utf-8").split(",")
    except OSError:
        return "the kernel has no list of security modules"
    return None if "bpf" in [name.strip() for name in names] else "the security module bpf is off"


FEATURES = {
    "atomic_exchange": lambda: None if atomic_exchange() else "the kernel has no atomic exchange, and nothing but awl puts something in its place",
    "override": lambda: kprobes_call(OVERRIDE_RETURN, "the kernel was built without overriding functions"),
    "no_override": lambda: None if FEATURES["override"]() else "the kernel can override functions",
    "write_user": lambda: kprobes_call(PROBE_WRITE_USER, "the kernel does not let programs write to processes"),
    "no_write_user": lambda: None if FEATURES["write_user"]() else "the kernel lets programs write to processes",
    # Programs of tracepoints and perf events may call kernel functions since 6.12.
    "task_from_pid": lambda: kernel_symbol("bpf_task_from_pid", "programs cannot look up tasks"),
    "no_task_from_pid": lambda: None if FEATURES["task_from_pid"]() else "programs can look up tasks",
    "socket_cookie": lambda: kernel_symbol("bpf_get_socket_ptr_cookie", "fentry programs cannot ask for a socket's cookie"),
    "uprobe_multi": lambda: kernel_symbol("bpf_uprobe_multi_link_attach", "the kernel attaches user functions one by one"),
    "percpu_symbols": lambda: kernel_symbol("runqueues", "the kernel does not list its per-CPU variables"),
    "unshare": lambda: None if shutil.which("unshare") and shutil.which("ip") else "no unshare or ip program",
    "large_keys": lambda: None if takes_large_keys() else "the kernel takes map keys of at most 512 bytes",
    "no_large_keys": lambda: "the kernel takes map keys of more than 512 bytes" if takes_large_keys() else None,
    "tracepoint": lambda: exists(TRACING / "events/syscalls", "the kernel has no system call tracepoints"),
    "kprobe": lambda: exists("/sys/bus/event_source/devices/kprobe", "the kernel has no kprobes"),
    "uprobe": lambda: exists("/sys/bus/event_source/devices/uprobe", "the kernel has no uprobes"),
    # fentry and fexit patch functions through ftrace.
    "fentry": lambda: reads(TRACING / "available_filter_functions", "the kernel cannot trace functions with ftrace"),
    "ip6": lambda: exists("/proc/sys/net/ipv6/conf/lo", "the kernel has no IPv6"),
    "tcpdump": lambda: None if shutil.which("tcpdump") else "no tcpdump program",
    "veth": lambda: None if shutil.which("ip") and shutil.which("nsenter") and can_make_veth() else "no pairs of virtual interfaces can be made",
    "lsm": lambda: FEATURES["fentry"]() or security_module_bpf(),
    "sk_lookup": lambda: kernel_symbol("netns_bpf_link_create", "programs cannot look up sockets"),
    "netfilter": lambda: kernel_symbol("bpf_nf_link_attach", "the kernel has no netfilter hooks for programs"),
    "tcx": lambda: kernel_symbol("tcx_prog_attach", "the kernel has no tcx links"),
    "no_tcx": lambda: None if FEATURES["tcx"]() else "the kernel has tcx links",
    "btf": lambda: exists("/sys/kernel/btf/vmlinux", "the kernel has no BTF"),
    # Many functions on one link; without it each is attached by itself, which takes a while.
    "kprobe_session": lambda: kernel_symbol("bpf_session_is_return", "the kernel has no kprobe sessions"),
    "kprobe_multi": lambda: kernel_symbol("bpf_kprobe_multi_link_attach", "the kernel attaches functions one by one"),
    "percpu_lookup": lambda: kernel_symbol("bpf_map_lookup_percpu_elem", "programs cannot read other CPUs' map values"),
    "map_loops": lambda: kernel_symbol("bpf_for_each_map_elem", "programs cannot go over a map"),
    "no_map_loops": lambda: None if FEATURES["map_loops"]() else "programs can go over a map",
    "task_storage": lambda: object_storage("bpf_get_current_task_btf", "programs cannot keep values with tasks"),
    "no_task_storage": lambda: None if kernel_symbol("bpf_get_current_task_btf", "no") else "programs can keep values with tasks",
    "socket_storage": lambda: object_storage("bpf_sk_storage_get_tracing", "tracing programs cannot keep values with sockets"),
    "inode_storage": lambda: object_storage("bpf_inode_storage_get", "programs cannot keep values with inodes"),
    "cgroup_storage": lambda: object_storage("bpf_cgrp_storage_get", "programs cannot keep values with cgroups"),
    "bloom_filter": lambda: kernel_symbol("bloom_map_push_elem", "the kernel has no maps of kind bloom"),
    "no_bloom_filter": lambda: None if FEATURES["bloom_filter"]() else "the kernel has maps of kind bloom",
    "task_registers": lambda: kernel_symbol("bpf_task_pt_regs", "programs cannot see the registers of user space"),
    "no_task_registers": lambda: None if FEATURES["task_registers"]() else "programs can see the registers of user space",
    "iterators": lambda: kernel_symbol("bpf_iter_num_new", "the kernel has no open-coded iterators"),
    "long_loops": lambda: None if FEATURES["iterators"]() is None else kernel_symbol("bpf_loop", "the kernel has no loops of many turns"),
    "no_iterators": lambda: None if FEATURES["iterators"]() else "the kernel has open-coded iterators",
    "iter": lambda: kernel_symbol("bpf_iter_link_attach", "the kernel has no iterator programs"),
    "no_kprobe": lambda: None if FEATURES["kprobe"]() else "the kernel has kprobes",
    "go": lambda: None if (WORKLOAD / "gotarget").exists() else "no Go compiler",
    "rust": lambda: None if (WORKLOAD / "rusttarget").exists() else "no Rust compiler",
    "enum64": enum64,
    "c_objects": lambda: exists(WORKLOAD / "structures.bpf.o", "no clang when the programs were built"),
    "watchpoint": watchpoint,
    "python_usdt": python_usdt,
    "postgres": lambda: None if shutil.which("initdb") and shutil.which("postgres") and b"query__start" in pathlib.Path(shutil.which("postgres")).read_bytes() else "no PostgreSQL with static probe points",
    "libstdcxx_usdt": lambda: None if any(b"libstdcxx" in path.read_bytes() for path in pathlib.Path("/lib/x86_64-linux-gnu").glob("libstdc++.so.6")) else "no libstdc++ with static probe points",
    "cgroup2": cgroup2,
    "two_cpus": two_cpus,
    "setpriv": lambda: None if shutil.which("setpriv") else "no setpriv program",
    "clang": lambda: None if any(shutil.which(name) for name in ("clang-19", "clang")) else "no clang",
    "module_btf": lambda: None if len(os.listdir("/sys/kernel/btf")) > 1 else "no module has types",
    "bpftool": lambda: None if shutil.which("bpftool") or os.path.exists("/usr/sbin/bpftool") else "no bpftool program",
}


@functools.lru_cache(maxsize=None)
def missing(name):
    """The reason why feature `name` is missing here, or None."""
    return FEATURES[name]()
