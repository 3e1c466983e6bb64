"""A server whose counters, log and dead letters a test watches and waits for."""

import json
import time

import harness
from harness import Server, new_folder


class ObservedServer(Server):
    def __init__(self, overrides=None, folder=None, **keywords):
        owns = folder is None
        folder = folder or new_folder("observed")
        sections = {"admin": {"socket": str(folder / "s")}}
        for section, keys in (overrides or {}).items():
            sections.setdefault(section, {}).update(keys)
        super().__init__(sections, folder=folder, **keywords)
        self.owns_folder = owns

    def wait_ready(self):
        """Until it serves, and answers on its status socket, which it opens after that."""
        super().wait_ready()
        deadline = time.monotonic() + harness.READY_S_MAX
        while self.ctl("status", "--config", str(self.config_path), check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"no answer on the status socket:\n{self.log()}")
            time.sleep(0.01)

    def counters(self):
        """Those of storage."""
        return json.loads(self.ctl("status", "--json", "--config", str(self.config_path)))["storage"]["counters"]

    def wait_for(self, what, happened, timeout_s=90):
        deadline = time.monotonic() + timeout_s
        while not happened():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {timeout_s} s: {what}\n{self.counters()}\n{self.log()[-4000:]}")
            time.sleep(0.02)

    def wait_for_counter(self, name, value, timeout_s=90):
        self.wait_for(f"{name} {value}", lambda: self.counters()[name] == value, timeout_s)

    def wait_drained(self, timeout_s=90):
        """Everything is delivered or dead, and acknowledged."""
        self.wait_for_counter("delivery_backlog_messages", 0, timeout_s)

    def events(self, event):
        lines = [line for line in self.log().splitlines() if line.startswith("{")]
        return [entry for entry in map(json.loads, lines) if entry["event"] == event]

    def letters(self):
        """What `spool --dead ls` tells of the dead letters."""
        return [json.loads(line) for line in self.dead("ls", "--json").splitlines()]

    def dead(self, command, *arguments, check=True):
        return self.ctl("spool", "--dead", command, "--config", str(self.config_path), *arguments, check=check)
