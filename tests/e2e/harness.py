"""The real programs under test: a configuration in a folder of its own, a server on a free loopback port, ringmxctl.

A Server is a context manager. Leaving it ends the process with SIGTERM and checks that the exit code is 0 and that no
sanitizer complained, so that every test also tests an orderly end.
"""

import json
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("RINGMX_BIN", ROOT / "build" / "release" / "bin"))
SCRATCH = ROOT / "build" / "e2e-tmp" / str(os.getpid())  # on the file system of the checkout: /tmp may lack O_DIRECT

# Set by the command line of the runner (__main__.py).
SHORT = False      # fewer messages and connections
SANITIZED = False  # programs with a sanitizer: no memory figures, more patience

READY_S_MAX = 60
STOP_S_MAX = 60
COMPLAINTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error:")


def scaled(full, short):
    return short if SHORT else full


def raise_file_limit(wanted):
    """Lets this process and its children open `wanted` files, or as many as it may. Returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return soft
    for new_soft, new_hard in ((wanted, max(wanted, hard)), (min(wanted, hard), hard)):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (new_soft, new_hard))
            return new_soft
        except (ValueError, OSError):
            continue
    return soft


ports_given = set()
ports_by_chance = random.Random(os.getpid())  # other runs go on at the same time


def free_port():
    """A free port below those that the kernel gives to clients, so that a server that is started later, or again, finds it
    free; each once."""
    while True:
        port = ports_by_chance.randrange(12000, 30000)
        if port in ports_given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports_given.add(port)
        return port


def toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml_value(item)}" for key, item in value.items()) + " }"
    return json.dumps(str(value))


def toml_text(sections):
    lines = []
    for name, keys in sections.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {toml_value(value)}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def program(name):
    path = BIN / name
    if not path.exists():
        raise AssertionError(f"{path} has not been built")
    return str(path)


def plugin_path(name):
    """One of the plugins of tests/plugins."""
    path = BIN.resolve().parent / "lib" / "ringmx-tests" / f"{name}.so"
    if not path.exists():
        raise AssertionError(f"{path} has not been built")
    return str(path)


def new_folder(name, parent=SCRATCH):
    parent.mkdir(parents=True, exist_ok=True)
    return pathlib.Path(tempfile.mkdtemp(prefix=name + "-", dir=parent))


class Server:
    """`overrides` are {"section": {"key": value}} on top of a small, quick default; None removes a key."""

    def __init__(self, overrides=None, folder=None, expect_exit=0, files_max=None):
        self.folder = folder or new_folder("server")
        self.owns_folder = folder is None
        self.port = free_port()
        self.expect_exit = expect_exit
        self.files_max = files_max
        self.environment = {}  # more of it
        self.process = None
        self.log_path = self.folder / "server.log"
        self.config_path = self.folder / "ringmx.toml"
        self.sections = {
            "server": {"hostname": "mx.test", "listen": [f"127.0.0.1:{self.port}"], "cores": 2, "pin": False,
                       "memory": "256MiB", "shutdown_grace": 20},
            "accept": {"domains": ["example.com"]},
            "smtp": {},
            "timeouts": {},
            "storage": {"backend": "spool"},
            "storage.spool": {"path": "spool", "segment_size": "8MiB", "min_free": "16MiB",
                              "require_direct_io": False},
            "log": {},
        }
        for section, keys in (overrides or {}).items():
            self.sections.setdefault(section, {}).update(keys)
        for keys in self.sections.values():
            for key in [key for key, value in keys.items() if value is None]:
                del keys[key]

    # --- life -------------------------------------------------------------------------------------------------------
    def write_config(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config_path.write_text(toml_text(self.sections))

    def launch(self):
        """Starts the process without waiting until it serves."""
        self.write_config()
        limit = (lambda: raise_file_limit(self.files_max)) if self.files_max else None
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [program("ringmx"), "serve", "--config", str(self.config_path)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=limit,
                env={**os.environ, **self.environment})

    def start(self):
        self.launch()
        try:
            self.wait_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def wait_ready(self):
        deadline = time.monotonic() + READY_S_MAX
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.log()}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), 5) as probe:
                    if probe.recv(4).startswith(b"220"):
                        return
            except OSError:
                pass
            time.sleep(0.01)
        raise AssertionError(f"no 220 within {READY_S_MAX} s:\n{self.log()}")

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout_s=STOP_S_MAX):
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running {timeout_s} s after SIGTERM:\n{self.log()[-4000:]}") from None

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        """SIGTERM, then the checks that every test ends with."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.terminate()
        code = self.wait()
        self.process = None
        text = self.log()
        for complaint in COMPLAINTS:
            if complaint in text:
                raise AssertionError(f"sanitizer:\n{text[text.index(complaint):][:6000]}")
        if code != self.expect_exit:
            raise AssertionError(f"exit code {code}, not {self.expect_exit}:\n{text[-4000:]}")

    def __enter__(self):
        return self.start()

    def __exit__(self, error_type, error, trace):
        try:
            if error_type is None:
                self.stop()
            else:
                self.kill()
                print(f"--- server log of the failed test\n{self.log()[-3000:]}\n---")
        finally:
            self.kill()
            self.remove()
        return False

    def remove(self):
        if self.owns_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- looking at it ----------------------------------------------------------------------------------------------
    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def memory_kib(self, field):
        """VmRSS (now) or VmHWM (at most so far) of the process."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
        raise AssertionError(f"no {field}")

    def ctl(self, *arguments, check=True):
        result = subprocess.run([program("ringmxctl"), *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                                timeout=600, check=False)
        if check and result.returncode != 0:
            raise AssertionError(f"ringmxctl {' '.join(arguments)}: exit {result.returncode}: "
                                 f"{result.stderr.decode(errors='replace')}")
        return result.stdout if check else result

    def spool(self, command, *arguments, check=True):
        return self.ctl("spool", command, "--config", str(self.config_path), *arguments, check=check)

    def listing(self):
        """What `spool ls` knows of every message: id, cursor, size, from, recipients."""
        return [json.loads(line) for line in self.spool("ls", "--json").splitlines()]

    def stored(self):
        """Every stored message, whole, in the order of the spool: [(listing entry, bytes)]."""
        entries = self.listing()
        return list(zip(entries, split_export(self.spool("export", "--to", "-"), entries), strict=True))


def split_export(mbox, entries):
    """Cuts `spool export --to -` into messages by their listed sizes: a body may itself hold a line "From "."""
    messages = []
    at = 0
    for entry in entries:
        if not mbox.startswith(b"From ", at):
            raise AssertionError(f"no From line at octet {at} of the export: {mbox[at:at + 40]!r}")
        at = mbox.index(b"\n", at) + 1
        messages.append(mbox[at:at + entry["size"]])
        at += entry["size"]
        if not mbox.endswith(b"\n", at - 1, at):  # a last line without an end was given one
            at += 1
    if at != len(mbox):
        raise AssertionError(f"{len(mbox) - at} octets behind the last message of the export")
    return messages


def without_trace(message, headers=1):
    """A stored message under its trace: without the first `headers` Received headers at its top."""
    at = 0
    for _ in range(headers):
        if not message.startswith(b"Received: ", at):
            raise AssertionError(f"no Received header at octet {at}: {message[at:at + 60]!r}")
        at = message.index(b"\r\n", at) + 2
        while message[at:at + 1] in (b" ", b"\t"):
            at = message.index(b"\r\n", at) + 2
    return message[at:]


class TestCase(unittest.TestCase):
    maxDiff = 2000

    def assert_same_bytes(self, got, expected, what="message"):
        """Equal, or a short report: assertEqual on megabytes takes minutes to explain itself."""
        if got == expected:
            return
        at = next((i for i, (a, b) in enumerate(zip(got, expected)) if a != b), min(len(got), len(expected)))
        self.fail(f"{what}: {len(got)} octets, expected {len(expected)}, different from octet {at} on: "
                  f"{got[max(0, at - 20):at + 40]!r} instead of {expected[max(0, at - 20):at + 40]!r}")

    def only_message(self, server):
        stored = server.stored()
        self.assertEqual(len(stored), 1, "stored messages")
        return stored[0][1]


def need_root(what):
    """A test that needs root runs whenever it can; otherwise it is reported as skipped, with the reason."""
    if os.geteuid() != 0:
        raise unittest.SkipTest(f"{what} needs root")
