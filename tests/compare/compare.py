#!/usr/bin/env python3
"""Runs the programs of tests/compare/*.compare with awl and with bpftrace and compares what they print, byte for byte, in text and in JSON.

usage: compare.py --peer DIR [--build DIR] [--filter TEXT]      (`./dev compare`; as root)

A file holds cases, separated by blank lines; `#` starts a comment line. A case is a program and lines that belong to it:
  PROG TEXT        the program; lines that start with a blank continue it
  ARGS WORDS       parameters of the script
  OPTIONS WORDS    options for both
  ERRORS           standard error is compared too: errors and warnings, without their places and the notes that belong to them
  MASK REGEX       what matches is taken out of both outputs (times, addresses)
  SORT             lines are compared in any order (bpftrace prints them in the order of a hash table)
  ONLY text|json   in one format only
  DIFFERS REASON   another output is wanted, and why: then it is an error if there is none
The exit statuses are compared too. Prints every unwanted difference and the number of cases; status 1 if there are some.
"""
import argparse
import difflib
import pathlib
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FORMATS = ("text", "json")
# What bpftrace says of the machine rather than of the program.
MACHINE = re.compile(r"available_filter_functions|RLIMIT_MEMLOCK|Attached \d+ probe")
MESSAGE = re.compile(r"^(?:\S+?:\d+(?::\d+)?(?:-\d+)?: )?((?:ERROR|WARNING): .*)")
NOTES = re.compile(r"ERROR: (expanded from|first used here|'.*' comes from here|argument '.*')$")


@dataclass
class Case:
    place: str
    program: str = ""
    arguments: list = field(default_factory=list)
    options: list = field(default_factory=list)
    masks: list = field(default_factory=list)
    formats: tuple = FORMATS
    errors: bool = False
    sort: bool = False
    differs: str = ""


def load(path):
    """The cases of a file, in its order."""
    cases, case = [], None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("#"):
            continue
        if not line.strip():
            case = None
            continue
        if line[0].isspace():
            case.program += "\n" + line
            continue
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        if word == "PROG":
            case = Case(f"{path.name}:{number}", rest)
            cases.append(case)
        elif word == "ARGS":
            case.arguments = shlex.split(rest)
        elif word == "OPTIONS":
            case.options = shlex.split(rest)
        elif word == "MASK":
            case.masks.append(re.compile(rest, re.MULTILINE))
        elif word == "ONLY":
            case.formats = (rest,)
        elif word == "ERRORS":
            case.errors = True
        elif word == "SORT":
            case.sort = True
        elif word == "DIFFERS":
            case.differs = rest
        else:
            raise SystemExit(f"{path.name}:{number}: unknown word {word}")
    return cases


def run(tool, case, form):
    """-> what is compared: the status, the output and the messages asked for"""
    command = [str(tool), "-f", form, *case.options, "-e", case.program, *case.arguments]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return "did not end", ""
    out = done.stdout.decode(errors="backslashreplace")
    if case.errors:
        heads = map(MESSAGE.match, done.stderr.decode(errors="backslashreplace").splitlines())
        messages = [head[1] for head in heads if head and not MACHINE.search(head[1]) and not NOTES.match(head[1])]
        out += "".join(f"stderr: {message}\n" for message in sorted(messages))
    for mask in case.masks:
        out = mask.sub("MASKED", out)
    if case.sort:
        out = "\n".join(sorted(out.split("\n")))
    return f"status {done.returncode}", out


def compare(tools, case, form):
    """-> the difference between the two tools, "" if there is none"""
    (status, out), (their_status, their_out) = (run(tool, case, form) for tool in tools)
    if status != their_status:
        return f"{their_status} from bpftrace, {status} from awl\n{their_out}---\n{out}"
    lines = difflib.unified_diff(their_out.splitlines(), out.splitlines(), "bpftrace", "awl", lineterm="", n=1)
    return "\n".join(lines) or ("the last newline\n" if out != their_out else "")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--peer", type=pathlib.Path, required=True)
    parser.add_argument("--filter", default="", help="only cases with this in their place or program")
    options = parser.parse_args()
    tools = (options.build.resolve() / "awl", options.peer.resolve() / "bpftrace")
    cases = [case for path in sorted(pathlib.Path(__file__).parent.glob("*.compare")) for case in load(path)]
    compared = wanted = wrong = 0
    for case in cases:
        if options.filter not in f"{case.place} {case.program}":
            continue
        differences = {form: compare(tools, case, form) for form in case.formats}
        compared += len(differences)
        if case.differs and any(differences.values()):
            wanted += 1
            continue
        if case.differs:
            differences = {"any format": "there is no difference any more: " + case.differs}
        for form, text in differences.items():
            if text:
                wrong += 1
                print(f"{case.place} in {form}: {case.program}\n{text}\n", flush=True)
    print(f"{compared} outputs compared, {wanted} programs with wanted differences, {wrong} unwanted differences")
    return 1 if wrong or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
