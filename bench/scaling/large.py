"""Long messages into the spool: into segments that are made anew, and beside a consumer that reads them and gives segments back.
What the disk writes besides mail are zeros, with which new segments are prepared."""

import os
import pathlib
import tempfile
import threading

from comparison.common import Failed, free_port
from comparison.running import Running
from comparison.tables import markdown_table

from .generator import send
from .server import Scaled, place_in
from .soak import acknowledge_all

CONNECTIONS = 50
SIZE = "1MiB"
CONSUME_S = 0.5            # between two acknowledgements of everything


class Consumer:
    """Acknowledges all that is stored, again and again, until the block ends; on the generator's CPU."""

    def __init__(self, place, cpu):
        self.place, self.cpu, self.over, self.failure = place, cpu, threading.Event(), None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        os.sched_setaffinity(0, self.cpu)  # of this thread, and so of what it starts
        try:
            while not self.over.wait(CONSUME_S):
                acknowledge_all(self.place)
        except Failed as failure:
            self.failure = failure

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        if self.failure is not None:
            raise self.failure


def written_octets(pid):
    """To disks, by all threads of the process."""
    fields = dict(line.split(": ") for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(fields["write_bytes"])


def measure(running, place, options):
    """A row: messages/s, MB/s of mail, CPU µs per message, octets written for one of mail."""
    pid = running.process.pid
    before = written_octets(pid)
    figures = send(place, {options.generator_cpu}, "--connections", CONNECTIONS, "--size", SIZE, "--duration",
                   f"{options.seconds}s", "--pid", pid)
    written = written_octets(pid) - before
    octets = figures["octets_per_second"]
    mail = figures["messages"]["acknowledged"] * octets / figures["messages_per_second"]
    return [f"{figures['messages_per_second']:,.0f}", f"{octets / 1e6:,.0f}", f"{figures['server_cpu']['us_per_message']:.0f}",
            f"{written / mail:.2f}"]


def run(options, say):
    rows = [[f"messages of {SIZE}, spool, {CONNECTIONS} connections", "messages/s", "MB/s of mail", "CPU µs per message",
             "octets written for one of mail"]]
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(dir=options.work) as folder:
            place = place_in(folder, options, free_port())
            with Running(Scaled("spool"), place, options.server_cpu) as running:
                rows.append(["into new segments", *measure(running, place, options)])
                say(rows[-1])
                with Consumer(place, {options.generator_cpu}):
                    measure(running, place, options)  # until what was there has been given back
                    rows.append(["beside a consumer that acknowledges all", *measure(running, place, options)])
                    say(rows[-1])
    yield markdown_table(rows)
