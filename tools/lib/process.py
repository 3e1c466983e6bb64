"""Commands of the test driver: run with a log file and a time limit, and leave nothing running behind.

The driver is the subreaper of all it starts: whatever a test leaves behind becomes its child and is found by
leftovers(). What run() has under way on any thread is not meant by that.
"""

import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
LOGS = BUILD / "test-logs"

PR_SET_CHILD_SUBREAPER = 36
# Priorities count within a session only where the kernel groups tasks by session: there the session's own is lowered, too.
IN_BACKGROUND = ["/bin/sh", "-c", 'echo 19 2>/dev/null >/proc/self/autogroup; exec nice -n 19 "$@"', "background"]

under_way = set()  # pids of what run() has started and not seen end
under_way_lock = threading.RLock()  # a signal may come while the main thread has it
ending = threading.Event()  # nothing more is started
ENDED = 130


def become_subreaper():
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run(command, log, timeout_s, env=None, background=False):
    """Runs a command in the root of the repository, its output into `log`; returns the exit code, 124 on a timeout.

    `background`: with the lowest priority.
    """
    if ending.is_set():
        return ENDED
    log.parent.mkdir(parents=True, exist_ok=True)
    command = list(map(str, command))
    with open(log, "ab") as out:
        out.write(("$ " + " ".join(command) + "\n").encode())
        out.flush()
        with under_way_lock:
            child = subprocess.Popen(
                [*IN_BACKGROUND, *command] if background else command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, env={**os.environ, **(env or {})}, start_new_session=True)
            under_way.add(child.pid)
        try:
            return child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            out.write(f"\nended after {timeout_s} s\n".encode())
            return 124
        finally:
            with under_way_lock:
                under_way.discard(child.pid)


def end_all():
    """Kills what run() has under way, with its descendants of the same group; it starts nothing more."""
    ending.set()
    with under_way_lock:
        for pid in under_way:
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def end_all_on_signals():
    """SIGINT and SIGTERM end the driver and leave nothing behind, in the foreground and in the background."""
    def end(number, _frame):
        end_all()
        sys.exit(128 + number)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)


def children():
    """Processes whose parent is this one but for what run() has under way, as {pid: name}; those that have ended are
    reaped."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in under_way:
            continue
        try:
            name, fields = (entry / "stat").read_text().rsplit(")", 1)
        except OSError:
            continue
        state, parent = fields.split()[:2]
        if int(parent) != os.getpid():
            continue
        if state == "Z":
            os.waitpid(int(entry.name), os.WNOHANG)
        else:
            found[int(entry.name)] = name.split("(", 1)[1]
    return found


def leftovers():
    """Ends what is still running below this process and returns its names: empty if every test cleaned up."""
    names = []
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with under_way_lock:
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
    with under_way_lock:
        children()
    return names


def tail(log, lines=40):
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"
