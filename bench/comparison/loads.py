"""The loads: what is sent, by whom, and what came of it. A load that misses a 250 fails."""

import contextlib
import dataclasses
import json
import os
import resource
import shlex
import subprocess
import time

from .common import RECIPIENT, SENDER, SMTP_SOURCE, Failed

LOAD_S_MAX = 180
LOADS = {
    "single": "one command at a time (smtp-source)",
    "pipelined": "pipelined (ringmx-load)",
    "bdat": "BDAT (ringmx-load)",
}


@dataclasses.dataclass
class Work:
    """A closed loop: `sessions` connections that stay open, each with one message under way."""
    load: str
    length: int
    messages: int
    sessions: int


@dataclasses.dataclass
class Outcome:
    wall_s: float
    generator_busy: float      # share of the wall time that the generator was on its CPU
    figures: dict              # what ringmx-load wrote; empty for smtp-source


def closed_command(work, place, figures):
    if work.load == "single":
        return [SMTP_SOURCE, "-d", "-s", work.sessions, "-m", work.messages, "-l", work.length,
                "-f", SENDER, "-t", RECIPIENT, f"127.0.0.1:{place.port}"]
    return [place.bin / "ringmx-load", f"127.0.0.1:{place.port}", "--mode", work.load, "--threads", 1,
            "--connections", work.sessions, "--messages", work.messages, "--size", work.length,
            "--from", SENDER, "--to", RECIPIENT, "--quiet", "--json", figures]


def open_command(rate, seconds, length, sessions, place, figures):
    """An open loop; its first second opens the connections and is not measured."""
    return [place.bin / "ringmx-load", f"127.0.0.1:{place.port}", "--mode", "pipelined", "--threads", 1,
            "--connections", sessions, "--rate", rate, "--warmup", "1s", "--duration", f"{seconds}s", "--drain", "2s",
            "--size", length, "--from", SENDER, "--to", RECIPIENT, "--quiet", "--json", figures]


def run(command, cpu):
    """Exit code, output, wall and CPU seconds of a generator on its own CPU; it does not outlive this function."""
    begun = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True,
                               preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        output = process.communicate(timeout=LOAD_S_MAX)[0].decode(errors="replace")
    except BaseException as error:
        process.kill()
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise Failed(f"{shlex.join(map(str, command))} had not ended after {LOAD_S_MAX} s") from None
        raise
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return process.returncode, output, time.monotonic() - begun, cpu_s


def run_closed(work, place, cpu):
    """Sends the messages; fails unless each got its 250 (smtp-source ends with an error otherwise)."""
    path = place.folder / "figures.json"
    command = closed_command(work, place, path)
    code, output, wall_s, cpu_s = run(command, cpu)
    if code != 0:
        raise Failed(f"{shlex.join(map(str, command))} ended with {code}:\n{output[-1500:]}{errors_in(path)}")
    if work.load == "single":
        return Outcome(wall_s, cpu_s / wall_s, {})
    figures = json.loads(path.read_text())
    acknowledged = figures["messages"]["acknowledged"]
    if acknowledged != work.messages:
        raise Failed(f"only {acknowledged} of {work.messages} messages were acknowledged")
    return Outcome(figures["window_s"], figures["generator"]["busy"], figures)


def run_open(rate, seconds, length, sessions, place, cpu):
    """Messages that are not sent or not answered within the drain are no failure here: they show in the figures."""
    path = place.folder / "figures.json"
    command = open_command(rate, seconds, length, sessions, place, path)
    code, output, _, _ = run(command, cpu)
    if code not in (0, 2) or not path.exists():
        raise Failed(f"{shlex.join(map(str, command))} ended with {code}:\n{output[-1500:]}")
    figures = json.loads(path.read_text())
    refused = figures["messages"]["rejected_4xx"] + figures["messages"]["rejected_5xx"] + figures["messages"]["failed"]
    if refused:
        raise Failed(f"{refused} messages were refused or failed at {rate} messages/s{errors_in(path)}")
    return figures


def errors_in(path):
    with contextlib.suppress(OSError, ValueError, KeyError):
        figures = json.loads(path.read_text())
        return f"\nreplies {figures['replies']}, errors {figures['errors']}"
    return ""
