"""Runs backend_driver (tests/backends) and reads what it says: for the tests of shared-object backends."""

import collections
import os
import pathlib
import subprocess
import threading
import time

import harness
import mailgen

Done = collections.namedtuple("Done", "id file status attempt text")
KIB, MIB = 1024, 1 << 20


def write_mails(folder, count, seed=0):
    """`count` mails, most of them small, one in 100 of 2 to 4 MiB, and three of 10 MiB."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        if number in (count // 4, count // 2, count - 1):
            size = 10 * MIB
        elif number % 100 == 50:
            size = 2 * MIB + number * 1000
        elif number % 10 == 5:
            size = 40 * KIB + number * 500
        else:
            size = 0
        (folder / f"{number:06d}.eml").write_bytes(mailgen.message(seed + number, size))


def environment():
    """OpenSSL is not instrumented: ThreadSanitizer takes its reference counts for races."""
    suppressions = pathlib.Path(__file__).resolve().parent / "tsan_openssl.supp"
    options = [os.environ.get("TSAN_OPTIONS", ""), f"suppressions={suppressions}"]
    return {**os.environ, "TSAN_OPTIONS": ":".join(filter(None, options))}


class Driver:
    """One run. `done` grows while it goes on: a Done for each completion, in their order."""

    def __init__(self, backend, folder, options, errors_path, to=("user@example.com",), seed=1, retry=True, deadline_s=300,
                 in_flight=256, arguments=()):
        so = harness.BIN.parent / "lib" / "ringmx" / f"ringmx-{backend}.so"
        command = [harness.program("backend_driver"), str(so), str(folder), "--seed", str(seed),
                   "--deadline", str(deadline_s), "--in-flight", str(in_flight)]
        for name, values in options.items():
            for value in values if isinstance(values, (list, tuple)) else [values]:
                command += ["-o", f"{name}={value}"]
        for address in to:
            command += ["--to", address]
        command += (["--retry"] if retry else []) + list(arguments)
        self.done, self.lines = [], []
        self.opened, self.counters, self.false, self.unfinished = None, {}, [], []
        self.changed = threading.Condition()
        self.errors_path = errors_path
        with open(self.errors_path, "wb") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
                                            env=environment())
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for raw in self.process.stdout:
            fields = raw.decode("utf-8", "replace").rstrip("\n").split("\t")
            with self.changed:
                self.lines.append(fields)
                if fields[0] == "done":
                    self.done.append(Done(*fields[1:5], fields[5] if len(fields) > 5 else ""))
                elif fields[0] == "open":
                    self.opened = fields
                elif fields[0] == "counter":
                    self.counters[fields[1]] = int(fields[2])
                elif fields[0] == "false":
                    self.false.append(fields)
                elif fields[0] == "unfinished":
                    self.unfinished.append(fields)
                self.changed.notify_all()
        self.process.stdout.close()

    def wait_for(self, condition, what, timeout_s=300):
        """Until condition(self) holds."""
        deadline = time.monotonic() + timeout_s
        with self.changed:
            while not condition(self):
                if self.process.poll() is not None and not self.reader.is_alive():
                    raise AssertionError(f"the driver ended before {what}:\n{self.report()}")
                if time.monotonic() > deadline:
                    raise AssertionError(f"no {what} within {timeout_s} s:\n{self.report()}")
                self.changed.wait(0.2)

    def count(self, status):
        return sum(1 for done in self.done if done.status == status)

    def finish(self, timeout_s=600):
        """Waits for the end; returns the exit code."""
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the driver did not end:\n{self.report()}") from None
        self.reader.join()
        for complaint in harness.COMPLAINTS:
            if complaint in self.errors():
                raise AssertionError(self.errors()[:6000])
        return self.process.returncode

    def errors(self):
        return self.errors_path.read_text(errors="replace")

    def report(self):
        return "\n".join("\t".join(line) for line in self.lines[-20:]) + "\n" + self.errors()[-2000:]

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.kill()
