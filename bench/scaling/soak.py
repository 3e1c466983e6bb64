"""Hours in minutes: a steady load from good clients and hard ones, with a consumer that empties the spool. Memory must not
grow, and no good client may see an error."""

import json
import statistics
import subprocess
import tempfile
import time

from comparison.common import Failed, free_port
from comparison.running import Running
from comparison.tables import markdown_table

from .generator import Background
from .server import Scaled, counters, place_in, resident_bytes

SAMPLE_S = 5
CONSUME_S = 30             # between two acknowledgements of everything
CONNECTIONS = 500
SIZES = "1KiB:60,10KiB:30,100KiB:9,2MiB:1"
HARD = ("--slow", "5%", "--stalled", "2%", "--resetting", "5%", "--half-closing", "5%", "--one-shot", "10%")
TOLERANCE = 1.10           # memory of the last quarter against that of the second


def acknowledge_all(place):
    done = subprocess.run([place.bin / "ringmxctl", "spool", "ack", "--all", "--path", place.folder / "spool"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise Failed(f"ringmxctl spool ack ended with {done.returncode}: {done.stderr.decode()}")


def watch(running, place, load, say):
    """[(seconds, resident octets, open connections)] until the load ends."""
    begun, consumed, samples = time.monotonic(), time.monotonic(), []
    while load.process.poll() is None:
        time.sleep(SAMPLE_S)
        if not running.alive():
            raise Failed(f"ringmx ended:\n{running.output()}")
        samples.append((time.monotonic() - begun, resident_bytes(running.process.pid), counters(place)["connections_open"]))
        if time.monotonic() - consumed > CONSUME_S:
            consumed = time.monotonic()
            acknowledge_all(place)
            say(f"{samples[-1][0]:.0f} s: {samples[-1][1] / 2**20:.1f} MiB resident, {samples[-1][2]} connections")
    return samples


def run(options, say):
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        place = place_in(folder, options, free_port(), log="errors")
        figures_path = place.folder / "figures.json"
        with Running(Scaled("spool", memory="512MiB"), place, options.server_cpu) as running:
            before = running.cpu()
            with Background(place, {options.generator_cpu}, "--connections", CONNECTIONS, "--rate", options.rate,
                            "--duration", f"{options.minutes}m", "--warmup", "5s", "--drain", "30s", "--size", SIZES,
                            "--slow-rate", "200", *HARD, figures=figures_path) as load:
                samples = watch(running, place, load, say)
            code = load.process.returncode
            used = running.cpu().since(before).used_ns()
            totals = counters(place)
            if (ended := running.stop()) != 0:
                raise Failed(f"ringmx ended with {ended} after SIGTERM:\n{running.output()}")
        figures = json.loads(figures_path.read_text())
        messages = figures["messages"]
        quarter = max(len(samples) // 4, 1)
        second = statistics.median(octets for _, octets, _ in samples[quarter:2 * quarter] or samples)
        last = statistics.median(octets for _, octets, _ in samples[-quarter:])
        latency = figures["latency_us"]["message"]
        yield markdown_table([
            ["minutes", "messages acknowledged", "failed or refused", "GiB of mail", "CPU µs per message", "p50, p99, p99.9, ms",
             "resident in the second quarter, MiB", "in the last", "×"],
            [str(options.minutes), f"{messages['acknowledged']:,}",
             str(messages["failed"] + messages["rejected_4xx"] + messages["rejected_5xx"]),
             f"{totals['bytes_stored'] / 2**30:.1f}", f"{used / 1e3 / max(messages['acknowledged'], 1):.1f}",
             ", ".join(f"{latency[key] / 1e3:.1f}" for key in ("p50", "p99", "p999")),
             f"{second / 2**20:.1f}", f"{last / 2**20:.1f}", f"{last / second:.2f}"]])
        if code != 0:
            raise Failed(f"ringmx-load ended with {code}: messages {messages}, errors {figures['errors']}")
        if last > second * TOLERANCE:
            raise Failed("memory has grown")
