"""The part of bench/compare_micro that runs nothing: reading runs, and when a change is one."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench/micro"))
import compare  # noqa: E402


def google(name, cpu, real=None, unit="ns", kind="iteration"):
    return {"name": name, "run_type": kind, "cpu_time": cpu, "real_time": real or cpu, "time_unit": unit}


def verdict(base, now, threshold=0.1):
    return compare.compare({"x": base}, {"x": now}, threshold)[0].verdict


class Reading(unittest.TestCase):
    def test_repetitions_are_gathered_and_aggregates_left_out(self):
        run = compare.run_of({"benchmarks": [google("a", 2), google("a", 3), google("a_median", 9, kind="aggregate")]})
        self.assertEqual(run, {"a": [2, 3]})

    def test_units_become_nanoseconds(self):
        run = compare.run_of({"benchmarks": [google("a", 2, unit="us"), google("b", 1.5, unit="ms")]})
        self.assertEqual(run, {"a": [2000], "b": [1.5e6]})

    def test_the_wall_clock_counts_where_the_name_says_so(self):
        self.assertEqual(compare.run_of({"benchmarks": [google("q/1/real_time", 2, real=7)]}), {"q/1/real_time": [7]})

    def test_a_benchmark_that_failed_is_an_error(self):
        with self.assertRaisesRegex(compare.Failed, "requests were lost"):
            compare.run_of({"benchmarks": [{"name": "q", "error_occurred": True,
                                            "error_message": "requests were lost"}]})

    def test_an_empty_run_is_an_error(self):
        with self.assertRaises(compare.Failed):
            compare.run_of({"benchmarks": []})

    def test_what_was_dumped_is_read_again(self):
        run = {"a/1": [1.25, 1.5], 'b"\\': [2e6]}
        document = json.loads(compare.dump(run, {"machine": 'a "CPU"', "cpus": 2}))
        self.assertEqual(compare.run_of(document), run)
        self.assertEqual(document["context"], {"machine": 'a "CPU"', "cpus": "2"})


class Verdicts(unittest.TestCase):
    def test_within_the_threshold_it_is_the_same(self):
        self.assertEqual(verdict([100] * 5, [109] * 5), "same")
        self.assertEqual(verdict([109] * 5, [100] * 5), "same")

    def test_beyond_the_threshold_it_is_slower_or_faster(self):
        self.assertEqual(verdict([100] * 5, [112] * 5), "slower")
        self.assertEqual(verdict([112] * 5, [100] * 5), "faster")

    def test_a_smaller_threshold_sees_more(self):
        self.assertEqual(verdict([100] * 5, [105] * 5, threshold=0.03), "slower")

    def test_a_disturbed_median_with_the_same_best_is_the_same(self):
        self.assertEqual(verdict([100, 100, 101, 101, 102], [100, 100, 150, 160, 170]), "same")

    def test_a_disturbed_best_with_the_same_median_is_the_same(self):
        self.assertEqual(verdict([60, 100, 100, 100, 100], [100] * 5), "same")

    def test_what_the_spread_of_either_run_explains_does_not_count(self):
        base = [100, 130, 130, 130, 140]   # a usual repetition lies 30 % above the best
        self.assertEqual(verdict(base, [125, 155, 155, 155, 160]), "same")
        self.assertEqual(verdict([125, 155, 155, 155, 160], base), "same")

    def test_a_change_beyond_the_spread_counts_on_a_noisy_machine_too(self):
        self.assertEqual(verdict([100, 130, 130, 130, 140], [200, 260, 260, 260, 290]), "slower")

    def test_what_only_one_run_has_is_not_compared(self):
        base, now = {"a": [1], "b": [1]}, {"b": [1], "c": [1]}
        self.assertEqual([change.name for change in compare.compare(base, now, 0.1)], ["b"])
        self.assertEqual(compare.only_in(base, now), ["a"])


class Table(unittest.TestCase):
    def test_a_same_that_the_noise_allows_is_marked(self):
        changes = compare.compare({"x": [100, 150, 150]}, {"x": [100, 150, 150]}, 0.1)
        self.assertIn("noisy", compare.table(changes, 0.1))

    def test_times_have_a_fitting_unit(self):
        self.assertEqual([compare.scaled(ns) for ns in (0.5, 12.34, 4321, 5e6)],
                         ["0.5 ns", "12.3 ns", "4.32 us", "5 ms"])


class ExitCode(unittest.TestCase):
    def compare_files(self, base, now):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for name, run in (("base", base), ("now", now)):
                paths.append(pathlib.Path(folder) / f"{name}.json")
                paths[-1].write_text(compare.dump(run, {"machine": "m"}))
            return subprocess.run([ROOT / "bench/compare_micro", *paths], capture_output=True, text=True, check=False)

    def test_it_is_1_when_something_became_slower(self):
        done = self.compare_files({"a": [100] * 3, "b": [100] * 3}, {"a": [100] * 3, "b": [150] * 3})
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("2 compared, 1 slower", done.stdout)

    def test_it_is_0_when_nothing_did(self):
        self.assertEqual(self.compare_files({"a": [100] * 3}, {"a": [60] * 3}).returncode, 0)

    def test_it_is_2_when_there_is_nothing_to_compare(self):
        done = self.compare_files({"a": [100]}, {"b": [100]})
        self.assertEqual(done.returncode, 2)
        self.assertIn("no benchmark is in both runs", done.stderr)


if __name__ == "__main__":
    unittest.main()
