"""CPU per message by the number of connections: active ones, and idle ones beside them; and by the number of cores."""

import contextlib
import statistics
import tempfile
import time

from comparison.common import Failed, free_port
from comparison.peers.floor import Floor
from comparison.running import Running
from comparison.tables import markdown_table

from .generator import Background, send
from .server import Scaled, counters, most_connections, place_in, resident_bytes

ACTIVE = (10, 100, 1000, 10000)
IDLE = (0, 10000, 100000)
BESIDE_IDLE = 50           # active connections
OPEN_S_MAX = 180           # until all idle connections are open
SOURCES_OF = 20000         # connections from one source address
RAMP, WARM_UP = "2s", "2s"  # the connections are opened, and each has had its first messages, before the clock is read


def cost(running, place, cpu, connections, seconds):
    """(CPU µs a message, figures) of a closed loop of so many seconds."""
    figures = send(place, cpu, "--connections", connections, "--sources", 1 + connections // SOURCES_OF, "--ramp", RAMP,
                   "--warmup", WARM_UP, "--duration", f"{seconds}s", "--pid", running.process.pid)
    return figures["server_cpu"]["us_per_message"], figures


def medians(samples):
    return [statistics.median(column) for column in zip(*samples)]


def rows_of(title, keys, measure, rounds, say):
    """A row for each of `keys`: median CPU, its ratio to the first, messages/s; rounds go through all keys in turn."""
    samples = {key: [] for key in keys}
    for number in range(1, rounds + 1):
        for key in keys:
            cpu_us, *rest = measure(key)
            samples[key].append((cpu_us, *rest))
            say(f"{title}, round {number}: {key}: {cpu_us:.2f} us CPU a message")
    ratios = {key: statistics.median(mine[0] / first[0] for mine, first in zip(samples[key], samples[keys[0]]))
              for key in keys}
    return [(key, *medians(samples[key]), ratios[key]) for key in keys]


def active(options, say):
    """The floor, too: what more connections cost it is the kernel's and the caches' share."""
    for name, server in {"floor": Floor(), "discard": Scaled("discard"), "spool": Scaled("spool")}.items():
        def measure(connections, server=server):
            with tempfile.TemporaryDirectory(dir=options.work) as folder:
                place = place_in(folder, options, free_port())
                with Running(server, place, options.server_cpu) as running:
                    cpu_us, figures = cost(running, place, {options.generator_cpu}, connections, options.seconds)
                    return cpu_us, figures["messages_per_second"], figures["latency_us"]["data"]["p99"] / 1e3

        counts = [count for count in ACTIVE if count <= most_connections()]
        rows = rows_of(f"{name}, active connections", counts, measure, options.rounds, say)
        yield markdown_table([[f"active connections, {name}", "CPU µs per message", "× 10", "messages/s", "p99, ms"],
                              *[[f"{key:,}", f"{cpu:.1f}", f"{ratio:.2f}", f"{rate:,.0f}", f"{p99:.1f}"]
                                for key, cpu, rate, p99, ratio in rows]])


@contextlib.contextmanager
def idle_connections(place, cpu, count):
    """`count` connections that have said EHLO; one of them sends a message every hundred seconds. As many generators as the
    limit on open files makes necessary."""
    generators = -(-count // most_connections())
    with contextlib.ExitStack() as running:
        for number in range(generators):
            share = count // generators + (number < count % generators)
            running.enter_context(Background(place, cpu, "--connections", share, "--sources", 1 + count // SOURCES_OF, "--rate",
                                             0.01 / generators, "--duration", "1h", "--timeout", "2h"))
        yield


def wait_open(place, count):
    deadline = time.monotonic() + OPEN_S_MAX
    while (seen := counters(place)["connections_open"]) < count:
        if time.monotonic() > deadline:
            raise Failed(f"only {seen} of {count} connections were open after {OPEN_S_MAX} s")
        time.sleep(0.2)


def idle(options, say):
    cores = -(-(max(IDLE) + BESIDE_IDLE) // most_connections())  # the limit on open files is that of a core, here

    def measure(count):
        with tempfile.TemporaryDirectory(dir=options.work) as folder:
            place = place_in(folder, options, free_port())
            with Running(Scaled("spool", cores=cores, memory="4GiB"), place, options.server_cpu) as running:
                cost(running, place, {options.generator_cpu}, BESIDE_IDLE, 2)
                before = resident_bytes(running.process.pid)
                if count == 0:
                    return cost(running, place, {options.generator_cpu}, BESIDE_IDLE, options.seconds)[0], 0.0
                with idle_connections(place, {options.generator_cpu}, count):
                    wait_open(place, count)
                    memory = (resident_bytes(running.process.pid) - before) / count
                    return cost(running, place, {options.generator_cpu}, BESIDE_IDLE, options.seconds)[0], memory

    rows = rows_of("idle connections", IDLE, measure, options.rounds, say)
    yield markdown_table([[f"idle connections beside {BESIDE_IDLE} active ones, spool, {cores} threads", "CPU µs per message", "× none",
                           "ringmx's octets each"],
                          *[[f"{key:,}", f"{cpu:.1f}", f"{ratio:.2f}", f"{memory:,.0f}" if key else "–"]
                            for key, cpu, memory, ratio in rows]])


def cores(options, say):
    both = {options.server_cpu, options.generator_cpu}

    def measure(count):
        with tempfile.TemporaryDirectory(dir=options.work) as folder:
            place = place_in(folder, options, free_port())
            with Running(Scaled("spool", cores=count), place, both if count > 1 else {options.server_cpu}) as running:
                generator = both if count > 1 else {options.generator_cpu}
                cpu_us, figures = cost(running, place, generator, 200, options.seconds)
                return cpu_us, figures["messages_per_second"]

    rows = rows_of("cores", (1, 2), measure, options.rounds, say)
    yield markdown_table([["cores", "CPU µs per message", "× 1", "messages/s"],
                          *[[str(key), f"{cpu:.1f}", f"{ratio:.2f}", f"{rate:,.0f}"] for key, cpu, rate, ratio in rows]])
