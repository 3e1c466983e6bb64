"""A server that delivers to, or falls back from, the test plugin `steered` (tests/plugins/steered.cpp)."""

import json
import time

import harness
from harness import Server, new_folder


def plugin_path(name):
    path = harness.BIN.resolve().parent / "lib" / "ringmx-tests" / f"{name}.so"
    if not path.exists():
        raise AssertionError(f"{path} has not been built")
    return str(path)


class SteeredServer(Server):
    """`storage` chooses the arrangement: {"deliver": "plugin"}, or {"backend": "plugin", "fallback": "spool"}."""

    def __init__(self, storage, overrides=None, folder=None, **keywords):
        owns = folder is None
        folder = folder or new_folder("delivery")
        self.control = folder / "control"
        self.kept_folder = folder / "kept"
        self.kept_folder.mkdir(exist_ok=True)
        sections = {
            "smtp": {"message_size": "16MiB"},
            "storage": storage,
            "storage.delivery": {"backoff_least": 1, "backoff_most": 2, "window": "16MiB"},
            "storage.plugin": {"path": plugin_path("steered")},
            "storage.plugin.options": {"folder": str(self.kept_folder), "control": str(self.control)},
            "accept": {"domains": ["example.com", "example.net", "example.org"]},
            "admin": {"socket": str(folder / "s")},
        }
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

    def steer(self, *lines):
        """Replaces the plugin's instructions, at once."""
        new = self.control.with_suffix(".new")
        new.write_text("".join(line + "\n" for line in lines))
        new.rename(self.control)

    def kept(self):
        """What the plugin has, in the order in which it came: [(id, recipients, content)]."""
        found = []
        for path in self.kept_folder.iterdir():
            if path.suffix == ".tmp":
                continue
            name, process, number = path.name.split(".")
            recipients, content = path.read_bytes().split(b"\n", 1)
            found.append((path.stat().st_mtime_ns, int(process), int(number), name, recipients.decode().split(), content))
        return [entry[3:] for entry in sorted(found)]

    def counters(self):
        return json.loads(self.ctl("status", "--json", "--config", str(self.config_path)))["storage"]["counters"]

    def wait_for(self, what, happened, timeout_s=90):
        deadline = time.monotonic() + timeout_s
        while not happened():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {timeout_s} s: {what}\n{self.counters()}\n{self.log()[-4000:]}")
            time.sleep(0.02)

    def wait_for_counter(self, name, value):
        self.wait_for(f"{name} {value}", lambda: self.counters()[name] == value)

    def wait_drained(self):
        """Everything is delivered or dead, and acknowledged."""
        self.wait_for_counter("delivery_backlog_messages", 0)

    def events(self, event):
        lines = [line for line in self.log().splitlines() if line.startswith("{")]
        return [entry for entry in map(json.loads, lines) if entry["event"] == event]

    def letters(self):
        """What `spool --dead ls` tells of the dead letters."""
        return [json.loads(line) for line in self.dead("ls", "--json").splitlines()]

    def dead(self, command, *arguments, check=True):
        return self.ctl("spool", "--dead", command, "--config", str(self.config_path), *arguments, check=check)
