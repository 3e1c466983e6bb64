"""Two runs of ringmx-micro, benchmark by benchmark: the part of bench/compare_micro that runs nothing.

A run is {name: [ns, ...]}, one figure for each repetition. Of a benchmark two figures are compared: the median
of its repetitions, and the best of them. What else ran on the machine can only make a repetition slower, so the
best is steady where the median is not; a change that only one of the two shows is not one.

The limit beyond which a change counts is the threshold asked for, or how far the median of either run lies above
its best repetition, if that is more.
"""

import dataclasses
import statistics

NS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
NOISY = 3   # times the threshold: a benchmark whose limit is beyond has not been shown to be the same


class Failed(Exception):
    """A file or a run that cannot be compared; the text says why."""


def run_of(document):
    """The run in a JSON document: ringmx-micro's own output (--benchmark_out), or what dump() made."""
    run = {}
    for entry in document["benchmarks"]:
        if entry.get("error_occurred"):
            raise Failed(f"{entry['name']}: {entry.get('error_message', 'failed')}")
        if "ns" in entry:
            run[entry["name"]] = [float(ns) for ns in entry["ns"]]
        elif entry["run_type"] == "iteration":
            # Benchmarks of several threads are measured by the wall clock and named so.
            time = entry["real_time" if entry["name"].endswith("/real_time") else "cpu_time"]
            run.setdefault(entry["name"], []).append(time * NS[entry["time_unit"]])
    if not run:
        raise Failed("no benchmark in it")
    return run


def dump(run, context):
    """The document that keeps a run: what it was taken on and when, and a line for each benchmark."""
    rows = (f'    {{"name": {quoted(name)}, "ns": [{", ".join(f"{ns:.5g}" for ns in times)}]}}'
            for name, times in sorted(run.items()))
    facts = (f"    {quoted(key)}: {quoted(str(value))}" for key, value in context.items())
    return ('{\n  "context": {\n' + ",\n".join(facts) + '\n  },\n  "benchmarks": [\n' + ",\n".join(rows) + "\n  ]\n}\n")


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def noise(times):
    """How far a usual repetition lies above the best, as a share."""
    return statistics.median(times) / min(times) - 1


@dataclasses.dataclass
class Change:
    name: str
    base_ns: float      # medians
    now_ns: float
    by_median: float    # now / base
    by_best: float
    limit: float        # a share

    @property
    def verdict(self):
        if min(self.by_median, self.by_best) > 1 + self.limit:
            return "slower"
        if max(self.by_median, self.by_best) < 1 / (1 + self.limit):
            return "faster"
        return "same"


def compare(base, now, threshold):
    """A Change for each benchmark that both runs have, by name."""
    changes = []
    for name, times in sorted(now.items()):
        if name not in base:
            continue
        before = base[name]
        changes.append(Change(
            name=name, base_ns=statistics.median(before), now_ns=statistics.median(times),
            by_median=statistics.median(times) / statistics.median(before), by_best=min(times) / min(before),
            limit=max(threshold, noise(before), noise(times))))
    return changes


def scaled(ns):
    for unit, size in reversed(NS.items()):
        if ns >= size or unit == "ns":
            return f"{ns / size:.3g} {unit}"
    return ""


def table(changes, threshold):
    head = ["benchmark", "base", "now", "median", "best", "limit", "verdict"]
    rows = [head] + [
        [c.name, scaled(c.base_ns), scaled(c.now_ns), f"{c.by_median:.2f}", f"{c.by_best:.2f}", f"{c.limit:.0%}",
         "noisy" if c.verdict == "same" and c.limit > NOISY * threshold else c.verdict] for c in changes]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))) for row in rows)


def only_in(run, other):
    return [name for name in run if name not in other]
