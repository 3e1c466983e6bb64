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


def run(options, say):
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        place = place_in(folder, options, free_port())
        server = Scaled("spool")
        rows = [["spool holds", "CPU µs per message", "× empty", "resident, MiB", "log on disk, GiB",
                 "recovery after kill -9: s", "GiB/s"]]
        cpu = {options.generator_cpu}
        with Running(server, place, options.server_cpu) as running:
            empty_us, _ = cost(running, place, cpu, CONNECTIONS, options.seconds)
            kept = counters(place)["messages_stored"]
            rows.append(["nothing", f"{empty_us:.1f}", "1.00", f"{resident_bytes(running.process.pid) / 2**20:.0f}", "", "", ""])
            say(f"empty: {empty_us:.2f} us CPU a message")
            while kept < options.messages:
                step = min(STEP, options.messages - kept)
                send(place, cpu, "--connections", CONNECTIONS, "--messages", step, wanted=step)
                kept += step
                say(f"{kept:,} messages in the spool")
            full_us, _ = cost(running, place, cpu, CONNECTIONS, options.seconds)
            kept = counters(place)["messages_stored"]
            memory = resident_bytes(running.process.pid)
            running.process.send_signal(signal.SIGKILL)
            running.process.wait()
        octets = log_octets(place)
        cold = drop_caches()
        begun = time.monotonic()
        with Running(server, place, options.server_cpu) as running:
            took = time.monotonic() - begun
            events = recovery_events(place)
            say(f"recovery: {events[-1] if events else 'no line in the log'}")
            if (code := running.stop()) != 0:
                raise Failed(f"ringmx ended with {code}:\n{running.output()}")
        found = server.kept(place)
        if found != kept:
            raise Failed(f"{kept} messages were acknowledged, the spool holds {found}")
        rows.append([f"{kept:,} messages", f"{full_us:.1f}", f"{full_us / empty_us:.2f}", f"{memory / 2**20:.0f}",
                     f"{octets / 2**30:.1f}", f"{took:.1f}", f"{octets / 2**30 / took:.2f}"])
        yield markdown_table(rows)
        yield ("The page cache was dropped before the recovery." if cold else
               "The page cache could not be dropped before the recovery: without O_DIRECT, part of the log was read from memory.")
