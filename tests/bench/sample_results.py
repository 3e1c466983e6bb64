"""Made-up samples for the tests of what is made from them."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

from comparison.results import Results  # noqa: E402  (found through the line above)

MACHINE = {"cpu": "a CPU", "cpus": 2, "kernel": "6.1", "congestion": "cubic"}


def run(**changes):
    return {"date": "2026-01-02", "commit": "abc1234", "command": "bench/compare", "load_average": 0.5, "scheduling": "normal",
            "clock": "a clock", "log": "all", "sessions": 50, "machine": MACHINE, **changes}


def closed(server, cpu_us, run=1, round=1, load="pipelined", length=1024, **changes):  # noqa: A002
    return {"run": run, "round": round, "load": load, "length": length, "server": server, "messages": 1000, "sessions": 50,
            "cpu_us": cpu_us, "messages_per_s": 1e6 / cpu_us, "server_busy": 0.99, "generator_busy": 0.5,
            "clocks_apart": False, "latency_us": {} if load == "single" else {"p50": 100.0, "p99": 500.0, "p999": 900.0},
            **changes}


def offered(server, rate, capacity, p50_ms, p99_ms, unanswered=0):
    return {"run": 1, "round": 1, "load": "rate", "length": 1024, "server": server, "offered": rate,
            "share": rate / capacity, "messages_per_s": rate, "unanswered": unanswered, "generator_busy": 0.4,
            "latency_us": {"p50": p50_ms * 1e3, "p90": p50_ms * 2e3, "p99": p99_ms * 1e3, "p999": p99_ms * 2e3}}


def results(samples, path=None):
    made = Results(path)
    made.begin_run(run())
    made.samples = samples
    return made


def full():
    """Something in every table and plot, over three orders of magnitude."""
    costs = {"floor": 8.0, "discard": 10.5, "spool": 14.0, "smtp-sink": 25.0, "postfix": 700.0, "opensmtpd": 400.0}
    samples = [closed(server, cost * (length / 1024) ** 0.4 * (1 + 0.05 * number), round=number, load=load, length=length)
               for load in ("single", "pipelined", "bdat") for length in (1024, 10240) for number in (1, 2, 3)
               for server, cost in costs.items() if load != "bdat" or server not in ("smtp-sink", "opensmtpd")]
    for server, cost in costs.items():
        capacity = 1e6 / cost
        samples += [offered(server, int(capacity * share), capacity, 0.2 + 5 * share ** 9, 1 + 80 * share ** 9)
                    for share in (0.1, 0.5, 0.9, 1.0)]
    return results(samples)
