#!/usr/bin/env python3
"""Runs the cases of tests/kernel on this machine (see cases.py for what a case is).

usage: runner.py --build DIR --machine NAME [--results FILE] [--filter TEXT] [--slow FACTOR] [--alone]

Each result is one line of JSON in FILE: {"case", "machine", "result": started|pass|fail|skip, "reason", "seconds"}. Cases that have a
result there are not run again, so a run that was cut off goes on where it was. A case that fails is run once more at the end, when nothing of the others
is under way any more; its last result counts, and that it took two tries is said. --alone: nobody else uses BPF on this
machine, so programs left behind by a case are seen. --filter: cases with TEXT in MACHINE/FILE/NAME.
"""
import argparse
import ctypes
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import cases
import features

HERE = pathlib.Path(__file__).resolve().parent
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|UndefinedBehaviorSanitizer|Assertion .* failed|terminate called")
ATTACHED = re.compile(r"Attached \d+ probe|\"attached_probes\"")


def program_ids():
    """Ids of all BPF programs that the kernel holds (bpf(BPF_PROG_GET_NEXT_ID))."""
    libc = ctypes.CDLL(None, use_errno=True)
    attr = (ctypes.c_uint32 * 32)()
    ids = set()
    while libc.syscall(321, 11, ctypes.byref(attr), ctypes.sizeof(attr)) == 0:
        ids.add(attr[1])
        attr[0], attr[1] = attr[1], 0
    return ids


class Failure(Exception):
    pass


class Run:
    """One case, run in a folder of its own."""

    def __init__(self, case, options, folder):
        self.case, self.options, self.folder = case, options, pathlib.Path(folder)
        self.deadline = time.monotonic() + float(case.text("TIMEOUT", "10")) * options.slow
        self.before = None
        self.values = {"WORKLOAD": str(options.workload), "TOOLS": str(HERE.parent.parent / "tools"), "DIR": str(folder), "NCPU": str(os.sysconf("SC_NPROCESSORS_ONLN"))}

    def fill(self, text):
        return re.sub(r"%([A-Z]+)%", lambda m: self.values.get(m[1], m[0]), text)

    def text(self, key, default=""):
        return self.fill(self.case.text(key, default))

    def read(self, name):
        return (self.folder / name).read_text(errors="replace") if (self.folder / name).exists() else ""

    def environment(self):
        o = self.options
        more = {"AWL": str(o.awl), "AWL_RUN": str(o.awl_run), "WORKLOAD": str(o.workload), "OBJECT_DIR": str(o.objects), "DIR": str(self.folder)}
        return {**os.environ, **more, "PATH": f"{o.workload}:/usr/sbin:/sbin:{os.environ.get('PATH', '/usr/bin:/bin')}"}

    def command(self):
        args, params = shlex.split(self.text("ARGS")), shlex.split(self.text("PARAMS"))
        if self.case.has("SCRIPT"):
            return ["bash", "-eu", "-o", "pipefail", "-c", self.text("SCRIPT")]
        if self.case.text("OBJECT"):
            path = self.options.objects / self.case.object_name
            if not path.exists():
                log = self.options.objects / (self.case.object_name + ".log")
                raise Failure("the object was not built: " + (log.read_text() if log.exists() else "run.py has not been there"))
            return [self.options.awl_run, *args, str(path), *params]
        return [self.options.awl, *args, "-e", self.text("PROG"), *params]

    def start(self, command, stdout, stderr, stdin=subprocess.DEVNULL):
        with open(self.folder / stdout, "wb") as out, open(self.folder / stderr, "wb") as err:
            return subprocess.Popen([str(c) for c in command], cwd=self.folder, env=self.environment(), stdin=stdin, stdout=out, stderr=err,
                                    start_new_session=True)

    def wait(self, process, what, until=None):
        """Waits for the end of `process`, or until `until` says so. Past the deadline: a failure."""
        while process.poll() is None and not (until and until()):
            if time.monotonic() > self.deadline:
                raise Failure(f"timeout: {what}")
            time.sleep(0.005)

    def attached(self):
        return ATTACHED.search(self.read(".err")) or ATTACHED.search(self.read(".out"))

    def run(self):
        if self.case.has("FILE"):
            name, *lines = self.case.lines("FILE")
            (self.folder / name).write_text(self.fill("\n".join(lines) + "\n"))
        processes = []
        try:
            if self.case.has("BEFORE"):
                self.before = self.start(shlex.split(self.text("BEFORE")), ".before.out", ".before.err")
                processes.append(self.before)
                self.values["PID"] = str(self.before.pid)
                time.sleep(0.05)  # until it has replaced the runner's own image
            stdin = subprocess.DEVNULL
            if self.case.has("STDIN"):
                (self.folder / ".in").write_text(self.text("STDIN") + "\n")
                stdin = open(self.folder / ".in", "rb")
            awl = self.start(self.command(), ".out", ".err", stdin)
            processes.append(awl)
            if self.case.has("WITH") or self.case.has("STOP"):
                self.wait(awl, "probes were not attached", self.attached)
            if self.case.has("WITH") and awl.poll() is None:
                beside = self.start(shlex.split(self.text("WITH")), ".with.out", ".with.err")
                processes.append(beside)
                self.wait(beside, "what runs beside did not end")
                if beside.returncode != 0:
                    raise Failure(f"what runs beside ended with status {beside.returncode}: {self.read('.with.err')}")
                self.interrupt(awl, 0.02)
            if self.case.has("STOP"):
                self.interrupt(awl, float(self.case.text("STOP")))
            self.wait(awl, "awl did not end")
            self.judge(awl.returncode)
        finally:
            for process in processes:
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                process.wait()

    def interrupt(self, awl, after):
        end = time.monotonic() + after
        self.wait(awl, "awl did not end", lambda: time.monotonic() >= end)
        if awl.poll() is None:
            awl.send_signal(signal.SIGINT)

    def judge(self, status):
        case, output, errors = self.case, self.read(".out"), self.read(".err")
        wrong = []
        if found := SANITIZER.search(errors):
            wrong.append(f"a defect shows in its errors: {found[0]}")
        if status != int(case.text("EXIT", "0")):
            wrong.append(f"exit status {status}, expected {case.text('EXIT', '0')}")
        if case.has("EXPECT") and output.strip("\n") != self.text("EXPECT").strip("\n"):
            wrong.append("the output differs; expected:\n" + indent(self.text("EXPECT")))
        rest = output.splitlines()
        for line in map(self.fill, case.lines("EXPECT_LINES")):
            if line not in rest:
                wrong.append(f"a line is not in the output{', or not behind the one before' if line in output.splitlines() else ''}: {line}")
                break
            rest = rest[rest.index(line) + 1:]
        for expression in map(self.fill, case.lines("EXPECT_REGEX")):
            if not re.search(expression, output, re.MULTILINE):
                wrong.append(f"not found in the output: {expression}")
        for expression in map(self.fill, case.lines("EXPECT_NOT")):
            if found := re.search(expression, output + errors, re.MULTILINE):
                wrong.append(f"found, and should not be: {found[0]}")
        for line in map(self.fill, case.lines("EXPECT_SUM")):
            wrong += check_sum(line, output)
        for line in map(self.fill, case.lines("EXPECT_ERROR")):
            if line not in errors:
                wrong.append(f"not in standard error: {line}")
        if wrong:
            raise Failure("\n".join(wrong) + f"\nstdout:\n{indent(output)}\nstderr:\n{indent(errors)}")


def check_sum(line, output):
    name, number = line.split()
    values = [int(v) for v in re.findall(rf"^{re.escape(name)}(?:\[.*\])?: (-?\d+)$", output, re.MULTILINE)]
    limit = int(number.lstrip(">"))
    good = sum(values) > limit if number.startswith(">") else sum(values) == limit
    return [] if good else [f"{name} adds up to {sum(values)}, expected {number}"]


def indent(text):
    lines = text.splitlines()
    if len(lines) > 60:
        lines = lines[:40] + [f"... {len(lines) - 50} lines ..."] + lines[-10:]
    return "\n".join("    " + line for line in lines)


def leftovers(before):
    """Programs that are there now and were not before; the kernel frees detached ones a little later."""
    for _ in range(100):
        left = program_ids() - before
        if not left:
            return
        time.sleep(0.05)
    raise Failure(f"left behind in the kernel: BPF programs {sorted(left)}")


def run_case(case, options):
    """-> (result, reason)"""
    reasons = [features.missing(name) for name in case.needs()]
    if reasons := [r for r in reasons if r]:
        return "skip", "; ".join(reasons)
    folder = tempfile.mkdtemp(prefix="awl-case-")
    os.chmod(folder, 0o755)  # some cases run awl without privilege
    before = program_ids() if options.alone else None
    try:
        Run(case, options, folder).run()
        if options.alone:
            leftovers(before)
        return "pass", ""
    except Failure as failure:
        return "fail", str(failure)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def build_objects(all_cases, build):
    """Compiles, on this machine, the scripts of the cases that run from an object, into BUILD/objects."""
    objects = build / "objects"
    shutil.rmtree(objects, ignore_errors=True)
    objects.mkdir()
    for case in all_cases:
        if case.text("OBJECT"):
            script = objects / (case.object_name[:-2] + ".bt")
            script.write_text(case.text("PROG").replace("%WORKLOAD%", str(build / "workload")) + "\n")
            done = subprocess.run([build / "awl", "build", script, "-o", objects / case.object_name], capture_output=True, text=True, check=False)
            (objects / (case.object_name + ".log")).write_text(f"{done.stdout}{done.stderr}exit status {done.returncode}\n")


def read_results(path):
    results = {}
    if path and path.exists():
        for line in path.read_text(errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:  # cut off by a dying guest
                continue
            results.setdefault(entry["case"], []).append(entry)
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--machine", required=True)
    parser.add_argument("--results", type=pathlib.Path)
    parser.add_argument("--filter", default="")
    parser.add_argument("--slow", type=float, default=1)
    parser.add_argument("--alone", action="store_true")
    options = parser.parse_args()
    options.build = options.build.absolute()
    options.awl, options.awl_run, options.workload = options.build / "awl", options.build / "awl-run", options.build / "workload"
    options.objects = options.build / "objects"
    features.WORKLOAD = options.workload
    features.mount_tracefs()
    all_cases = [c for c in cases.load(HERE / "cases") if options.filter in f"{options.machine}/{c.id}"]
    known = read_results(options.results)
    out = open(options.results, "a", encoding="utf-8") if options.results else None

    def record(case, result, reason="", seconds=0.0):
        if out:
            out.write(json.dumps({"case": case.id, "machine": options.machine, "result": result, "reason": reason, "seconds": round(seconds, 2)}) + "\n")
            out.flush()
            os.fsync(out.fileno())

    def run(case):
        record(case, "started")
        start = time.monotonic()
        result, reason = run_case(case, options)
        record(case, result, reason, time.monotonic() - start)
        if result == "fail" or not out:
            print(f"{result.upper()} {options.machine}/{case.id} ({time.monotonic() - start:.2f} s){': ' + reason if reason else ''}", flush=True)
        return result

    failed = []
    for case in all_cases:
        entries = known.get(case.id, [])
        if any(e["result"] != "started" for e in entries):
            continue
        if len(entries) >= 2:
            record(case, "fail", "the machine died twice while this case ran")
            continue
        if run(case) == "fail":
            failed.append(case)
    still = [case for case in failed if run(case) == "fail"]
    for case in failed:
        if case not in still:
            print(f"AGAIN {options.machine}/{case.id}: passed at the second try", flush=True)
    return 1 if still else 0


if __name__ == "__main__":
    sys.exit(main())
