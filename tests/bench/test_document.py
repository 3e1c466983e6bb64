"""What bench/compare writes into docs/, and the file of samples that it is written from."""

import pathlib
import shutil
import tempfile
import unittest

import sample_results as made
from comparison import document
from comparison.common import Failed
from comparison.results import Results

DOCS = made.ROOT / "docs"


class Markers(unittest.TestCase):
    def test_what_is_between_them_is_replaced_and_nothing_else(self):
        self.assertEqual(document.replace_between("a\n<b>\nold\n\nold\n<e>\nz\n", "<b>", "<e>", "new\nlines\n"),
                         "a\n<b>\n\nnew\nlines\n\n<e>\nz\n")

    def test_twice_is_as_once(self):
        once = document.replace_between("a\n<b>\n<e>\nz", "<b>", "<e>", "new")
        self.assertEqual(document.replace_between(once, "<b>", "<e>", "new"), once)

    def test_missing_doubled_or_swapped_markers_are_refused(self):
        for text in ("a\n<b>\nz", "<e>\n<b>", "<b>\n<b>\n<e>", "text <b>\n<e>"):
            with self.assertRaises(Failed):
                document.replace_between(text, "<b>", "<e>", "new")


class Body(unittest.TestCase):
    def test_has_runs_promises_tables_and_plots(self):
        text = document.body(made.full(), "img")
        for part in ("a CPU, 2 CPUs", "`bench/compare`", "### What a 250 means", "### One command at a time",
                     "### Pipelined", "### BDAT", "### At an offered rate", "](img/latency.svg)", "10 KiB:"):
            self.assertIn(part, text)

    def test_on_a_terminal_there_are_no_plots(self):
        self.assertNotIn("](", document.body(made.full()))

    def test_core_and_worker_stand_side_by_side(self):
        samples = [made.closed(name, cost) for name, cost in (("discard", 10), ("discard-worker", 11), ("spool", 14))]
        text = document.body(made.results(samples)).split("### Core, worker, plugin")[1]
        self.assertIn("| ringmx, discard, worker | 11.0 (11.0–11.0) | 1.10 |", text)
        self.assertNotIn("ringmx, spool", text)   # nothing to set it beside


class Documentation(unittest.TestCase):
    def test_is_what_the_samples_say(self):
        """docs/benchmarks.md and its plots are those of docs/benchmarks.json, unedited."""
        with tempfile.TemporaryDirectory() as name:
            copy = pathlib.Path(name)
            shutil.copy(DOCS / "benchmarks.md", copy)
            for path in document.render(Results.load(DOCS / "benchmarks.json"), copy):
                self.assertEqual(path.read_text(), (DOCS / path.relative_to(copy)).read_text(), path.relative_to(copy))


class ResultsFile(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name) / "new/results.json"

    def stretch(self, results, cpu_us):
        results.begin_run(made.run())
        sample = made.closed("spool", cpu_us)
        del sample["run"]
        results.add(sample)

    def test_stretches_add_up(self):
        self.stretch(Results(self.path), 10)
        self.stretch(Results.load(self.path), 20)
        together = Results.load(self.path)
        self.assertEqual([run["id"] for run in together.runs], [1, 2])
        self.assertEqual([(each["run"], each["cpu_us"]) for each in together.samples], [(1, 10), (2, 20)])

    def test_another_machine_is_refused(self):
        self.stretch(Results(self.path), 10)
        with self.assertRaisesRegex(Failed, "another machine"):
            Results.load(self.path).begin_run(made.run(machine={**made.MACHINE, "cpus": 64}))

    def test_a_file_of_something_else_is_refused(self):
        self.path.parent.mkdir()
        for text in ("", "[]", "{}", '{"format": 99}'):
            self.path.write_text(text)
            with self.assertRaises(Failed):
                Results.load(self.path)
