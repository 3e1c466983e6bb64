"""A cluster of librdkafka's mock brokers, and a reader of its records as docs/backends.md has readers do it."""

import collections
import json
import shutil
import subprocess
import time

import harness

# The mock keeps 5 MiB of each partition: what is sent ahead of the reader must stay below that.
AHEAD_OCTETS_MAX = 4 * 1024 * 1024


class MockKafkaCluster:
    """A context manager. `units` is what whole units have been read: {unit: [(headers, content), ...]}, a copy for each
    time that all its chunks came."""

    def __init__(self, topic="mail", partitions=8):
        self.folder = harness.new_folder("kafka")
        self.process = subprocess.Popen(
            [harness.program("mock_kafka_cluster"), topic, str(partitions), str(self.folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.brokers = self.process.stdout.readline().strip().split(",")
        self.units = collections.defaultdict(list)
        self.chunks = collections.defaultdict(dict)
        self.records = 0
        self.index = None

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.process.stdin.close()
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.process.stdout.close()
        if self.index:
            self.index.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        if code != 0 and not _error[0]:
            raise AssertionError(f"mock_kafka_cluster ended with {code}")

    def order(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        if self.process.stdout.readline() != "ok\n":
            raise AssertionError("mock_kafka_cluster has ended")

    def kill(self):
        """No broker answers, and none can be reached; what they have, they keep."""
        self.order("down")

    def start(self):
        self.order("up")

    def read(self):
        """Takes in what has been written down since the last time."""
        if self.index is None:
            if not (self.folder / "index").exists():
                return
            self.index = open(self.folder / "index", encoding="utf-8")
        while True:
            at = self.index.tell()
            line = self.index.readline()
            if not line.endswith("\n"):
                self.index.seek(at)
                return
            self._take(json.loads(line))

    def _take(self, headers):
        path = self.folder / str(headers["record"])
        content = path.read_bytes()
        path.unlink()
        self.records += 1
        unit = headers["Ringmx-Unit"]
        if "Ringmx-Chunk" not in headers:
            self.units[unit].append((headers, content))
            return
        number, count = map(int, headers["Ringmx-Chunk"].split("/"))
        chunks = self.chunks[unit, headers["Ringmx-Chunk-Octets"]]
        chunks[number] = (headers, content)
        if len(chunks) == count:
            if len({chunk["partition"] for chunk, _ in chunks.values()}) != 1:
                raise AssertionError(f"the chunks of {unit} are in several partitions")
            self.units[unit].append((chunks[1][0], b"".join(chunks[n][1] for n in range(1, count + 1))))
            chunks.clear()

    def wait_units(self, count, timeout_s=120):
        deadline = time.monotonic() + timeout_s
        while self.read() or len(self.units) < count:
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(self.units)} of {count} units read within {timeout_s} s")
            time.sleep(0.01)
