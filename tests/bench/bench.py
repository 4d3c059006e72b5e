#!/usr/bin/env python3
"""Measures awl beside bpftrace and hand-written C in the same run: a table on the screen, build/bench.json.

usage: bench.py --peer DIR [--build DIR] [--runs N] [--only startup|event|print|dump|symbols|packet|compile]      (`./dev bench`)

Runs alternate between the tools, so that what else the machine does hits all of them; the median of the runs is shown.
  startup  wall time and peak resident memory of a whole run
  event    per event: nanoseconds as the kernel counts them (kernel.bpf_stats_enabled), and instructions of the loaded program; chains of
           pointers in fentry and kprobe (kernel_types.py) where the kernel has kprobes: in a guest (tests/vm)
  compile  time to compile programs of growing size, nothing of them run
  packet   nanoseconds a packet by BPF_PROG_TEST_RUN, and packets a second through a veth pair, awl beside C (packets.py)
  print    a million events, each printed with three values to a file: lines a second, and the part that was lost
  symbols  10,000 different user stacks, each with its kernel stack, printed with their symbols: time from the interrupt to the end
  dump     a map of a million keys: time from the interrupt until all is printed and the process has ended
"""
import argparse
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import kernel_types
import packets

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
STATS = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")

STARTUP = {
    "hello world": ("begin { exit(); }", "hello"),
    "tracepoint and map": ("tracepoint:raw_syscalls:sys_enter { @[comm] = count(); exit(); }", "count"),
    "kernel types": ("begin { @[curtask.real_parent.comm] = count(); exit(); }", "types"),
}
EVENT = {
    "@[comm] = count()": ("tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }", "count"),
    "@ = hist(args.id)": ("tracepoint:raw_syscalls:sys_enter { @ = hist(args.id); }", "hist"),
    "@[pid, comm] = sum(args.id)": ("tracepoint:raw_syscalls:sys_enter { @[pid, comm] = sum(args.id); }", "sum"),
    "a chain of four pointers": ("tracepoint:raw_syscalls:sys_enter { @ = sum(curtask.group_leader.real_parent.group_leader.real_parent.tgid); }", "chain"),
    "@ = count()": ("tracepoint:raw_syscalls:sys_enter { @ = count(); }", "total"),
    "@ = sum(args.id)": ("tracepoint:raw_syscalls:sys_enter { @ = sum(args.id); }", "stats"),
    "@ = avg(args.id)": ("tracepoint:raw_syscalls:sys_enter { @ = avg(args.id); }", "stats"),
    "@ = stats(args.id)": ("tracepoint:raw_syscalls:sys_enter { @ = stats(args.id); }", "stats"),
    "@ = max(args.id)": ("tracepoint:raw_syscalls:sys_enter { @ = max(args.id); }", "max"),
    "@ = min(args.id)": ("tracepoint:raw_syscalls:sys_enter { @ = min(args.id); }", "max"),
    "@ = lhist(args.id, 0, 500, 10)": ("tracepoint:raw_syscalls:sys_enter { @ = lhist(args.id, 0, 500, 10); }", "lhist"),
    **{
        f"@[pid] = {call}": (f"tracepoint:raw_syscalls:sys_enter {{ @[pid] = {call}; }}", c_name)
        for call, c_name in {
            "count()": "count_by",
            "sum(args.id)": "stats_by",
            "avg(args.id)": "stats_by",
            "stats(args.id)": "stats_by",
            "min(args.id)": "max_by",
            "max(args.id)": "max_by",
            "hist(args.id)": "hist_by",
            "lhist(args.id, 0, 500, 10)": "lhist_by",
        }.items()
    },
}
COMPILE_SIZES = (125, 250, 500, 1000)
COMPILE = {
    "printf statements": lambda n: "begin { " + " ".join(f'printf("%d %s %d\\n", {i}, comm, pid);' for i in range(n)) + " }",
    "keys set in a map": lambda n: "begin { " + " ".join(f'@a[{i}, "key{i}"] = {i * 3};' for i in range(n)) + " }",
    "branches": lambda n: "tracepoint:raw_syscalls:sys_enter { " + " ".join(f"if (args.id == {i}) {{ @c{i % 5} = count(); }}" for i in range(n)) + " }",
    "probes": lambda n: " ".join(f"interval:ms:{i + 1} {{ @[{i}] = count(); }}" for i in range(n)),
}
# A map of a million keys, printed at the end.
DUMP_KEYS = 1_000_000
DUMP = ("config = { max_map_keys = 1100000 } tracepoint:syscalls:sys_enter_getppid /comm == \"sysloop\"/ { @i++; @m[@i] = @i; }", None)
# Stacks of a living process, as many as there are different ones, in a map that is printed at the end.
STACKS = 10_000
SYMBOLS = ('config = { max_map_keys = 20000 } tracepoint:syscalls:sys_enter_getppid /comm == "stacks"/ { @[ustack, kstack] = count(); }', None)
PRINT = ('tracepoint:syscalls:sys_enter_getppid { printf("%d %s %d\\n", pid, comm, cpu); }', "print")
PRINT_EVENTS = 1_000_000


class Tools:
    """Command lines of the three tools. All are started by `measure`, which enters the peer's tree before its clock starts."""

    def __init__(self, build, peer):
        self.build, self.peer = build, peer
        self.names = [n for n, there in {"awl": build / "awl", "bpftrace": peer / "root/usr/bin/bpftrace", "C": build / "bench/load"}.items() if there.exists()]

    def command(self, tool, program, c_name, once):
        if c_name == "compile":  # programs in C have no such step at run time
            root, binary = ("/", self.build / "awl") if tool == "awl" else (self.peer / "root", "bpftrace")
            return root, [binary, "--mode", "codegen", "-e", program]
        if tool == "awl":
            return "/", [self.build / "awl", "-e", program]
        if tool == "bpftrace":
            return self.peer / "root", ["bpftrace", "-e", program]
        return "/", [self.build / "bench/load", self.build / f"bench/{c_name}.bpf.o", *(["--once"] if once else [])]

    def start(self, tool, program, c_name, once, result, **files):
        root, command = self.command(tool, program, c_name, once)
        return subprocess.Popen([str(a) for a in [self.build / "bench/measure", result, root, *command]], stdin=subprocess.DEVNULL, **files)


def run_once(tools, tool, program, c_name, folder):
    """-> (milliseconds, MiB) of a whole run"""
    with open(folder / "err", "wb") as errors:
        tools.start(tool, program, c_name, True, folder / "result", stdout=subprocess.DEVNULL, stderr=errors).wait()
    micros, kib, status = map(int, (folder / "result").read_text().split())
    if status != 0:
        raise SystemExit(f"bench: {tool} failed with status {status}: {program[:200]}\n{(folder / 'err').read_text()}")
    return micros / 1000, kib / 1024


def child_of(process):
    """The measured program below `measure`."""
    path = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not path.read_text().split():
        time.sleep(0.005)
    return int(path.read_text().split()[0])


class Attached:
    """A tool that runs until it is interrupted; inside the block its probes are attached."""

    def __init__(self, tools, tool, program, c_name, folder):
        self.arguments, self.folder = (tools, tool, program, c_name, False), folder

    def __enter__(self):
        self.out, self.err = open(self.folder / "out", "wb"), open(self.folder / "err", "wb")
        tools, *rest = self.arguments
        self.process = tools.start(*rest, self.folder / "result", stdout=self.out, stderr=self.err)
        end = time.monotonic() + 60  # in a guest the peer needs half of it
        while not re.search(rb"Attached \d+ probe", (self.folder / "err").read_bytes()):
            if time.monotonic() > end or self.process.poll() is not None:
                raise SystemExit(f"bench: {rest[0]} did not attach: {(self.folder / 'err').read_text()}")
            time.sleep(0.01)
        self.pid = child_of(self.process)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.kill(self.pid, signal.SIGINT)
        self.process.wait()
        self.out.close()
        self.err.close()


def programs_of(pid):
    """Ids of the BPF programs that a process holds."""
    ids = set()
    for entry in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            if found := re.search(r"^prog_id:\s*(\d+)", entry.read_text(), re.MULTILINE):
                ids.add(int(found[1]))
        except OSError:
            pass
    return ids


def program_figures(number):
    shown = subprocess.run(["bpftool", "-j", "prog", "show", "id", str(number)], capture_output=True, check=True).stdout
    return json.loads(shown)


def event_cost(tools, tool, program, c_name, folder, calls, load=None):
    """-> (nanoseconds an event, instructions) of the tool's program that runs most while `load` (system calls) makes that many events"""
    load = load or (lambda count: subprocess.run([tools.build / "workload/sysloop", "--calls", str(count)], check=True))
    with Attached(tools, tool, program, c_name, folder) as attached:
        load(calls // 10)  # warms maps and caches
        ids = programs_of(attached.pid)
        before = {n: program_figures(n) for n in ids}
        load(calls)
        after = {n: program_figures(n) for n in ids}
    busiest = max(ids, key=lambda n: after[n].get("run_cnt", 0))
    events = after[busiest].get("run_cnt", 0) - before[busiest].get("run_cnt", 0)
    nanoseconds = after[busiest].get("run_time_ns", 0) - before[busiest].get("run_time_ns", 0)
    return nanoseconds / max(events, 1), after[busiest]["bytes_xlated"] // 8


def print_speed(tools, tool, folder):
    """-> (lines a second, lost %)"""
    program, c_name = PRINT
    with Attached(tools, tool, program, c_name, folder):
        start = time.monotonic()
        subprocess.run([tools.build / "workload/sysloop", "--calls", str(PRINT_EVENTS)], check=True)
    seconds = time.monotonic() - start
    with open(folder / "out", "rb") as out:
        lines = sum(1 for line in out if b" sysloop " in line)
    return lines / seconds, 100 * (1 - lines / PRINT_EVENTS)


def symbols_speed(tools, tool, folder):
    """-> (milliseconds from the interrupt to the end, stacks printed, thousand frames printed by name)"""
    program, c_name = SYMBOLS
    with Attached(tools, tool, program, c_name, folder):
        workload = subprocess.Popen([tools.build / "workload/stacks", str(STACKS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        workload.stdout.readline()
        time.sleep(0.5)
        start = time.monotonic()
    milliseconds = (time.monotonic() - start) * 1000
    workload.communicate()
    with open(folder / "out", "rb") as out:
        lines = out.readlines()
    return milliseconds, sum(1 for line in lines if b"]: " in line), sum(1 for line in lines if b"+" in line) / 1000


def dump_speed(tools, tool, folder):
    """-> (milliseconds from the interrupt to the end, keys printed)"""
    program, c_name = DUMP
    with Attached(tools, tool, program, c_name, folder):
        subprocess.run([tools.build / "workload/sysloop", "--calls", str(DUMP_KEYS)], check=True)
        time.sleep(0.5)
        start = time.monotonic()
    milliseconds = (time.monotonic() - start) * 1000
    with open(folder / "out", "rb") as out:
        return milliseconds, sum(1 for line in out if line.startswith(b"@m["))


def alternate(tools, runs, measure, names=None):
    """measure(tool) -> tuple; -> {tool: medians}"""
    names = names or tools.names
    samples = {tool: [] for tool in names}
    for number in range(runs):
        for tool in names if number % 2 == 0 else reversed(names):
            samples[tool].append(measure(tool))
    return {tool: tuple(statistics.median(column) for column in zip(*rows)) for tool, rows in samples.items()}


def compile_times(tools, program, runs, folder):
    """As alternate(), in milliseconds; without a tool that cannot compile the program (bpftrace ends beyond some thousand instructions)."""
    names = [tool for tool in tools.names if tool != "C"]
    for tool in list(names):
        try:
            run_once(tools, tool, program, "compile", folder)
        except SystemExit:
            names.remove(tool)
    return alternate(tools, runs, lambda tool: run_once(tools, tool, program, "compile", folder)[:1], names)


def row(title, units, medians, formats, results):
    results.append({"measurement": title, "units": units, **{tool: list(values) for tool, values in medians.items()}})
    for column, (unit, form) in enumerate(zip(units, formats)):
        cells = "".join(f"{form.format(medians[tool][column]):>14}" if tool in medians else f"{'-':>14}" for tool in ("awl", "bpftrace", "C"))
        print(f"{title if column == 0 else '':<30}{unit:<18}{cells}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--peer", type=pathlib.Path, required=True)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--only", choices=["startup", "event", "print", "dump", "symbols", "packet", "compile"])
    parser.add_argument("--calls", type=int, default=500_000)
    options = parser.parse_args()
    os.environ["BPFTRACE_MAX_PROBES"] = "2000"  # for the programs of the compile table
    tools, results = Tools(options.build.resolve(), options.peer.resolve()), []
    print(f"{'median of ' + str(options.runs) + ' alternating runs':<48}{'awl':>14}{'bpftrace':>14}{'C, libbpf':>14}")
    with tempfile.TemporaryDirectory(prefix="awl-bench-") as name:
        folder = pathlib.Path(name)
        if options.only in (None, "startup"):
            for title, (program, c_name) in STARTUP.items():
                medians = alternate(tools, options.runs, lambda tool: run_once(tools, tool, program, c_name, folder))
                row(title, ["wall ms", "peak MiB"], medians, ["{:.1f}", "{:.1f}"], results)
            medians = alternate(tools, options.runs, lambda tool: run_once(tools, tool, kernel_types.HEADER, "", folder), ["awl"])
            row("#include <linux/fs.h>", ["wall ms", "peak MiB"], medians, ["{:.1f}", "{:.1f}"], results)
        if options.only in (None, "event"):
            enabled = STATS.read_text()
            STATS.write_text("1\n")
            try:
                for title, (program, c_name) in EVENT.items():
                    medians = alternate(tools, options.runs, lambda tool: event_cost(tools, tool, program, c_name, folder, options.calls))
                    row(title, ["ns an event", "instructions"], medians, ["{:.1f}", "{:.0f}"], results)
                for title, (program, c_name) in kernel_types.chains().items():
                    measure = lambda tool: event_cost(tools, tool, program, c_name, folder, options.calls, kernel_types.write_bytes)
                    row(title, ["ns an event", "instructions"], alternate(tools, options.runs, measure), ["{:.1f}", "{:.0f}"], results)
            finally:
                STATS.write_text(enabled)
        if options.only in (None, "compile"):
            for title, make in COMPILE.items():
                for size in COMPILE_SIZES:
                    medians = compile_times(tools, make(size), max(1, options.runs // 2), folder)
                    row(f"{size} {title}", ["compile ms"], medians, ["{:.0f}"], results)
        if options.only in (None, "print"):
            medians = alternate(tools, max(1, options.runs // 2), lambda tool: print_speed(tools, tool, folder))
            row("printf of three values", ["lines a second", "lost %"], medians, ["{:.0f}", "{:.1f}"], results)
        if options.only in (None, "symbols"):
            medians = alternate(tools, max(1, options.runs // 2), lambda tool: symbols_speed(tools, tool, folder), [name for name in tools.names if name != "C"])
            row("10,000 stacks with symbols", ["ms to print", "stacks", "thousand frames"], medians, ["{:.0f}", "{:.0f}", "{:.0f}"], results)
        if options.only in (None, "packet"):
            both = Tools(options.build.resolve(), options.peer.resolve())
            both.names = [n for n in tools.names if n != "bpftrace"]
            for title in packets.PROGRAMS:
                medians = alternate(both, options.runs, lambda tool: packets.packet_cost(both, tool, title, folder))
                row(title, ["ns a packet"], medians, ["{:.0f}"], results)
            for title in packets.RATES:
                medians = alternate(both, options.runs, lambda tool: packets.packet_rate(both, tool, title, folder))
                row(f"veth pair: {title}", ["million a second"], medians, ["{:.3f}"], results)
        if options.only in (None, "dump"):
            both = Tools(options.build.resolve(), options.peer.resolve())
            both.names = [name for name in both.names if name != "C"]
            medians = alternate(both, max(1, options.runs // 2), lambda tool: dump_speed(both, tool, folder))
            row("a map of a million keys", ["ms to print", "keys"], medians, ["{:.0f}", "{:.0f}"], results)
    out = ROOT / "build/bench.json"
    out.write_text(json.dumps({"runs": options.runs, "kernel": os.uname().release, "results": results}, indent=1) + "\n")
    print(f"written to {out.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
