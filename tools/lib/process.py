"""Commands of the test driver: run with a log file and a time limit, and leave nothing running behind.

The driver is the subreaper of all it starts: whatever a test leaves behind becomes its child and is found by
leftovers().
"""

import ctypes
import os
import pathlib
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
LOGS = BUILD / "test-logs"

PR_SET_CHILD_SUBREAPER = 36


def become_subreaper():
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run(command, log, timeout_s, env=None):
    """Runs a command in the root of the repository, its output into `log`; returns the exit code, 124 on a timeout."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as out:
        out.write(("$ " + " ".join(map(str, command)) + "\n").encode())
        out.flush()
        child = subprocess.Popen(
            list(map(str, command)), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})}, start_new_session=True)
        try:
            return child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            out.write(f"\nended after {timeout_s} s\n".encode())
            return 124
        except KeyboardInterrupt:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait()
            raise


def children():
    """Processes whose parent is this one, as {pid: name}."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            name, fields = (entry / "stat").read_text().rsplit(")", 1)
        except OSError:
            continue
        state, parent = fields.split()[:2]
        if int(parent) == os.getpid() and state != "Z":
            found[int(entry.name)] = name.split("(", 1)[1]
    return found


def reap():
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


def leftovers():
    """Ends what is still running below this process and returns its names: empty if every test cleaned up."""
    names = []
    for sign in (signal.SIGTERM, signal.SIGKILL):
        reap()
        alive = children()
        if not alive:
            break
        for pid, name in alive.items():
            if name not in names:
                names.append(name)
            try:
                os.kill(pid, sign)
            except ProcessLookupError:
                pass
        time.sleep(2)
    reap()
    return names


def tail(log, lines=40):
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"
