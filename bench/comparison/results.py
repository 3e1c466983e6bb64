"""The samples of one or more runs, in a JSON file that grows with each of them.

A sample is a dictionary. Of a closed loop: run, round, load, length, server, messages, sessions, cpu_us (per
message), messages_per_s, server_busy, generator_busy, clocks_apart, latency_us (empty for smtp-source). Of an open loop, whose
load is "rate": offered (messages/s), share (of what the server took in a closed loop), and unanswered instead of the
CPU figures. Samples of one run and round were taken side by side; ratios are made between those and no others.
"""

import json
import os
import pathlib

from .common import Failed

FORMAT = 1


class Results:
    def __init__(self, path=None):
        self.path = path
        self.machine = None
        self.runs = []          # what machine.this_run says, and "id"
        self.versions = {}      # of the servers, by name; the newest
        self.samples = []

    @classmethod
    def load(cls, path):
        results = cls(pathlib.Path(path))
        try:
            data = json.loads(results.path.read_text())
            if data["format"] != FORMAT:
                raise Failed(f"{path} has format {data['format']}, this is format {FORMAT}")
            results.machine, results.runs = data["machine"], data["runs"]
            results.versions, results.samples = data["versions"], data["samples"]
        except (ValueError, KeyError, TypeError) as error:
            raise Failed(f"{path} holds no results: {error!r}") from error
        return results

    def begin_run(self, run):
        """Runs on different machines cannot stand in one table."""
        run = dict(run)
        machine = run.pop("machine")
        if self.machine not in (None, machine):
            raise Failed(f"{self.path} has results of another machine ({self.machine}): name another file with --results")
        self.machine = machine
        self.run = max((each["id"] for each in self.runs), default=0) + 1
        self.runs.append({"id": self.run, **run})

    def add(self, sample):
        """Written at once: what was measured is not lost when the run ends early."""
        self.samples.append({"run": self.run, **sample})
        self.save()

    def text(self):
        """A line for each run and sample, so that a change is seen as one."""
        lines = lambda entries: "[\n" + ",\n".join(json.dumps(each, ensure_ascii=False) for each in entries) + "\n]"
        return (f'{{"format": {FORMAT},\n"machine": {json.dumps(self.machine)},\n'
                f'"versions": {json.dumps(self.versions, indent=1)},\n"runs": {lines(self.runs)},\n'
                f'"samples": {lines(self.samples)}}}\n')

    def save(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_suffix(".unfinished")
        unfinished.write_text(self.text())
        os.replace(unfinished, self.path)

    # --- what tables and plots ask for ------------------------------------------------------------------------------
    def closed(self, load, length, server=None):
        return [each for each in self.samples
                if (each["load"], each.get("length")) == (load, length) and server in (None, each["server"])]

    def open(self, server=None):
        return [each for each in self.samples if each["load"] == "rate" and server in (None, each["server"])]

    def lengths(self, load):
        return sorted({each["length"] for each in self.samples if each["load"] == load})

    def servers(self, samples, order):
        """The names in these samples, in that order."""
        names = {each["server"] for each in samples}
        return [name for name in order if name in names]
