#!/usr/bin/env python3
"""Checks the tables of docs/compatibility.md: each feature names tests that exist, or says that it is missing.

usage: compatibility.py [FILE]

A row is `| feature | state | shown by | difference |`. The state is `same`, `differs` or `missing`. A test is written in backticks:
`golden/FOLDER/NAME.bt`, a kernel case `FILE/NAME`, or a GoogleTest `Suite.Name`. A row without a test must be `missing`; one that
differs says how and why in its last column.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/kernel"))
import cases as case_files

STATES = ("same", "differs", "missing")
COLUMNS = ["Feature", "State", "Shown by", "Difference"]
PARTS = [*range(1, 13)]


def known_tests():
    """-> names of all tests, as the table spells them."""
    names = {str(path.relative_to(ROOT / "tests")) for path in (ROOT / "tests/golden").glob("*/*.bt")}
    names |= {case.id for case in case_files.load(ROOT / "tests/kernel/cases")}
    for path in (ROOT / "tests/unit").rglob("*.cpp"):
        names |= {f"{suite}.{name}" for suite, name in re.findall(r"^TEST(?:_[FP])?\((\w+),\s*(\w+)\)", path.read_text(), re.MULTILINE)}
    return names


def cells(line):
    """The cells of a table's line; `\\|` is a bar inside of a cell."""
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def check_row(row, known):
    """-> what is wrong with the cells of one row."""
    if len(row) != len(COLUMNS):
        yield f"has {len(row)} columns instead of {len(COLUMNS)}"
        return
    feature, state, shown, difference = row
    tests = re.findall(r"`([^`]+)`", shown)
    if not feature:
        yield "names no feature"
    if state not in STATES:
        yield f"state '{state}' is none of {', '.join(STATES)}"
    if not tests and state != "missing":
        yield f"'{feature}' names no test and is not marked missing"
    if re.sub(r"`[^`]+`", "", shown).strip(" ,"):
        yield f"'{feature}': tests stand in backticks, separated by commas"
    for test in tests:
        if test not in known:
            yield f"there is no test '{test}'"
    if state == "differs" and not difference:
        yield f"'{feature}' does not say how and why it differs"


def breaches(text, known):
    """-> (line, what is wrong) of a page."""
    features, parts, in_table = {}, [], False
    for number, line in enumerate(text.splitlines(), 1):
        if heading := re.match(r"## (\d+) ", line):
            parts.append(int(heading[1]))
        if not line.startswith("|"):
            in_table = False
            continue
        row = cells(line)
        if not in_table:
            in_table = True
            if row != COLUMNS:
                yield number, f"a table begins with the columns {', '.join(COLUMNS)}"
        elif not re.fullmatch(r"[-:|\s]+", line):
            yield from ((number, reason) for reason in check_row(row, known))
            if row and (first := features.setdefault((parts[-1:] or [0])[0], {}).setdefault(row[0], number)) != number:
                yield number, f"'{row[0]}' stands in line {first} already"
    for part in PARTS:
        if not features.get(part):
            yield 1, f"part {part} has no rows"


def check_itself():
    """Each mistake is found, and only it."""
    head = "| Feature | State | Shown by | Difference |\n|---|---|---|---|\n"
    good = "".join(f"## {part} x\n\n{head}| a \\| b | same | `A.B`, `f/a, b` | |\n\n" for part in PARTS)
    known = {"A.B", "f/a, b"}
    assert not list(breaches(good, known)), list(breaches(good, known))
    for mistake in ("| b | same | `A.C` | |", "| b | same | | |", "| b | good | `A.B` | |", "| b | differs | `A.B` | |", "| b | same | A.B | |",
                    "| b | same | `A.B` |", "| | same | `A.B` | |", "| a \\| b | same | `A.B` | |"):
        found = list(breaches(good.rstrip("\n") + "\n" + mistake + "\n", known))
        assert found, f"not found: {mistake}"
    assert list(breaches(good.replace("## 12 ", "## 13 "), known))


def main():
    check_itself()
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/compatibility.md"
    found = list(breaches(path.read_text(), known_tests()))
    for number, reason in found:
        print(f"{path.name}:{number}: {reason}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
