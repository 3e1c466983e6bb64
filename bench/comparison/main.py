"""The command line of bench/compare."""

import argparse
import os
import pathlib
import sys

from . import document, install, machine, plan as plans
from .common import ROOT, SMTP_SOURCE, Failed, Interrupted
from .cpu import Cgroup
from .loads import LOADS
from .measure import Measuring, say
from .peers.base import Place
from .results import Results
from .running import run_command
from .servers import SERVERS

DOCS = ROOT / "docs"
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20}


def length(text):
    for unit, octets in UNITS.items():
        if text.endswith(unit):
            return int(text.removesuffix(unit)) * octets
    return int(text)


def listed(one=str, allowed=None):
    def parse(text):
        values = tuple(one(word) for word in text.split(","))
        unknown = [str(value) for value in values if allowed and value not in allowed]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are: {', '.join(allowed)}")
        return values
    return parse


def positive(text):
    if int(text) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return int(text)


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="bench/compare", description="What a message costs ringmx and other SMTP servers, side by side. Without "
        "arguments: everything, and docs/benchmarks.md is written anew.", epilog="Method: docs/benchmarks.md.")
    add = parser.add_argument
    add("--quick", action="store_true", help="a look in a couple of minutes: one round, 1 KiB, fewer messages; writes no docs")
    add("--servers", type=listed(allowed=SERVERS), help="in the order of each round: " + ",".join(SERVERS))
    add("--loads", type=listed(allowed=(*LOADS, plans.RATE_LOAD)), help=",".join((*LOADS, plans.RATE_LOAD)))
    add("--lengths", type=listed(length), help="of a message, as in 1KiB,1MiB")
    add("--rounds", type=positive, help="of each closed loop")
    add("--rate-rounds", type=positive, help="of the offered rates")
    add("--scale", type=float, help="times as many messages")
    add("--sessions", type=positive, help="connections")
    add("--results", type=pathlib.Path, help="add the samples to this file, which may hold those of other stretches")
    add("--render", action="store_true", help="measure nothing: write docs/benchmarks.md and its plots from --results")
    add("--markdown", type=pathlib.Path, help="also write the tables there")
    add("--beside", type=listed(allowed=SERVERS), default=document.BESIDE, help="the servers that printed ratios are to")
    add("--log", choices=("all", "errors", "none"), default="all", help="ringmx's log.transactions")
    add("--server-cpu", type=int, default=0)
    add("--generator-cpu", type=int, default=1)
    add("--bin", type=pathlib.Path, help="ringmx's programs; without it they are built")
    add("--work", type=pathlib.Path, default=ROOT / "build/compare/run",
        help="folder for spools and queues, on the disk that is to be measured")
    add("--downloads", type=pathlib.Path, default=ROOT / "build/compare", help="folder for what is fetched")
    add("--no-install", action="store_true", help="fetch nothing: leave out what is missing")
    return parser.parse_args(arguments)


def plan_of(options):
    plan = plans.quick() if options.quick else plans.Plan()
    for key in ("loads", "lengths", "rounds", "rate_rounds", "scale", "sessions"):
        if getattr(options, key) is not None:
            setattr(plan, key, getattr(options, key))
    if min(plan.lengths, default=1) < 1 or plan.scale <= 0:
        raise Failed("lengths and --scale must be positive")
    return plan


def is_whole(options):
    """Whether this is the comparison that docs/benchmarks.md shows, not a part of it."""
    return not (options.quick or any(getattr(options, key) is not None for key in (
        "servers", "loads", "lengths", "rounds", "rate_rounds", "scale", "sessions", "results", "bin")))


def usable(names, plan, options):
    """The servers that can run here; a line for each of the others."""
    place = Place(options.work, 0, options.bin, options.downloads, options.log)
    for name in names:
        server = SERVERS[name]
        why = "it needs root" if server.needs_root and os.geteuid() != 0 else server.missing(place)
        if why is None:
            yield server
        else:
            say(f"{server.title} is left out: {why}")


def clock():
    group = Cgroup.make("probe")
    if group is None:
        return "the sum over the processes of a server, with the times of children that ended"
    group.remove()
    return "cpu.stat of a control group (v2) of its own for each server, so that all its processes count, ended ones included"


def prepare(options, names, plan):
    if {options.server_cpu, options.generator_cpu} - os.sched_getaffinity(0):
        raise Failed("--server-cpu or --generator-cpu is no CPU that this process may run on")
    if not options.no_install:
        install.install(names, plan.loads, options.downloads)
    if options.bin is None:
        if not install.build():
            raise Failed("ringmx could not be built")
        options.bin = ROOT / "build/release/bin"
    options.bin, options.downloads = options.bin.resolve(), options.downloads.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    options.work = options.work.resolve()
    needed = {SMTP_SOURCE} if "single" in plan.loads else set()
    if set(plan.loads) - {"single"}:
        needed.add(options.bin / "ringmx-load")
    for program in needed:
        if not os.access(program, os.X_OK):
            raise Failed(f"{program} is missing; without it these loads cannot run")


def measure(options):
    """Takes the samples; the results, and whether all went well."""
    plan, names = plan_of(options), options.servers or tuple(SERVERS)
    path = options.results or ROOT / "build/compare/results.json"
    results = Results.load(path) if options.results and path.exists() else Results(path)
    prepare(options, names, plan)
    servers = list(usable(names, plan, options))
    if not servers:
        raise Failed("no server can run here")
    results.begin_run({**machine.this_run(clock(), options.log), "sessions": plan.sessions})
    place = Place(options.work, 0, options.bin, options.downloads)
    results.versions.update({server.name: server.version(place) for server in servers})
    measuring = Measuring(options, plan, servers, results)
    try:
        measuring.all()
    except Interrupted:
        say(f"interrupted; the samples so far are in {results.path}")
        raise
    return results, not measuring.failures


def run(options):
    if options.render:
        path = options.results or ROOT / "build/compare/results.json"
        if not path.exists():
            raise Failed(f"{path} does not exist: measure first, or name the file with --results")
        results, good = Results.load(path), True
    else:
        results, good = measure(options)
        print(document.body(results, beside=options.beside), end="")
    if options.markdown:
        options.markdown.write_text(document.body(results, beside=options.beside))
    if options.render or is_whole(options):
        for path in document.render(results, DOCS):
            say(f"written: {path.relative_to(ROOT)}")
    return 0 if good else 1


def main(arguments):
    options = parse_arguments(arguments)
    return run_command("bench/compare", lambda: run(options))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
