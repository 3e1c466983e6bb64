"""The test driver behind tools/test: runs the stages, prints one line for each, and the total as its last line."""

import argparse
import shutil
import sys
import time

import process
from builds import Builds
from results import Tally
from stages import NEEDS, QUICK, STAGES


def parse_arguments():
    stages = "\n".join(f"  {name:9}{function.__doc__}" for name, function in STAGES.items())
    parser = argparse.ArgumentParser(prog="tools/test", epilog="stages:\n" + stages,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only " + ", ".join(QUICK) + ", with fewer messages")
    parser.add_argument("--only", action="append", choices=list(STAGES), metavar="STAGE", help="only this stage")
    return parser.parse_args()


def run_stage(name, builds, options):
    started = time.monotonic()
    print(f"{name:8} ...", flush=True)
    try:
        tally = STAGES[name](builds, options)
    except Exception as error:  # a stage that breaks is a failure of that stage, not of the others
        print(f"{name}: {type(error).__name__}: {error}")
        tally = Tally(failures=[f"{name}: the stage itself"])
    left = process.leftovers()
    if left:
        tally.failures.append(f"{name}: left running: {', '.join(left)}")
    for failure in tally.failures:
        print(f"  FAILED  {failure}")
    for skipped in tally.skipped:
        print(f"  skipped {skipped}")
    print(f"{name:8} {tally.text()} ({time.monotonic() - started:.0f} s)", flush=True)
    return tally


def main():
    options = parse_arguments()
    names = options.only or (QUICK if options.quick else list(STAGES))
    process.become_subreaper()
    process.end_all_on_signals()
    shutil.rmtree(process.LOGS, ignore_errors=True)
    process.LOGS.mkdir(parents=True)
    builds = Builds(NEEDS[name] for name in names if name in NEEDS)
    total = Tally()
    try:
        for name in names:
            total.add(run_stage(name, builds, options))
    finally:
        process.end_all()
        process.leftovers()
    if total.skipped:
        print(f"{len(total.skipped)} skipped, for the reasons given above")
    print(f"{total.passed} passed, {len(total.failures)} failed", flush=True)
    return 1 if total.failures or total.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
