"""CPU per message with an empty spool and with one that holds much, and how fast recovery reads it after kill -9."""

import json
import os
import signal
import tempfile
import time

from comparison.common import Failed, free_port
from comparison.running import Running
from comparison.tables import markdown_table

from .connections import cost
from .generator import send
from .server import Scaled, counters, place_in, resident_bytes

CONNECTIONS = 200
STEP = 1_000_000           # messages of one run of the generator while the spool is filled


def log_octets(place):
    """What recovery has to read: segments that hold something, by what they hold on disk."""
    return sum(path.stat().st_blocks * 512 for path in (place.folder / "spool").rglob("*") if path.is_file())


def drop_caches():
    """So that recovery reads the disk, also where the file system has no O_DIRECT. Only root may."""
    os.sync()
    try:
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
            file.write("3")
        return True
    except OSError:
        return False


def recovery_events(place):
    """The log's lines about recovery."""
    lines = (place.folder / "ringmx.log").read_text(errors="replace").splitlines()
    return [entry for entry in map(json.loads, filter(lambda line: line.startswith("{"), lines))
            if entry["event"].startswith("recovery")]


class Spool:
    """A spool that is filled and measured, killed, and recovered, again and again."""

    def __init__(self, options, folder, say):
        self.options, self.say = options, say
        self.server = Scaled("spool")
        self.place = place_in(folder, options, free_port())
        self.cpu = {options.generator_cpu}

    def running(self):
        return Running(self.server, self.place, self.options.server_cpu)

    def cost_us(self, running):
        return cost(running, self.place, self.cpu, CONNECTIONS, self.options.seconds)[0]

    def kept(self):
        return counters(self.place)["messages_stored"]

    def fill(self, held, wanted):
        while held < wanted:
            step = min(STEP, wanted - held)
            send(self.place, self.cpu, "--connections", CONNECTIONS, "--messages", step, wanted=step)
            held += step
            self.say(f"{held:,} messages in the spool")

    def filled(self, held, wanted):
        """From `held` messages to `wanted` and some, and killed: how many it holds, CPU µs per message, resident octets."""
        with self.running() as running:
            self.fill(held, wanted)
            us = self.cost_us(running)
            held += self.kept()
            resident = resident_bytes(running.process.pid)
            running.process.send_signal(signal.SIGKILL)
            running.process.wait()
        return held, us, resident

    def recovered(self):
        """Octets of log, and seconds from the start to the first banner."""
        octets = log_octets(self.place)
        begun = time.monotonic()
        with self.running() as running:
            seconds = time.monotonic() - begun
            events = recovery_events(self.place)
            self.say(f"recovery: {events[-1] if events else 'no line in the log'}")
            if (code := running.stop()) != 0:
                raise Failed(f"ringmx ended with {code}:\n{running.output()}")
        return octets, seconds


def run(options, say):
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        spool = Spool(options, folder, say)
        with spool.running() as running:
            empty_us = spool.cost_us(running)
            held = spool.kept()
            empty = resident_bytes(running.process.pid)
            running.stop()
        say(f"empty: {empty_us:.2f} us CPU a message")
        rows = [["spool holds", "CPU µs per message", "× empty", "resident, MiB", "log on disk, GiB",
                 "recovery after kill -9: s", "GiB/s"],
                ["nothing", f"{empty_us:.1f}", "1.00", f"{empty / 2**20:.0f}", "", "", ""]]
        for wanted in sorted(options.messages):
            held, us, resident = spool.filled(held, wanted)
            cold = drop_caches()
            octets, seconds = spool.recovered()
            found = spool.server.kept(spool.place)
            if found != held:
                raise Failed(f"{held} messages were acknowledged, the spool holds {found}")
            rows.append([f"{held:,} messages", f"{us:.1f}", f"{us / empty_us:.2f}", f"{resident / 2**20:.0f}",
                         f"{octets / 2**30:.1f}", f"{seconds:.1f}", f"{octets / 2**30 / seconds:.2f}"])
        yield markdown_table(rows)
        yield ("The page cache was dropped before each recovery." if cold else
               "The page cache could not be dropped before the recovery: without O_DIRECT, part of the log was read from memory.")
