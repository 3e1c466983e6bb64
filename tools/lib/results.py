"""What the tests reported, counted one by one: GoogleTest JSON, ctest JUnit and the end-to-end runner's JSON."""

import dataclasses
import json
import xml.etree.ElementTree


@dataclasses.dataclass
class Tally:
    passed: int = 0
    failures: list = dataclasses.field(default_factory=list)  # names
    skipped: list = dataclasses.field(default_factory=list)   # "name: why"

    def add(self, other):
        self.passed += other.passed
        self.failures += other.failures
        self.skipped += other.skipped

    def text(self):
        words = f"{self.passed} passed, {len(self.failures)} failed"
        return words + (f", {len(self.skipped)} skipped" if self.skipped else "")


def from_gtest(path):
    tally = Tally()
    for suite in json.loads(path.read_text())["testsuites"]:
        for case in suite["testsuite"]:
            name = f"{suite['name']}.{case['name']}"
            if case.get("failures"):
                tally.failures.append(name)
            elif case.get("result") == "SKIPPED" or case.get("status") == "NOTRUN":
                tally.skipped.append(name)
            else:
                tally.passed += 1
    return tally


def from_ctest(junit, gtest_folder):
    """A GoogleTest program counts with each of its tests; any other program counts as one.

    A program that ctest reports as failed though none of its tests did (a crash, a leak found at exit) is one failure
    more.
    """
    tally = Tally()
    for case in xml.etree.ElementTree.parse(junit).getroot().iter("testcase"):
        name, ok = case.get("name"), case.get("status") == "run"
        report = gtest_folder / f"{name}.json"
        if not report.exists():
            if ok:
                tally.passed += 1
            else:
                tally.failures.append(name)
            continue
        own = from_gtest(report)
        if not ok and not own.failures:
            own.failures.append(f"{name} (the program as a whole)")
        tally.add(own)
    return tally


def from_e2e(path):
    tally = Tally()
    for case in json.loads(path.read_text())["tests"]:
        if case["outcome"] == "passed":
            tally.passed += 1
        elif case["outcome"] == "skipped":
            tally.skipped.append(f"{case['name']}: {case['detail']}")
        else:
            tally.failures.append(case["name"])
    return tally
