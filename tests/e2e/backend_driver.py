"""backend_driver (tests/backends) in a test: submits messages to a storage backend and reads what became of each."""

import collections
import dataclasses
import os
import pathlib
import subprocess
import threading
import time

import mailgen
from harness import BIN, COMPLAINTS, program, scaled

LIB = BIN.parent / "lib" / "ringmx"


def backend(name):
    path = LIB / f"ringmx-{name}.so"
    if not path.exists():
        raise AssertionError(f"{path} has not been built")
    return str(path)


@dataclasses.dataclass
class Done:
    id: str
    file: str
    status: str
    attempt: int
    text: str


class Driver:
    """A running driver. Leaving the `with` block ends it; finish() waits for its own end and checks it."""

    def __init__(self, name, folder, options, *arguments, to=("user@example.com",), expect_exit=0):
        command = [program("backend_driver"), backend(name), str(folder)]
        for key, value in options.items():
            values = value if isinstance(value, (list, tuple)) else [value]
            command += [word for one in values
                        for word in ("-o", f"{key}={str(one).lower() if isinstance(one, bool) else one}")]
        for address in to:
            command += ["--to", address]
        self.expect_exit = expect_exit
        self.changed = threading.Condition()
        self.done = []              # every completion, in order
        self.logs = []              # (level, text)
        self.counters = {}
        self.other = []             # lines of another kind
        self.errors = ""
        self.process = subprocess.Popen([*command, *map(str, arguments)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.readers = [threading.Thread(target=self.read_output, daemon=True),
                        threading.Thread(target=self.read_errors, daemon=True)]
        for reader in self.readers:
            reader.start()

    def read_output(self):
        for line in self.process.stdout:
            kind, *fields = line.decode(errors="replace").rstrip("\n").split("\t")
            with self.changed:
                if kind == "done":
                    self.done.append(Done(fields[0], fields[1], fields[2], int(fields[3]), fields[4]))
                elif kind == "log":
                    self.logs.append(tuple(fields))
                elif kind == "counter":
                    self.counters[fields[0]] = int(fields[1])
                else:
                    self.other.append((kind, *fields))
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def read_errors(self):
        self.errors = self.process.stderr.read().decode(errors="replace")

    def wait_for(self, condition, limit_s=300):
        """Until condition(self) holds, looked at after each line of output."""
        with self.changed:
            deadline = time.monotonic() + limit_s
            while not condition(self):
                if time.monotonic() > deadline or not self.readers[0].is_alive():
                    raise AssertionError(f"it did not come to that; {self.report()}")
                self.changed.wait(1)

    def wait_for_stored(self, count, limit_s=300):
        self.wait_for(lambda driver: len(driver.files("stored")) >= count, limit_s)

    def files(self, status):
        return {done.file for done in self.done if done.status == status}

    def report(self):
        counts = collections.Counter(done.status for done in self.done)
        texts = collections.Counter(done.text for done in self.done if done.status != "stored").most_common(5)
        return f"{dict(counts)}, {texts}, {self.logs[-5:]}, {self.other[-5:]}, {self.counters}, {self.errors[-3000:]}"

    def finish(self, limit_s=600):
        try:
            code = self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the driver still runs: {self.report()}") from None
        for reader in self.readers:
            reader.join()
        if code != self.expect_exit or any(complaint in self.errors for complaint in COMPLAINTS):
            raise AssertionError(f"the driver ended with {code}: {self.report()}")
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for reader in self.readers:
            reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return False


def write_messages(folder, numbers):
    """Writes message NUMBER of mailgen as NUMBER.eml; returns {number: content}."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    messages = {}
    for number in numbers:
        messages[number] = mailgen.message(number, mailgen.size_of(number))
        (folder / f"{number:05}.eml").write_bytes(messages[number])
    return messages


def mixed_messages(folder):
    """1,000 messages from some 100 octets to 10 MiB; fewer in a short run, but one of 10 MiB among them."""
    return write_messages(folder, range(1, 1001) if scaled(1, 0) else [*range(1, 40), 50, 200])


def number_of(content):
    """The number in a message's X-Test-Number."""
    at = content.index(b"X-Test-Number: ") + 15
    return int(content[at:content.index(b"\r\n", at)])


def wait_until(condition, what, limit_s=120):
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {limit_s} s")
        time.sleep(0.02)


def descendants(pid):
    """The processes that come from `pid`, itself left out."""
    children = collections.defaultdict(list)
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            children[int(stat.rpartition(")")[2].split()[1])].append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        for child in children[waiting.pop()]:
            found.append(child)
            waiting.append(child)
    return found


def is_running(pid):
    """Whether there is such a process, other than one that has ended and waits for its parent to look."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill_with_descendants(process):
    """SIGKILL to a process of ours and to all that came from it, as a power cut would."""
    victims = [process.pid, *descendants(process.pid)]
    for pid in victims:
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass
    process.wait()
    wait_until(lambda: not any(is_running(pid) for pid in victims[1:]), "killed processes are gone")
