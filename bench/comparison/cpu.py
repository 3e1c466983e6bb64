"""CPU time of a server with all of its processes, those that have ended included.

Where control groups of version 2 can be made (root, as a rule), each server runs in one of its own, and its cpu.stat is
the figure. Elsewhere it is the sum over the tree of processes, with the times of children that were waited for.
The two are read by different code in the kernel, so that each is a check of the other.
"""

import dataclasses
import os
import pathlib
import time

CLOCKS_APART_MAX = 0.01
TICK_NS = 10**9 // os.sysconf("SC_CLK_TCK")  # the precision of the times of ended children


def cgroup_root(mounts=pathlib.Path("/proc/mounts")):
    """Where cgroup v2 is mounted, or None. Beside version 1 it is mounted elsewhere than usual."""
    for line in mounts.read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return pathlib.Path(where)
    return None


class Cgroup:
    """A control group of our own. Processes join it themselves, between fork and exec; their children are born in it."""

    def __init__(self, path):
        self.path = path

    @classmethod
    def make(cls, name):
        """None where it cannot be made, or does not count CPU time (before Linux 4.15)."""
        root = cgroup_root()
        if root is None:
            return None
        group = cls(root / f"ringmx-compare-{os.getpid()}-{name}")
        try:
            group.path.mkdir()
        except OSError:
            return None
        try:
            group.cpu_ns()
            return group
        except (OSError, LookupError):
            group.path.rmdir()
            return None

    def join(self):
        (self.path / "cgroup.procs").write_text("0")

    def cpu_ns(self):
        for line in (self.path / "cpu.stat").read_text().splitlines():
            key, value = line.split()
            if key == "usage_usec":
                return int(value) * 1000
        raise LookupError("usage_usec")

    def pids(self):
        return [int(word) for word in (self.path / "cgroup.procs").read_text().split()]

    def remove(self):
        """The group has to be empty; the kernel needs a moment after the last process."""
        for _ in range(100):
            try:
                self.path.rmdir()
                return
            except OSError:
                time.sleep(0.05)


def process_table():
    """{pid: (parent, state)} of everything that runs."""
    table = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            except OSError:
                continue
            table[int(entry.name)] = (int(parent), state)
    return table


def tree(root, table=None):
    """`root` and its descendants, as far as they live."""
    table = process_table() if table is None else table
    children = {}
    for pid, (parent, _) in table.items():
        children.setdefault(parent, []).append(pid)
    found, left = [], [root] if root in table else []
    while left:
        pid = left.pop()
        found.append(pid)
        left += children.get(pid, ())
    return found


def threads_ns(pid):
    """CPU time of the threads that live now: the scheduler's own count, not clock ticks."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total += int(task.read_text().split()[0])
        except OSError:
            pass  # ended in between; the clock of the process has it
    return total


def process_ns(pid):
    """CPU time of a process, threads that have ended included: clock_getcpuclockid(3)."""
    cpuclock_sched = 2
    try:
        return time.clock_gettime_ns((~pid << 3) | cpuclock_sched)
    except OSError:
        return 0


def children_ns(pid):
    """CPU time of the children that this process has waited for."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return (int(fields[13]) + int(fields[14])) * TICK_NS


@dataclasses.dataclass
class CpuTime:
    threads_ns: int
    processes_ns: int
    cgroup_ns: int | None = None

    @classmethod
    def of(cls, pids, cgroup=None):
        pids = list(pids)
        group_ns = cgroup.cpu_ns() if cgroup else None
        return cls(sum(map(threads_ns, pids)), sum(process_ns(pid) + children_ns(pid) for pid in pids), group_ns)

    def since(self, before):
        group_ns = None if self.cgroup_ns is None else self.cgroup_ns - before.cgroup_ns
        return CpuTime(self.threads_ns - before.threads_ns, self.processes_ns - before.processes_ns, group_ns)

    def used_ns(self):
        """The control group's count; else the larger, because a thread or process that ended is missing in one of them."""
        return self.cgroup_ns if self.cgroup_ns is not None else max(self.threads_ns, self.processes_ns)

    def clocks_apart(self):
        """Whether another count is more than 1 % away. Threads and processes that end are missing in a lower one."""
        other = max(self.threads_ns, self.processes_ns) if self.cgroup_ns is not None else min(
            self.threads_ns, self.processes_ns)
        return abs(self.used_ns() - other) > max(CLOCKS_APART_MAX * self.used_ns(), 3 * TICK_NS)
