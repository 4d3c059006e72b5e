"""What packet programs cost, awl beside C: nanoseconds a packet by BPF_PROG_TEST_RUN with repeats, and packets a second through a veth pair that is made here."""
import ctypes
import os
import pathlib
import re
import struct
import subprocess
import time

PINS = pathlib.Path("/sys/fs/bpf/awl-bench")
PREFIXES = 100_000
REPEAT = 2_000_000
PROGRAMS = {
    "xdp counter by port": ("xdp:lo { @[tcp.dport] = count(); }", "xdp_count", None),
    "100,000 prefixes": ("let @blocked = lpmtrie(200000); xdp:lo { if (@blocked[ip.saddr]) { return XDP_DROP; } }", "xdp_block", {"awl": "at_blocked", "C": "blocked"}),
    "tc flow table": ("tc:lo:ingress { @[ip.saddr, ip.daddr, tcp.sport, tcp.dport] = sum(skb.len); }", "tc_flows", None),
}
# Ethernet, IPv4 from 10.77.0.2 to 10.77.0.1, TCP from port 1000 to 80
PACKET = bytes.fromhex("020000000002020000000001" "0800" "4500002800070000400600000a4d00020a4d0001" "03e8005001020304000000005002" "03e800000000") + bytes(10)


def bpf(command, attributes):
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(321, command, attributes, len(attributes))
    if result < 0:
        raise SystemExit(f"bench: bpf({command}): {os.strerror(ctypes.get_errno())}")
    return result


def fill(path):
    """Prefixes of 24 bits over all of IPv4, the packet's among them."""
    name = ctypes.create_string_buffer(str(path).encode())
    table = bpf(7, struct.pack("<QII", ctypes.addressof(name), 0, 0))
    value = ctypes.create_string_buffer(struct.pack("<Q", 1), 8)
    wanted = {0x0A4D00} | {(number * 167) & 0xFFFFFF for number in range(PREFIXES - 1)}
    for prefix in wanted:
        key = ctypes.create_string_buffer(struct.pack("<I", 120) + bytes(10) + b"\xff\xff" + struct.pack(">I", prefix << 8), 20)
        bpf(2, struct.pack("<IIQQQ", table, 0, ctypes.addressof(key), ctypes.addressof(value), 0))
    os.close(table)


class Loaded:
    """A program of a tool, pinned while inside the block."""

    def __init__(self, tools, tool, program, c_name, table, folder):
        self.tool, self.table, self.folder = tool, table, folder
        self.object = tools.build / f"bench/{c_name}.bpf.o"
        if tool == "awl":
            self.object = folder / "packets.o"
            subprocess.run([tools.build / "awl", "build", "--unsafe", "-e", program, "-o", self.object], check=True)

    def __enter__(self):
        if not pathlib.Path("/sys/fs/bpf").is_mount():
            subprocess.run(["mount", "-t", "bpf", "bpf", "/sys/fs/bpf"], check=True)
        subprocess.run(["rm", "-rf", PINS], check=True)
        subprocess.run(["bpftool", "prog", "loadall", self.object, PINS, "pinmaps", PINS / "maps"], check=True, stderr=subprocess.DEVNULL)
        if self.table:
            fill(PINS / "maps" / self.table[self.tool])
        (self.folder / "packet").write_bytes(PACKET)
        self.program = next(path for path in PINS.iterdir() if path.is_file())
        return self

    def __exit__(self, *_):
        subprocess.run(["rm", "-rf", PINS], check=True)

    def cost(self):
        out = subprocess.run(["bpftool", "prog", "run", "pinned", self.program, "data_in", self.folder / "packet", "repeat", str(REPEAT)], check=True, capture_output=True, text=True).stdout
        return float(re.search(r"duration \(average\): (\d+)ns", out)[1])


def packet_cost(tools, tool, name, folder):
    """-> (nanoseconds a packet,)"""
    program, c_name, table = PROGRAMS[name]
    with Loaded(tools, tool, program, c_name, table, folder) as loaded:
        loaded.cost()  # warms maps and caches
        return (min(loaded.cost() for _ in range(3)),)


# ---- packets a second ----

SPACE, NEAR, FAR = "awl-bench", "awlbench0", "awlbench1"
RATES = ("xdp counter by port", "100,000 prefixes")
FLOOD_SECONDS = 2


class Pair:
    """A veth pair, one end in a network namespace; it goes at the end of the block."""

    def __enter__(self):
        self.remove()
        subprocess.run(["ip", "netns", "add", SPACE], check=True)
        subprocess.run(["ip", "link", "add", NEAR, "type", "veth", "peer", "name", FAR, "netns", SPACE], check=True)
        subprocess.run(["ip", "link", "set", NEAR, "up"], check=True)
        subprocess.run(["ip", "-n", SPACE, "link", "set", FAR, "up"], check=True)
        return self

    def __exit__(self, *_):
        self.remove()

    @staticmethod
    def remove():
        subprocess.run(["ip", "netns", "del", SPACE], stderr=subprocess.DEVNULL, check=False)
        subprocess.run(["ip", "link", "del", NEAR], stderr=subprocess.DEVNULL, check=False)

    @staticmethod
    def received():
        return int(pathlib.Path(f"/sys/class/net/{NEAR}/statistics/rx_packets").read_text())

    def rate(self, tools, program):
        """Packets a second that come through; `program`: a pinned XDP program that sees them, or None."""
        if program:
            subprocess.run(["bpftool", "net", "attach", "xdpdrv", "pinned", program, "dev", NEAR], check=True)
        before, start = self.received(), time.monotonic()
        subprocess.run(["nsenter", f"--net=/run/netns/{SPACE}", tools.build / "bench/flood", FAR, str(FLOOD_SECONDS)], input=PACKET, stdout=subprocess.DEVNULL, check=True)
        rate = (self.received() - before) / (time.monotonic() - start)
        if program:
            subprocess.run(["bpftool", "net", "detach", "xdpdrv", "dev", NEAR], check=True)
        return rate


def packet_rate(tools, tool, name, folder):
    """-> (millions of packets a second with the program on the receiving end,)"""
    program, c_name, table = PROGRAMS[name]
    with Pair() as pair, Loaded(tools, tool, program, c_name, table, folder) as loaded:
        return (pair.rate(tools, loaded.program) / 1e6,)
