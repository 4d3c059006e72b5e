#!/usr/bin/env python3
"""The rules of the design as checks (see CONTRIBUTING.md, "The rooms").

usage: arch.py [--build DIR]     DIR: a build folder, for what is checked in the programs. Prints each breach as FILE:LINE: reason.
"""
import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD_SIDE = {"lexer", "parser", "types", "builtins", "semantic", "codegen"}
LINES_AT_MOST = 700
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def tracked(*patterns):
    listed = subprocess.run(["git", "-c", "safe.directory=*", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns], capture_output=True,
                            text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def source_files():
    return tracked("src/*.cpp", "src/*.h", "src/*.l", "src/*.y", "src/*.def")


def rooms():
    """-> {room: (folder below src, rooms it may use, itself and what those use included)}, from CMakeLists.txt."""
    declared = {}
    for name, rest in re.findall(r"^awl_room\((\w+) (.*)\)$", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE):
        folder = re.search(r"FOLDER (\S+)", rest)
        uses = re.search(r"USES ([^A-Z]*)", rest)[1].split()
        declared[name] = (folder[1] if folder else name, [u.removeprefix("awl_") for u in uses])

    def closure(name):
        found = {name}
        for used in declared[name][1]:
            if used in declared:
                found |= closure(used)
        return found

    return {name: (folder, closure(name)) for name, (folder, _) in declared.items()}


def room_of(path, all_rooms):
    """The room of a path below src/: the one with the longest folder that holds it."""
    holding = [name for name, (folder, _) in all_rooms.items() if path.startswith(folder + "/")]
    return max(holding, key=lambda name: len(all_rooms[name][0]), default=None)


def check_includes():
    all_rooms = rooms()
    for path in source_files():
        inside = str(path.relative_to(ROOT / "src"))
        room = room_of(inside, all_rooms)
        if room is None:
            yield path, 1, "is in no room of CMakeLists.txt"
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            if re.match(r"clang-c/", match[2]) and room == "types":
                continue  # the C parser's declarations: loaded at run time, never linked
            if re.match(r"(llvm|llvm-c|clang-c|clang)/", match[2]) and room != "codegen":
                yield path, number, "LLVM headers stay in src/codegen"
            other = room_of(match[2], all_rooms)
            if match[1] == '"' and other and other not in all_rooms[room][1]:
                yield path, number, f"room {room} may not use room {other} (CMakeLists.txt says what it uses)"


def check_run_side():
    for name in ("base", "artifact", "probes", "runtime", "driver_run"):
        if crossing := rooms()[name][1] & BUILD_SIDE:
            yield ROOT / "CMakeLists.txt", 1, f"room {name} belongs to the run side and uses {', '.join(sorted(crossing))} of the build side"


def check_awl_run(build):
    """awl-run holds no LLVM symbol and needs no LLVM library."""
    source = ROOT / "src/driver/run/awl-run.main.cpp"
    program = build / "awl-run" if build else None
    if not build or not source.exists():
        return
    if not program.exists():
        yield program, 1, "awl-run was not built"
        return
    symbols = subprocess.run(["nm", "-C", "--defined-only", program], capture_output=True, text=True, check=False).stdout
    if not symbols.strip() and build.name != "release":
        yield program, 1, "has no symbols: nothing to look at"
    if found := re.search(r"^.*\b(llvm::|clang::|LLVM[A-Z]).*$", symbols, re.MULTILINE):
        yield program, 1, f"awl-run holds a symbol of LLVM: {found[0]}"
    needed = subprocess.run(["readelf", "-dW", program], capture_output=True, text=True, check=True).stdout
    if found := re.search(r"NEEDED.*\[(lib(LLVM|clang)[^\]]*)\]", needed):
        yield program, 1, f"awl-run needs {found[1]}"


def check_length():
    for path in tracked("*.cpp", "*.h", "*.c", "*.l", "*.y", "*.def", "*.py", "*.sh", "*.cmake", "dev"):
        lines = path.read_text().count("\n")
        if lines > LINES_AT_MOST:
            yield path, lines, f"{lines} lines; a file has at most about {LINES_AT_MOST}: split it by subject"


def check_texts():
    """The tree speaks of awl alone: no paths of the machine it was written on, no hosts of package archives."""
    machine = [r"(?<![\w.%}/])/" + r"work/", r"/var/" + r"cache/awl", r"\b(deb|snapshot|security|ftp)\." + r"debian\.org"]
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for pattern in machine:
                if found := re.search(pattern, line):
                    yield path, number, f"names the machine that it was written on: {found[0]}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path)
    options = parser.parse_args()
    breaches = [*check_includes(), *check_run_side(), *check_awl_run(options.build), *check_length(), *check_texts()]
    for path, number, reason in breaches:
        print(f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}:{number}: {reason}")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
