#!/usr/bin/env python3
"""All of awl's tests: ctest (unit, golden, rules of the design), then tests/kernel natively and in a guest of each kernel.

usage: run.py --kernels DIR [--filter TEXT]      called by `./dev test`; DIR is filled by tests/vm/kernels.sh

TEXT narrows to what has it in its name: unit_NAME, arch, ..., or MACHINE/FILE/NAME of a kernel case, e.g. `native/`, `6.1/probes`.
A guest is booted once and runs all cases; when it dies, it is booted again and goes on with what is left. A guest keeps one core busy: as many run at
once as there are cores.
The last line is `N passed, N failed, N skipped`, over all suites; the exit status is 1 if anything failed.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/kernel"))
import cases as case_files
import runner

GUESTS = ["5.10", "6.1", "6.12", "latest"]
GUEST_SLOWNESS = 8
BOOTS = 6  # of one guest, at most
STALL = 300  # seconds without a result after which a guest is taken for dead: the slowest case takes a quarter of it
VM_DIED = (124, 125)  # vm.sh's exit status when the guest ended before the command did, or did not come up


class Totals(collections.Counter):
    def line(self):
        return f"{self['pass']} passed, {self['fail']} failed, {self['skip']} skipped"


def run_ctest(build, results, name_filter):
    """Unit, golden and rule tests. GoogleTest programs are counted by their tests, others as one each."""
    gtest = results / "gtest"
    shutil.rmtree(gtest, ignore_errors=True)
    gtest.mkdir(parents=True)
    listed = json.loads(subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], capture_output=True, check=True).stdout)["tests"]
    chosen = [t["name"] for t in listed if name_filter in t["name"]]
    totals = Totals()
    for name in chosen:
        done = subprocess.run(["ctest", "--test-dir", build, "-R", f"^{name}$", "--output-on-failure", "--timeout", "300"], capture_output=True, text=True,
                              env={**os.environ, "GTEST_OUTPUT": f"json:{gtest}/{name}.json"}, check=False)
        counted = Totals()
        try:
            report = json.loads((gtest / f"{name}.json").read_text())
            for test in (t for suite in report["testsuites"] for t in suite["testsuite"]):
                skipped = test.get("result") in ("SKIPPED", "SUPPRESSED") or test["status"] == "NOTRUN"
                counted["fail" if test.get("failures") else "skip" if skipped else "pass"] += 1
        except (OSError, ValueError):
            counted["pass" if done.returncode == 0 else "fail"] += 1
        if done.returncode != 0 and not counted["fail"]:
            counted["fail"] += 1  # it died after its tests
        if done.returncode != 0:
            print(done.stdout + done.stderr)
        print(f"{name}: {counted.line()}", flush=True)
        totals += counted
    return totals


def pending(all_cases, machine, results, name_filter):
    known = runner.read_results(results)
    chosen = [c for c in all_cases if name_filter in f"{machine}/{c.id}"]
    return [c for c in chosen if all(e["result"] == "started" for e in known.get(c.id, []))]


def runner_command(machine, results, name_filter, *more):
    return ["python3", str(ROOT / "tests/kernel/runner.py"), "--build", str(ROOT / "build/release"), "--machine", machine, "--results", str(results),
            "--filter", name_filter, *more]


def wait_while_it_goes_on(guest, results):
    """Until the guest ends, or stands still for too long and is ended. -> whether it ended by itself"""
    last, since = None, time.monotonic()
    while True:
        try:
            guest.wait(timeout=5)
            return True
        except subprocess.TimeoutExpired:
            size = results.stat().st_size if results.exists() else 0
            if size != last:
                last, since = size, time.monotonic()
            elif time.monotonic() - since > STALL:
                os.killpg(guest.pid, signal.SIGTERM)
                guest.wait()
                return False


def run_guest(machine, kernel, folder, all_cases, name_filter):
    """-> what it printed"""
    results, said = folder / f"{machine}.jsonl", []
    for boot in range(1, BOOTS + 1):
        if boot > 1:
            said.append(f"{machine}: the guest died; boot {boot}, {len(pending(all_cases, machine, results, name_filter))} cases are left\n")
        inside = runner_command(machine, f"/out/{results.name}", name_filter, "--slow", str(GUEST_SLOWNESS), "--alone")
        with tempfile.TemporaryFile() as output:
            guest = subprocess.Popen(["bash", str(ROOT / "tests/vm/vm.sh"), str(kernel), "/", shlex.join(inside)], stdin=subprocess.DEVNULL, stdout=output,
                                     stderr=subprocess.STDOUT, env={**os.environ, "VM_OUT": str(folder), "VM_TIMEOUT": "3000"}, start_new_session=True)
            stalled = not wait_while_it_goes_on(guest, results)
            output.seek(0)
            said.append(output.read().decode(errors="replace"))
        if not stalled and guest.returncode not in VM_DIED or not pending(all_cases, machine, results, name_filter):
            return "".join(said)
    return "".join(said) + f"{machine}: given up after {BOOTS} boots\n"


def count(machine, results, all_cases, name_filter, seconds):
    """Totals of one machine; a case without a result has failed. -> totals, ids of cases that ran"""
    known, totals, ran, reasons = runner.read_results(results), Totals(), set(), collections.Counter()
    for case in all_cases:
        if name_filter not in f"{machine}/{case.id}":
            continue
        ended = [e for e in known.get(case.id, []) if e["result"] != "started"]
        result = ended[-1]["result"] if ended else "fail"
        totals[result] += 1
        if not ended:
            print(f"FAIL {machine}/{case.id}: no result, the guest did not live that long")
        if result == "skip":
            reasons[ended[-1]["reason"]] += 1
        else:
            ran.add(case.id)
    why = "; ".join(f"{n}: {reason}" for reason, n in reasons.most_common())
    print(f"kernel {machine}: {totals.line()}{f' ({why})' if why else ''}, {seconds:.0f} s", flush=True)
    return totals, ran


def run_kernel(kernels, folder, name_filter):
    all_cases = case_files.load(ROOT / "tests/kernel/cases")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    runner.build_objects(all_cases, ROOT / "build/release")
    totals, ran = Totals(), set()

    def run(machine):
        results, start = folder / f"{machine}.jsonl", time.monotonic()
        if not pending(all_cases, machine, results, name_filter):
            return Totals(), set()
        if machine == "native":
            subprocess.run(runner_command(machine, results, name_filter), check=False)
        else:
            said = run_guest(machine, kernels / machine, folder, all_cases, name_filter)
            print(said, end="", flush=True)
        return count(machine, results, all_cases, name_filter, time.monotonic() - start)

    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as guests:
        for counted, ran_here in [run("native"), *guests.map(run, GUESTS)]:
            totals += counted
            ran |= ran_here
    if not name_filter:
        for case in all_cases:
            if case.id not in ran:
                print(f"FAIL {case.id}: ran on no machine; its needs: {' '.join(case.needs())}")
                totals["fail"] += 1
    return totals


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kernels", type=pathlib.Path, required=True)
    parser.add_argument("--filter", default="")
    options = parser.parse_args()
    results = ROOT / "build/results"
    totals = run_ctest(ROOT / "build/dev", results, options.filter) + run_kernel(options.kernels, results / "kernel", options.filter)
    print(Totals(totals).line())
    if not sum(totals.values()):
        print(f"no test has '{options.filter}' in its name", file=sys.stderr)
    return 1 if totals["fail"] or not sum(totals.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
