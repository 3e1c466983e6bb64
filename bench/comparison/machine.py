"""What a figure has to name: machine, kernel, versions, commit, date."""

import datetime
import os
import pathlib
import platform
import shlex
import subprocess
import sys

from .common import ROOT


def cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def checkout_version():
    """The commit of this checkout, if it is one; '+' for one with changes."""
    git = ["git", "-C", str(ROOT)]
    try:
        commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
        changes = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown"
    return (commit.stdout.strip() or "unknown") + ("+" if changes.stdout.strip() else "")


def scheduling():
    """How servers and generators, which inherit it, are scheduled beside whatever else runs."""
    policy = {os.SCHED_FIFO: "SCHED_FIFO", os.SCHED_RR: "SCHED_RR"}.get(os.sched_getscheduler(0))
    if policy:
        return f"{policy} {os.sched_getparam(0).sched_priority}"
    return f"niceness {os.nice(0)}" if os.nice(0) else "normal"


def machine():
    """All that must be equal for two runs to stand in one table."""
    congestion = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    return {"cpu": cpu_model(), "cpus": os.cpu_count(), "kernel": platform.release(), "congestion": congestion}


def this_run(clock, log):
    return {"date": f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}", "commit": checkout_version(),
            "command": shlex.join(["bench/compare", *sys.argv[1:]]), "load_average": round(os.getloadavg()[0], 2),
            "scheduling": scheduling(), "clock": clock, "log": log, "machine": machine()}
