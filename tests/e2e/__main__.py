"""Runs the end-to-end tests (--suite e2e), the crash tests (crash) or those of bench/compare (bench) with the programs in
$RINGMX_BIN.

    /usr/bin/python3 tests/e2e                    everything, against build/release/bin
    /usr/bin/python3 tests/e2e -k FullDisk        tests whose name contains FullDisk
"""

import argparse
import json
import pathlib
import shutil
import sys
import time
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "e2e"))

import harness  # noqa: E402  (found through the line above)


class Result(unittest.TextTestResult):
    """Keeps each test's outcome and time; prints one line for each test."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.records = []

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()

    def record(self, test, outcome, detail=""):
        self.records.append({"name": test.id(), "outcome": outcome, "detail": detail,
                             "seconds": round(time.monotonic() - getattr(self, "started", time.monotonic()), 2)})

    def addSuccess(self, test):
        super().addSuccess(test)
        self.record(test, "passed")

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.record(test, "failed", str(error[1])[:2000])

    def addError(self, test, error):
        super().addError(test, error)
        self.record(test, "failed", str(error[1])[:2000])

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.record(test, "skipped", reason)

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            self.record(subtest, "failed", str(error[1])[:2000])


def cases(suite):
    """Every test of a suite, in order."""
    for one in suite:
        if isinstance(one, unittest.TestSuite):
            yield from cases(one)
        else:
            yield one


def names_of(case):
    """What --without may call it."""
    module = type(case).__module__.removeprefix("test_")
    return {module, f"{module}.{type(case).__name__}"}


# Modules whose classes take longest: they begin first, so that none is left to run alone.
LONGEST = ("jetstream_server", "memory", "backend_jetstream", "many_connections", "full_disk", "load", "admission")


def by_class(suite):
    """The tests of each class together, the longest first."""
    groups = {}
    for case in cases(suite):
        groups.setdefault(type(case), []).append(case)

    def rank(group):
        module = type(group[0]).__module__.removeprefix("test_")
        return LONGEST.index(module) if module in LONGEST else len(LONGEST)

    return sorted(groups.values(), key=rank)


class SharedSuite(unittest.TestSuite):
    """Of these classes those that no other run with the same folder has begun."""

    _cleanup = False  # positions are not those of a list

    def __init__(self, groups, folder):
        super().__init__()
        self.groups, self.folder = groups, folder

    def __iter__(self):
        for group in self.groups:
            try:
                (self.folder / f"{type(group[0]).__module__}.{type(group[0]).__name__}").mkdir()
            except FileExistsError:
                continue
            yield from group


def main():
    parser = argparse.ArgumentParser(prog="tests/e2e")
    parser.add_argument("--suite", choices=("e2e", "crash", "bench"), default="e2e")
    parser.add_argument("--short", action="store_true", help="fewer messages and connections")
    parser.add_argument("--sanitized", action="store_true", help="the programs carry a sanitizer")
    parser.add_argument("--report", type=pathlib.Path, help="write the outcomes to this file, as JSON")
    parser.add_argument("--share", type=pathlib.Path, metavar="FOLDER",
                        help="share the tests with the other runs that have the same folder, class by class")
    parser.add_argument("--without", metavar="MODULE[.CLASS]", action="append", default=[],
                        help="none of the tests in test_MODULE.py, or of one class in it")
    parser.add_argument("-k", metavar="TEXT", action="append", help="only tests whose name contains TEXT")
    options = parser.parse_args()
    harness.SHORT, harness.SANITIZED = options.short, options.sanitized

    loader = unittest.TestLoader()
    if options.k:
        loader.testNamePatterns = [f"*{text}*" for text in options.k]
    suite = loader.discover(str(TESTS / options.suite), pattern="test_*.py", top_level_dir=str(TESTS / options.suite))
    suite = unittest.TestSuite(case for case in cases(suite) if not names_of(case) & set(options.without))
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result)
    result = runner.run(SharedSuite(by_class(suite), options.share) if options.share else suite)
    shutil.rmtree(harness.SCRATCH, ignore_errors=True)
    if options.report:
        options.report.write_text(json.dumps({"tests": result.records}, indent=1))
    return 0 if result.wasSuccessful() and (result.records or options.share) else 1


if __name__ == "__main__":
    sys.exit(main())
