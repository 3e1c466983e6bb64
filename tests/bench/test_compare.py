"""bench/compare itself, briefly: what it measures, what it refuses to believe, and that it leaves nothing running."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import harness
import sample_results as made

COMPARE_S_MAX = 240


def commands_with(text):
    """Command lines of running processes that contain `text`."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in command:
            found.append(command)
    return found


class CompareTestCase(unittest.TestCase):
    def setUp(self):
        self.folder = harness.new_folder("compare")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.bin = harness.BIN
        self.results = self.folder / "results.json"

    def command(self, *arguments):
        return [made.ROOT / "bench/compare", "--no-install", "--bin", self.bin, "--work", self.folder / "work",
                "--results", self.results, *arguments]

    def start(self, *arguments):
        process = subprocess.Popen(list(map(str, self.command(*arguments))), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.pid = process.pid
        return process

    def compare(self, *arguments):
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=COMPARE_S_MAX)
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    def own_programs(self):
        """A folder with the programs, of which a test replaces some."""
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        for name in ("ringmx", "ringmxctl", "ringmx-load"):
            (self.bin / name).symlink_to(harness.BIN.resolve() / name)

    def replace(self, name, script):
        (self.bin / name).unlink()
        (self.bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.bin / name).chmod(0o755)

    def samples(self):
        return json.loads(self.results.read_text())["samples"]

    def assert_nothing_left(self):
        self.assertEqual(commands_with(str(self.folder)), [])
        self.assertEqual(list((self.folder / "work").iterdir()), [])
        self.assertEqual(list(pathlib.Path("/sys/fs/cgroup").glob(f"**/ringmx-compare-{self.pid}-*")), [])


class Comparison(CompareTestCase):
    def test_three_servers_under_every_load(self):
        page = made.ROOT / "docs/benchmarks.md"
        before = page.read_bytes()
        done = self.compare("--quick", "--servers", "floor,smtp-sink,discard")
        self.assertEqual(done.returncode, 0, done.stderr)
        closed = {(each["load"], each["server"]) for each in self.samples() if each["load"] != "rate"}
        self.assertEqual(closed, {(load, server) for load in ("single", "pipelined", "bdat")
                                  for server in ("floor", "smtp-sink", "discard")} - {("bdat", "smtp-sink")})
        for sample in self.samples():
            self.assertGreater(sample["messages_per_s"], 0)
            if sample["load"] != "rate":
                self.assertEqual(sample["messages"], 5000)
                self.assertTrue(0.5 < sample["cpu_us"] < 5000, sample)
            if sample["load"] != "single":
                self.assertGreater(sample["latency_us"]["p99"], 0)
        offered = {each["server"] for each in self.samples() if each["load"] == "rate"}
        self.assertEqual(offered, {"floor", "smtp-sink", "discard"})
        self.assertIn("### At an offered rate", done.stdout)
        self.assertIn("| ringmx, discard | nothing |", done.stdout)
        self.assertEqual(page.read_bytes(), before, "only the whole comparison and --render write documentation")
        self.assert_nothing_left()

    def test_what_the_spool_holds_is_counted(self):
        done = self.compare("--servers", "spool,maildir", "--loads", "pipelined,rate", "--lengths", "1KiB", "--rounds", "1",
                            "--scale", "0.01")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual({(each["load"], each["server"]) for each in self.samples()},
                         {(load, server) for load in ("pipelined", "rate") for server in ("spool", "maildir")})
        self.assert_nothing_left()

    def test_a_message_that_is_missing_in_the_spool_fails(self):
        self.own_programs()
        self.replace("ringmxctl", f"'{harness.BIN.resolve()}/ringmxctl' \"$@\" | sed '$d'")
        done = self.compare("--servers", "floor,spool", "--loads", "pipelined", "--lengths", "1KiB", "--rounds", "1",
                            "--scale", "0.01")
        self.assertEqual(done.returncode, 1)
        self.assertIn("messages were acknowledged, ringmx, spool holds", done.stderr)
        self.assertEqual({each["server"] for each in self.samples()}, {"floor"})

    def test_stretches_are_kept_in_one_file(self):
        for load in ("pipelined", "bdat"):
            done = self.compare("--servers", "floor", "--loads", load, "--lengths", "1KiB", "--rounds", "1", "--scale", "0.01")
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([(each["run"], each["load"]) for each in self.samples()], [(1, "pipelined"), (2, "bdat")])


class Failing(CompareTestCase):
    def test_a_server_that_cannot_start_is_left_out_and_the_rest_goes_on(self):
        self.own_programs()
        self.replace("ringmx", '[ "$1" = --version ] && echo fake && exit 0; echo no ring here; exit 3')
        done = self.compare("--servers", "discard,floor", "--loads", "pipelined", "--lengths", "1KiB", "--rounds", "2",
                            "--scale", "0.01")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.count("ringmx, discard is left out of everything from here on: "
                                           "ringmx, discard ended with 3:"), 1, done.stderr)
        self.assertIn("no ring here", done.stderr)
        self.assertEqual([each["server"] for each in self.samples()], ["floor", "floor"])
        self.assert_nothing_left()

    def test_a_server_that_is_not_there_is_one_line(self):
        done = self.compare("--servers", "floor,exim,haraka", "--downloads", self.folder / "none", "--loads", "pipelined",
                            "--lengths", "1KiB", "--rounds", "1", "--scale", "0.01")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Exim is left out: " + ("exim4 is missing" if os.geteuid() == 0 else "it needs root"), done.stderr)
        self.assertIn("Haraka is left out: npm's Haraka is missing", done.stderr)
        self.assertEqual([each["server"] for each in self.samples()], ["floor"])

    def test_an_unknown_server_or_load_is_an_error(self):
        for arguments in (("--servers", "sendmail"), ("--loads", "fast"), ("--rounds", "0")):
            self.assertEqual(self.compare(*arguments).returncode, 2)

    def test_an_interrupt_ends_server_and_load(self):
        for sign in (signal.SIGINT, signal.SIGTERM):
            process = self.start("--servers", "spool", "--loads", "pipelined", "--lengths", "1KiB", "--scale", "500")
            deadline = time.monotonic() + 60
            while not any("ringmx-load 127" in line for line in commands_with(str(self.folder))):
                self.assertLess(time.monotonic(), deadline, "no load came under way")
                time.sleep(0.05)
            process.send_signal(sign)
            _, errors = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 128 + sign, errors)
            self.assertNotIn("Traceback", errors)
            self.assert_nothing_left()
