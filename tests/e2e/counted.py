"""A server whose allocations are counted by thread (tests/counting/allocations.cpp is preloaded into it), whose system calls
are traced (strace), and a load that goes on until it is told to end."""

import collections
import contextlib
import json
import mmap
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import time

import harness
from harness import BIN, program
from observed import ObservedServer

WAIT_S_MAX = 60

# The layout of tests/counting/allocations.cpp.
THREADS_MAX, CALLS_MAX, FRAMES_MAX = 64, 64, 14
HEAD = struct.Struct("Q")
THREAD = struct.Struct("QQQ")
CALL = struct.Struct(f"QQ{FRAMES_MAX}Q")


def counting_library():
    path = BIN.resolve().parent / "lib" / "ringmx-tests" / "count_allocations.so"
    if not path.exists():
        raise AssertionError(f"{path} has not been built")
    return str(path)


class CountedServer(ObservedServer):
    """One core, which takes all of the load."""

    def __init__(self, overrides=None, allocations=False):
        sections = {"server": {"cores": 1}}
        for section, keys in (overrides or {}).items():
            sections.setdefault(section, {}).update(keys)
        super().__init__(sections)
        self.counts_path = self.folder / "allocations"
        self.environment = {"LD_PRELOAD": counting_library(),
                            "RINGMX_ALLOCATION_COUNTS": str(self.counts_path)} if allocations else {}

    def status(self):
        return json.loads(self.ctl("status", "--json", "--config", str(self.config_path)))

    def messages(self):
        return self.status()["total"]["messages_stored"]

    def wait_for_messages(self, count):
        """Until `count` messages have been stored, since the server began; how many it were."""
        deadline = time.monotonic() + WAIT_S_MAX
        while (stored := self.messages()) < count:
            if time.monotonic() > deadline:
                raise AssertionError(f"{stored} of {count} messages within {WAIT_S_MAX} s\n{self.log()[-2000:]}")
            time.sleep(0.02)
        return stored

    def thread_names(self):
        """{id: name}"""
        return {int(task.name): (task / "comm").read_text().strip()
                for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()}

    def message_threads(self):
        """Those that a message passes: the core, and the storage worker if there is one."""
        found = {thread: name for thread, name in self.thread_names().items()
                 if name.startswith(("ringmx-core", "ringmx-store"))}
        if not found:
            raise AssertionError(f"no core among {self.thread_names()}")
        return found

    def segments(self):
        """Segments in the table of the spool, as of now: the server takes this number a few times a second, together with that
        of the spool's writes, so the second change of that one says that it was taken after the call."""
        totals = self.status()["total"]
        for _ in range(2):
            writes = totals["storage_batches"]
            deadline = time.monotonic() + WAIT_S_MAX
            while (totals := self.status()["total"])["storage_batches"] == writes:
                if time.monotonic() > deadline:
                    raise AssertionError(f"the spool wrote nothing for {WAIT_S_MAX} s")
                time.sleep(0.02)
        return totals["storage_segments"]

    # --- allocations ------------------------------------------------------------------------------------------------
    def allocations(self):
        """{thread: allocations so far}."""
        with self.counts() as memory:
            places = [THREAD.unpack_from(memory, HEAD.size + place * THREAD.size) for place in range(THREADS_MAX)]
        return {thread: count for thread, count, _ in places if thread != 0}

    @contextlib.contextmanager
    def counts(self):
        with open(self.counts_path, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
            yield memory

    def note_callers(self, threads):
        """From now on, who allocates on these threads is noted down."""
        with self.counts() as memory:
            for at in range(HEAD.size, HEAD.size + THREADS_MAX * THREAD.size, THREAD.size):
                if THREAD.unpack_from(memory, at)[0] in threads:
                    struct.pack_into("Q", memory, at + THREAD.size - 8, 1)

    def callers(self, thread):
        """The stacks of the allocations that were noted down of a thread, each with how often: for a report."""
        stacks = collections.Counter()
        with self.counts() as memory:
            begin = HEAD.size + THREADS_MAX * THREAD.size
            for place in range(CALLS_MAX):
                caller, octets, *frames = CALL.unpack_from(memory, begin + place * CALL.size)
                if caller == thread:
                    stacks[(octets, *[frame for frame in frames if frame])] += 1
        return "\n".join(f"{times} x {stack[0]} octets\n" + self.places(stack[1:])
                         for stack, times in stacks.most_common())

    def places(self, addresses):
        """Functions and lines of addresses in the program."""
        base = None
        maps = pathlib.Path(f"/proc/{self.process.pid}/maps").read_text().splitlines()
        for line in maps:
            if line.endswith(program("ringmx")):
                base = int(line.split("-")[0], 16)
                break
        offsets = [hex(address - base - 1) for address in addresses] if base is not None else []
        found = subprocess.run(["addr2line", "-Cfipse", program("ringmx"), *offsets], capture_output=True, text=True,
                               check=False).stdout.splitlines()
        return "\n".join("    " + line for line in found if not line.startswith("??"))


@contextlib.contextmanager
def steady_load(port, mode, connections=50, *arguments):
    """ringmx-load over connections that stay open, until the block is left."""
    folder = harness.new_folder("load")
    command = [program("ringmx-load"), f"127.0.0.1:{port}", "--mode", mode, "--connections", str(connections),
               "--duration", f"{10 * WAIT_S_MAX}s", "--quiet", "--json", str(folder / "load.json"), *arguments]
    with open(folder / "output", "wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield process
        process.send_signal(signal.SIGINT)
        process.wait(WAIT_S_MAX)
        result = json.loads((folder / "load.json").read_text())
        if result["errors"]:
            raise AssertionError(f"the load met errors: {result['errors']}")
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


class Trace:
    """strace, attached to all threads of a process; {thread: {system call: times}} when it has been let go."""

    START = re.compile(rb"^(\d+) +(\w+)\(", re.MULTILINE)

    def __init__(self, pid, folder):
        self.pid, self.path = pid, folder / "strace"
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(["strace", "-f", "-qq", "-s", "0", "-o", str(self.path), "-p", str(self.pid)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        deadline = time.monotonic() + WAIT_S_MAX
        while not self.attached():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"strace did not attach: {self.process.stderr.read().decode()}")
            time.sleep(0.01)
        return self

    def attached(self):
        tasks = list(pathlib.Path(f"/proc/{self.pid}/task").iterdir())
        return all(f"TracerPid:\t{self.process.pid}\n" in (task / "status").read_text() for task in tasks)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(WAIT_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()

    def calls(self):
        counts = {}
        for thread, name in self.START.findall(self.path.read_bytes()):
            counts.setdefault(int(thread), collections.Counter())[name.decode()] += 1
        return counts
