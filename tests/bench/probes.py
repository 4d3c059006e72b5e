#!/usr/bin/env python3
"""Measures how long awl and bpftrace take to attach to many kernel functions and to let go of them, and to list probes.

usage: probes.py list|attach --peer DIR [--awl PROGRAM] [--measure PROGRAM] [--runs N]      (`./dev bench --only WHAT`)

  list    wall time of -l and -lv of every kind
  attach  milliseconds from the start to "Attached N probes", and from SIGINT to the end, by pattern; needs a kernel with kprobes
Runs alternate between the tools; medians are shown. The number beside a figure is that of the lines or probes, which differ where one
tool finds more.
"""
import argparse
import os
import pathlib
import re
import signal
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
KINDS = ["tracepoint", "rawtracepoint", "kprobe", "fentry", "uprobe:libc", "usdt:/lib/x86_64-linux-gnu/libstdc++.so.6", "software", "hardware", "interval", "profile", "iter"]
TOOLS = ("awl", "bpftrace")
LONGEST = 120  # seconds; what takes longer is shown as that


class Peer:
    """bpftrace in its own tree, with what tells both tools to allow thousands of probes."""

    def __init__(self, options):
        self.options = options
        self.environment = {**os.environ, "BPFTRACE_MAX_PROBES": "4096", "BPFTRACE_MAX_BPF_PROGS": "4096"}

    def start(self, tool, arguments, **files):
        root, program = ("/", self.options.awl) if tool == "awl" else (self.options.peer / "root", "bpftrace")
        command = [self.options.measure, "/dev/null", root, program, *arguments]
        return subprocess.Popen([str(a) for a in command], stdin=subprocess.DEVNULL, env=self.environment, **files)


def child_of(process):
    path = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while process.poll() is None:
        if children := path.read_text().split():
            return int(children[0])
        time.sleep(0.002)
    raise SystemExit("probes: the program ended before it was measured")


def stop(process, number):
    """Sends the signal to the measured program, waits for its end."""
    if process.poll() is None:
        os.kill(child_of(process), number)
    process.wait()


def list_once(peer, tool, arguments, folder):
    """-> (milliseconds, lines)"""
    begin = time.monotonic()
    with open(folder / "out", "wb") as out:
        process = peer.start(tool, arguments, stdout=out, stderr=subprocess.DEVNULL)
        try:
            process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            stop(process, signal.SIGKILL)
    milliseconds = 1000 * (time.monotonic() - begin)
    with open(folder / "out", "rb") as out:
        return milliseconds, sum(1 for line in out if not line.startswith(b"    "))


def attach_once(peer, tool, program, folder):
    """-> (milliseconds to attach, milliseconds to end, probes)"""
    begin = time.monotonic()
    with open(folder / "out", "wb") as out, open(folder / "err", "wb") as errors:
        process = peer.start(tool, ["-e", program], stdout=out, stderr=errors)
        while not (said := re.search(rb"Attached (\d+) probe", (folder / "err").read_bytes() + (folder / "out").read_bytes())):
            if process.poll() is not None or time.monotonic() - begin > LONGEST:
                stop(process, signal.SIGKILL)
                return float("nan"), float("nan"), 0
            time.sleep(0.002)
        attached = time.monotonic()
        stop(process, signal.SIGINT)
    return 1000 * (attached - begin), 1000 * (time.monotonic() - attached), int(said[1])


def pattern_of(wanted):
    """A pattern with about so many traceable functions of the kernel itself."""
    names = [line.strip() for line in open("/sys/kernel/tracing/available_filter_functions", encoding="utf-8") if " [" not in line and not line.startswith("__")]
    counts = {}
    for name in set(names):
        for size in (1, 2, 3):
            counts[name[:size]] = counts.get(name[:size], 0) + 1
    return min(sorted(counts), key=lambda prefix: abs(counts[prefix] - wanted)) + "*"


def alternate(runs, once):
    samples = {tool: [] for tool in TOOLS}
    for number in range(runs):
        for tool in TOOLS if number % 2 == 0 else reversed(TOOLS):
            samples[tool].append(once(tool))
    return {tool: [statistics.median(column) for column in zip(*rows)] for tool, rows in samples.items()}


def show(title, medians, column):
    cells = "".join(f"{medians[tool][column]:>12.0f} ms {medians[tool][-1]:>7.0f}" for tool in TOOLS)
    print(f"{title:<44}{cells}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["list", "attach"])
    parser.add_argument("--peer", type=pathlib.Path, required=True)
    parser.add_argument("--awl", type=pathlib.Path, default=ROOT / "build/release/awl")
    parser.add_argument("--measure", type=pathlib.Path, default=ROOT / "build/release/bench/measure")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    peer = Peer(options)
    print(f"{'median of ' + str(options.runs) + ' alternating runs':<44}{'awl':>15} {'number':>7}{'bpftrace':>15} {'number':>7}")
    with tempfile.TemporaryDirectory(prefix="awl-bench-") as name:
        folder = pathlib.Path(name)
        if options.what == "list":
            for flag in ("-l", "-lv"):
                show(flag, alternate(options.runs, lambda tool: list_once(peer, tool, [flag], folder)), 0)
                for kind in KINDS:
                    arguments = [flag, kind + ":*"]
                    show(" ".join(arguments), alternate(options.runs, lambda tool: list_once(peer, tool, arguments, folder)), 0)
            return
        for pattern in ("vfs_*", "tcp_*", pattern_of(2000)):
            # Told apart by function, and counted together.
            for body in ("@[probe] = count();", "@ = count();"):
                program = f"kprobe:{pattern} {{ {body} }}"
                medians = alternate(options.runs, lambda tool: attach_once(peer, tool, program, folder))
                show(program, medians, 0)
                show("    end", medians, 1)


if __name__ == "__main__":
    main()
