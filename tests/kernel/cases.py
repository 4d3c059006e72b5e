"""Reads case files: end-to-end tests of awl on a real kernel.

A case is a block of lines `KEY value`, blocks are separated by blank lines, `#` starts a comment line. A key may be
repeated, and a line `  | text` continues the value above it with `text`, verbatim. The keys:

  NAME          what the case shows; unique within its file
  PROG          the script, given with -e ...
  OBJECT        ... `yes`: instead compiled by `awl build` on the machine that starts the tests, and run by awl-run here;
                `too`: as well, as a second case `NAME, from an object`
  SCRIPT        ... or, without PROG: shell commands (bash), with $AWL, $AWL_RUN, $WORKLOAD and $OBJECT_DIR
  FILE          NAME on the first line, content below: a file made in the case's folder, which is the working directory
  ARGS, PARAMS  arguments before and after the script
  STDIN         text on standard input
  BEFORE        a command that runs from before awl starts until the end; its process id is %PID%
  WITH          a command that starts when the probes are attached; when it has ended, awl gets SIGINT
  STOP          seconds after which awl gets SIGINT, counted from the attachment
  EXPECT        standard output, whole, without empty lines at its begin and end
  EXPECT_LINES  lines that stand in the output in this order, with others between
  EXPECT_REGEX  searched in the output (multi-line mode); each line is one expression
  EXPECT_NOT    an expression that must not be found in the output or the errors
  EXPECT_SUM    MAP NUMBER: the values of all elements of the map add up to it; `>NUMBER`: to more
  EXPECT_ERROR  text that stands in standard error; each line on its own
  EXIT          exit status (0)
  NEEDS         features without which the case is skipped (see features.py)
  TIMEOUT       seconds (10); five times as many in a guest

Cases of the packaged tools stand beside them, tools/NAME/NAME.case. %WORKLOAD%, %TOOLS%, %DIR%, %PID%, %NCPU% are replaced everywhere.
"""
import dataclasses
import pathlib
import re

KEYS = set("""NAME PROG OBJECT SCRIPT FILE ARGS PARAMS STDIN BEFORE WITH STOP EXPECT EXPECT_LINES EXPECT_REGEX EXPECT_NOT EXPECT_SUM
EXPECT_ERROR EXIT NEEDS TIMEOUT""".split())
CHECKS = {"EXPECT", "EXPECT_LINES", "EXPECT_REGEX", "EXPECT_SUM", "EXPECT_ERROR", "EXPECT_NOT"}


class CaseError(Exception):
    pass


@dataclasses.dataclass
class Case:
    file: str
    line: int
    fields: dict  # key -> list of lines

    @property
    def id(self):
        return f"{self.file}/{self.fields['NAME'][0]}"

    @property
    def object_name(self):
        return re.sub(r"[^a-z0-9]+", "_", self.id.lower()) + ".o"

    def text(self, key, default=""):
        return "\n".join(self.fields[key]) if key in self.fields else default

    def lines(self, key):
        return self.fields.get(key, [])

    def has(self, key):
        return key in self.fields

    def needs(self):
        return " ".join(self.lines("NEEDS")).split()


def parse(text, file):
    cases, fields, start, key = [], {}, 0, None

    def close():
        if fields:
            case = Case(file, start, dict(fields))
            check(case)
            if case.text("OBJECT") == "too":
                cases.append(Case(file, start, {**fields, "NAME": [case.text("NAME") + ", from an object"], "OBJECT": ["yes"]}))
                del case.fields["OBJECT"]
            cases.append(case)
            fields.clear()

    for number, line in enumerate(text.splitlines() + [""], 1):
        if line.startswith("#"):
            continue
        if not line.strip():
            close()
            key = None
        elif match := re.match(r"\s+\|( (.*))?$", line):
            if key is None:
                raise CaseError(f"{file}:{number}: a continuation without a key above it")
            fields[key].append(match[2] or "")
        elif match := re.match(r"([A-Z_]+)(\s+(.*))?$", line):
            key = match[1]
            if key not in KEYS:
                raise CaseError(f"{file}:{number}: unknown key {key}; there are {' '.join(sorted(KEYS))}")
            if not fields:
                start = number
            fields.setdefault(key, [])
            if match[3]:
                fields[key].append(match[3])
        else:
            raise CaseError(f"{file}:{number}: expected `KEY value`, `  | text`, a comment or an empty line")
    return cases


def check(case):
    where = f"{case.file}:{case.line}"
    if not case.has("NAME"):
        raise CaseError(f"{where}: a case without NAME")
    if case.has("PROG") == case.has("SCRIPT"):
        raise CaseError(f"{where}: a case needs one of PROG and SCRIPT")
    if not CHECKS & case.fields.keys() and not case.has("EXIT"):
        raise CaseError(f"{where}: a case that checks nothing: it needs one of {' '.join(sorted(CHECKS))} EXIT")


def load(folder):
    cases = []
    tools = pathlib.Path(folder).resolve().parents[2] / "tools"
    for path in sorted(pathlib.Path(folder).glob("*.case")) + sorted(tools.glob("*/*.case")):
        cases += parse(path.read_text(), path.stem)
    seen = set()
    for case in cases:
        if case.id in seen:
            raise CaseError(f"{case.file}:{case.line}: the name stands twice: {case.id}")
        seen.add(case.id)
    return cases
