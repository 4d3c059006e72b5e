#!/usr/bin/env python3
"""The runner must fail what is wrong: a harness that cannot fail shows nothing."""
import pathlib
import sys
import tempfile
import types
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cases
import features
import runner


def run(text, awl="#!/bin/sh\necho hello; echo '@a[1]: 2'; echo '@a[2]: 3'; echo problem >&2; exit 0\n"):
    """Runs a case with a shell script in awl's place."""
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "awl"
        program.write_text(awl)
        program.chmod(0o755)
        options = types.SimpleNamespace(awl=program, awl_run=program, workload=pathlib.Path(folder), objects=pathlib.Path(folder), slow=1, alone=False)
        [case] = cases.parse(text, "test")
        return runner.run_case(case, options)[0]


class Runner(unittest.TestCase):
    def check(self, expectation, good):
        self.assertEqual(run(f"NAME x\nPROG begin {{ }}\n{expectation}\n"), "pass" if good else "fail", expectation)

    def test_expectations(self):
        self.check("EXPECT hello\n  | @a[1]: 2\n  | @a[2]: 3", True)
        self.check("EXPECT hello", False)
        self.check("EXPECT_LINES hello\n  | @a[2]: 3", True)
        self.check("EXPECT_LINES @a[2]: 3\n  | hello", False)
        self.check("EXPECT_REGEX ^hel+o$", True)
        self.check("EXPECT_REGEX ^helo$", False)
        self.check("EXPECT_NOT hello", False)
        self.check("EXPECT_NOT problem", False)
        self.check("EXPECT_NOT absent", True)
        self.check("EXPECT_SUM @a 5", True)
        self.check("EXPECT_SUM @a 6", False)
        self.check("EXPECT_SUM @a >4", True)
        self.check("EXPECT_SUM @a >5", False)
        self.check("EXPECT_ERROR problem", True)
        self.check("EXPECT_ERROR trouble", False)
        self.check("EXIT 1", False)

    def test_status_time_and_defects(self):
        self.assertEqual(run("NAME x\nPROG p\nEXIT 3\n", "#!/bin/sh\nexit 3\n"), "pass")
        self.assertEqual(run("NAME x\nPROG p\nEXPECT\nTIMEOUT 0.2\n", "#!/bin/sh\nsleep 5\n"), "fail")
        self.assertEqual(run("NAME x\nPROG p\nEXPECT a\n", "#!/bin/sh\necho a; kill -SEGV $$\n"), "fail")
        self.assertEqual(run("NAME x\nPROG p\nEXPECT a\n", "#!/bin/sh\necho a; echo 'ERROR: AddressSanitizer' >&2\n"), "fail")

    def test_objects(self):
        two = cases.parse("NAME x\nPROG p\nOBJECT too\nEXPECT a\n", "test")
        self.assertEqual([(c.id, c.text("OBJECT"), c.text("EXPECT")) for c in two], [("test/x, from an object", "yes", "a"), ("test/x", "", "a")])

    def test_beside(self):
        awl = "#!/bin/bash\ntrap 'echo end; exit 0' INT\necho 'Attached 1 probe' >&2\nwhile :; do sleep 0.01; done\n"
        self.assertEqual(run("NAME x\nPROG p\nWITH true\nEXPECT end\n", awl), "pass")
        self.assertEqual(run("NAME x\nPROG p\nWITH false\nEXPECT end\n", awl), "fail")
        self.assertEqual(run("NAME x\nPROG p\nSTOP 0.1\nEXPECT end\n", awl), "pass")

    def test_skips_with_a_reason(self):
        features.FEATURES["never"] = lambda: "not here"
        [case] = cases.parse("NAME x\nPROG p\nEXPECT a\nNEEDS never\n", "test")
        self.assertEqual(runner.run_case(case, None), ("skip", "not here"))

    def test_bad_case_files(self):
        for text in ["PROG p\nEXPECT a\n", "NAME x\nEXPECT a\n", "NAME x\nPROG p\n", "NAME x\nPROG p\nEXPEKT a\n", "  | a\n", "name x\n"]:
            with self.assertRaises(cases.CaseError, msg=text):
                cases.parse(text, "test")

    def test_all_cases_parse_and_name_known_features(self):
        for case in cases.load(pathlib.Path(runner.__file__).parent / "cases"):
            for name in case.needs():
                self.assertIn(name, features.FEATURES, case.id)


if __name__ == "__main__":
    unittest.main()
