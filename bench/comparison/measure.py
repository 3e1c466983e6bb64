"""Runs the plan: servers take turns in each round, each started afresh on an empty folder and warmed up."""

import functools
import pathlib
import statistics
import sys
import tempfile
import time

from . import plan as plans
from .common import Failed, NotStarted, free_port, size_text
from .loads import LOADS, Work, run_closed, run_open
from .peers.base import Place
from .running import Running

SETTLE_S = 0.25       # after the load, before the clock is read: log lines and other put-off work counts too


def say(text):
    print(text, file=sys.stderr, flush=True)


class Measuring:
    def __init__(self, options, plan, servers, results):
        self.options, self.plan, self.results = options, plan, results
        self.servers = list(servers)
        self.failures = []     # names of servers that failed, in order

    def all(self):
        for load in self.plan.loads:
            takers = [server for server in self.servers if plans.takes(server, load)]
            if load == plans.RATE_LOAD:
                self.rounds("offered rates", takers, self.plan.rate_rounds, self.curve)
                continue
            for length in plans.lengths_for(self.plan, load):
                self.rounds(f"{LOADS[load]}, {size_text(length)}", takers, self.plan.rounds,
                            functools.partial(self.closed, load, length))

    def rounds(self, title, servers, count, one):
        """A server that fails has no more rounds of this load; one that cannot be started has none of any."""
        left = [server for server in servers if server in self.servers]
        for number in range(1, count + 1):
            say(f"{title}, round {number} of {count}")
            for server in list(left):
                try:
                    one(server, number)
                except Failed as failure:
                    left.remove(server)
                    self.failed(server, failure, "everything" if isinstance(failure, NotStarted) else title)

    def failed(self, server, failure, what):
        first, *rest = str(failure).splitlines()
        say(f"  {server.title} is left out of {what} from here on: {first}")
        for line in rest:
            say(f"    {line}")
        self.failures.append(server.name)
        if isinstance(failure, NotStarted):
            self.servers.remove(server)

    # --- one server under way ---------------------------------------------------------------------------------------
    def place(self, folder):
        folder = pathlib.Path(folder)
        folder.chmod(0o755)   # servers that drop root have to walk through it
        return Place(folder, free_port(), self.options.bin, self.options.downloads, self.options.log)

    def folder(self, server):
        return tempfile.TemporaryDirectory(dir=self.options.work, prefix=server.name + "-", ignore_cleanup_errors=True)

    def closed(self, load, length, server, number):
        """One server, one load, one sample."""
        messages = plans.messages_for(self.plan, server, length)
        sessions = min(self.plan.sessions, server.sessions_max)
        warm_up = max(sessions, round(messages * server.warm_up))
        cpus = self.options
        with self.folder(server) as folder, Running(server, self.place(folder), cpus.server_cpu) as running:
            run_closed(Work(load, length, warm_up, sessions), running.place, cpus.generator_cpu)
            before = running.cpu()
            outcome = run_closed(Work(load, length, messages, sessions), running.place, cpus.generator_cpu)
            time.sleep(SETTLE_S)
            if not running.alive():
                raise Failed(f"{server.title} ended during the load:\n{running.output()}")
            used = running.cpu().since(before)
            server.check(running, warm_up + messages)
        latency = outcome.figures["latency_us"]["data"] if outcome.figures else {}
        sample = {
            "round": number, "load": load, "length": length, "server": server.name, "messages": messages,
            "sessions": sessions,
            "cpu_us": round(used.used_ns() / 1e3 / messages, 3),
            "messages_per_s": round(outcome.figures.get("messages_per_second", messages / outcome.wall_s), 1),
            "server_busy": round(used.used_ns() / 1e9 / outcome.wall_s, 3),
            "generator_busy": round(outcome.generator_busy, 3), "clocks_apart": used.clocks_apart(),
            "latency_us": {key: round(latency[key], 1) for key in ("p50", "p99", "p999") if key in latency}}
        if outcome.figures and load == "pipelined" and outcome.figures["mode"] != "pipelined":
            sample["not_pipelined"] = True
        self.results.add(sample)
        say(f"  {server.title:26} {sample['cpu_us']:10.2f} us CPU a message {sample['messages_per_s']:10.0f} messages/s")

    def capacity(self, server, running):
        """Messages/s in a closed loop: measured before in this file of results, or now."""
        known = self.results.closed("pipelined", plans.RATE_LENGTH, server.name)
        if known:
            return statistics.median(each["messages_per_s"] for each in known)
        messages = plans.messages_for(self.plan, server, plans.RATE_LENGTH)
        work = Work("pipelined", plans.RATE_LENGTH, messages, min(self.plan.sessions, server.sessions_max))
        return run_closed(work, running.place, self.options.generator_cpu).figures["messages_per_second"]

    def curve(self, server, number):
        """Latency at rising rates, each offered whatever the server does, until it cannot keep up."""
        cpus, sessions = self.options, min(self.plan.sessions, server.sessions_max)
        with self.folder(server) as folder, Running(server, self.place(folder), cpus.server_cpu) as running:
            capacity = self.capacity(server, running)
            acknowledged = 0
            for rate in plans.rates_for(self.plan, capacity):
                figures = run_open(rate, self.plan.rate_s, plans.RATE_LENGTH, sessions, running.place,
                                   cpus.generator_cpu)
                counts = figures["messages"]
                acknowledged += counts["acknowledged"]
                unanswered = counts["unfinished"] + counts["never_sent"]
                latency = figures["latency_us"]["message"]
                self.results.add({
                    "round": number, "load": plans.RATE_LOAD, "length": plans.RATE_LENGTH, "server": server.name,
                    "offered": rate, "share": round(rate / capacity, 3),
                    "messages_per_s": round(figures["messages_per_second"], 1), "unanswered": unanswered,
                    "generator_busy": round(figures["generator"]["busy"], 3),
                    "latency_us": {key: round(latency[key], 1) for key in ("p50", "p90", "p99", "p999")}})
                say(f"  {server.title:26} {rate:7} messages/s offered: 250 after {latency['p50'] / 1e3:.2f} ms (p50), "
                    f"{latency['p99'] / 1e3:.2f} ms (p99)")
                if figures["messages_per_second"] < plans.KEEPS_UP * rate:
                    break
            if not running.alive():
                raise Failed(f"{server.title} ended during the load:\n{running.output()}")
            server.check(running, acknowledged, float("inf"))
