"""The command line of bench/scale."""

import argparse
import pathlib
import shlex
import sys

from comparison import install, machine
from comparison.common import ROOT, Failed
from comparison.running import run_command

from . import connections, large, soak, spool
from .server import raise_file_limit

PARTS = {"connections": (connections.active, connections.idle), "active": (connections.active,),
         "idle": (connections.idle,), "cores": (connections.cores,), "spool": (spool.run,), "large": (large.run,), "soak": (soak.run,)}


def say(text):
    print(text, file=sys.stderr, flush=True)


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(prog="bench/scale", description="How the cost of a message changes with the work.",
                                     epilog="Figures and what follows from them: docs/capacity.md.")
    add = parser.add_argument
    add("part", choices=PARTS)
    add("--messages", type=int, nargs="+", default=[10_000_000], help="how many the spool is filled with, one after the other")
    add("--seconds", type=int, default=5, help="of each measurement")
    add("--rounds", type=int, default=3)
    add("--minutes", type=int, default=30, help="of the soak")
    add("--rate", type=int, default=1000, help="messages a second of the soak")
    add("--log", choices=("all", "errors", "none"), default="all", help="ringmx's log.transactions, but for the soak")
    add("--server-cpu", type=int, default=0)
    add("--generator-cpu", type=int, default=1)
    add("--bin", type=pathlib.Path, help="ringmx's programs; without it they are built")
    add("--work", type=pathlib.Path, default=ROOT / "build/scale", help="folder for spools, on the disk that is to be measured")
    return parser.parse_args(arguments)


def heading(arguments):
    run = machine.this_run("", "")
    found = run["machine"]
    return (f"- {run['date']}, commit {run['commit']}, {found['cpu']}, {found['cpus']} CPUs, kernel {found['kernel']}; load "
            f"average at the start {run['load_average']:.2f}\n- `{shlex.join(['bench/scale', *arguments])}`\n")


def run(arguments):
    options = parse_arguments(arguments)
    if options.bin is None:
        if not install.build():
            raise Failed("ringmx could not be built")
        options.bin = ROOT / "build/release/bin"
    options.bin = options.bin.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    options.work = options.work.resolve()
    say(f"{raise_file_limit()} open files allowed")
    print(heading(arguments))
    for part in PARTS[options.part]:
        for text in part(options, say):
            print(text + "\n", flush=True)
    return 0


def main(arguments):
    return run_command("bench/scale", lambda: run(arguments))
