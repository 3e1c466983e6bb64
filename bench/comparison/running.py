"""A server under way: on one CPU, with all its processes counted, and none of them left when the block ends."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time

from .common import Failed, Interrupted, NotStarted, end_on_signals
from .cpu import Cgroup, CpuTime, process_table, tree

START_S_MAX = 60      # zero-writing a spool's first segments takes its time
STOP_S_MAX = 60
KILL_S_MAX = 20
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LIBC = ctypes.CDLL(None, use_errno=True)


def become_subreaper():
    """What a server forks off and leaves behind becomes a child of ours, and is found there."""
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap():
    """Waits for adopted children that have ended; the ones that subprocess started have been waited for by then."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass


def descendants():
    """Everything that runs below this process."""
    table = process_table()
    return [pid for pid in tree(os.getpid(), table) if pid != os.getpid() and table[pid][1] not in "ZX"]


def run_command(name, run):
    """Runs a command of this folder to its end: its exit code, with nothing of what it started left."""
    become_subreaper()
    end_on_signals()
    try:
        return run()
    except Interrupted as interrupted:
        return interrupted.exit_code
    except Failed as failure:
        print(f"{name}: {failure}", file=sys.stderr, flush=True)
        return 1


class Running:
    """`place` says where; `server.launch(place)` prepares its files and says what to run."""

    def __init__(self, server, place, cpu):
        self.server, self.place = server, place
        launch = server.launch(place)
        self.output_path = place.folder / "output"
        self.cgroup = Cgroup.make(server.name)
        try:
            with open(self.output_path, "wb") as output:
                self.process = subprocess.Popen(
                    [str(word) for word in launch.command], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                    cwd=place.folder, env={**os.environ, **launch.environment}, start_new_session=True,
                    preexec_fn=lambda: self._enter(cpu))
        except BaseException as error:
            if self.cgroup:
                self.cgroup.remove()
            if isinstance(error, OSError):
                raise NotStarted(f"{server.title} cannot be started: {error}") from error
            raise

    def _enter(self, cpu):
        os.sched_setaffinity(0, {cpu} if isinstance(cpu, int) else cpu)
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if self.cgroup:
            self.cgroup.join()

    def __enter__(self):
        try:
            self._wait_for_banner()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_):
        self.kill()

    def _wait_for_banner(self):
        deadline = time.monotonic() + START_S_MAX
        while time.monotonic() < deadline:
            if not self.alive():
                raise NotStarted(f"{self.server.title} ended with {self.process.returncode}:\n{self.output()}")
            try:
                with socket.create_connection(("127.0.0.1", self.place.port), timeout=5) as probe:
                    if probe.recv(512).startswith(b"220"):
                        probe.sendall(b"QUIT\r\n")
                        probe.recv(512)
                        return
            except OSError:
                pass
            time.sleep(0.05)
        raise NotStarted(f"{self.server.title} did not greet within {START_S_MAX} s:\n{self.output()}")

    def output(self):
        """The end of what it wrote, log files that it has in its folder included."""
        texts = []
        for path in (self.output_path, *(self.place.folder / name for name in self.server.log_files)):
            with contextlib.suppress(OSError):
                texts.append(path.read_text(errors="replace")[-2000:])
        return "\n".join(text for text in texts if text)

    def alive(self):
        return self.process.poll() is None

    def pids(self):
        """Its processes. Without a control group: all below this process, which adopts orphans; no load runs then."""
        return self.cgroup.pids() if self.cgroup else descendants()

    def cpu(self):
        return CpuTime.of(self.pids(), self.cgroup)

    def stop(self):
        """SIGTERM, and its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.server.title} did not end within {STOP_S_MAX} s of SIGTERM:\n{self.output()}") from None

    def kill(self):
        """Ends whatever of it is left, its children included."""
        deadline = time.monotonic() + KILL_S_MAX
        while True:
            left = self.pids()
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not left and not self.alive():
                break
            if time.monotonic() > deadline:
                raise Failed(f"{self.server.title}: processes that cannot be killed: {left}")
            time.sleep(0.01)
        self.process.wait()
        reap()
        if self.cgroup:
            self.cgroup.remove()
