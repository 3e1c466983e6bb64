"""kill -9 of the server during a drain, again and again: of what clients saw acknowledged nothing is lost, whether it
was delivered, waits in the spool or is a dead letter; and what was delivered twice has one id. RINGMX_CRASH_CYCLES
sets how often (50)."""

import collections
import os
import random
import shutil
import time

from harness import TestCase, new_folder, scaled
from steered import SteeredServer
from under_load import SEED, Load, life, token_of

CYCLES = int(os.environ.get("RINGMX_CRASH_CYCLES", "50"))
CLIENTS = 4
ALIVE_S_MIN = 0.05
ALIVE_S_MAX = 0.7
SIZES = (60, 900, 4000, 17000) * 6 + (600000,)
DOMAINS = ("example.com", "example.net", "example.org")


def recipient_of_a_domain(rng):
    return [f"u@{rng.choice(DOMAINS)}"]


class KillNineDuringADrain(TestCase):
    def letters(self, server):
        return {letter["id"]: server.dead("cat", letter["cursor"]) for letter in server.letters()}

    def check(self, server, acknowledged):
        """At rest, with everything delivered or dead. Returns (messages kept, duplicates among them)."""
        ids = collections.defaultdict(set)
        kept = server.kept()
        for name, _, content in kept:
            ids[token_of(content)].add(name)
        for name, content in self.letters(server).items():
            ids[token_of(content)].add(name)
        lost = {token for token, name in acknowledged.items() if name not in ids.get(token, ())}
        self.assertEqual(lost, set(), f"acknowledged and gone (seed {SEED})")
        more = {token: names for token, names in ids.items() if len(names) > 1}
        self.assertEqual(more, {}, "one message under several ids")
        return len(kept), len(kept) - len({name for name, _, _ in kept})

    def cycles(self, count, storage_of):
        folder = new_folder("drain")
        rng = random.Random(SEED)
        acknowledged = {}
        try:
            for cycle in range(count):
                server = SteeredServer(storage_of(cycle), {
                    "storage.spool": {"segment_size": "1MiB" if cycle % 3 == 0 else "4MiB"}}, folder=folder)
                # Half of the lives begin while the plugin takes nothing, so that there is a backlog to drain.
                server.steer("mixed" if cycle % 2 else rng.choice(("store", "mixed", "retry away")))
                # The plugin refuses some with 554, when it comes first.
                load = Load(server, cycle, rng, CLIENTS, SIZES, recipient_of_a_domain, tolerated=554)
                with life(server), load:
                    time.sleep(rng.uniform(ALIVE_S_MIN, ALIVE_S_MAX) / 2)
                    server.steer(rng.choice(("store", "store", "mixed")))
                    time.sleep(rng.uniform(ALIVE_S_MIN, ALIVE_S_MAX) / 2)
                self.assertEqual(load.unexpected, [])
                acknowledged |= load.acknowledged
                if cycle % 10 == 9:  # dead letters are asked for again, and the server is killed in the middle of that
                    server.dead("requeue", "--all")
            server = SteeredServer(storage_of(0), folder=folder)
            server.steer("store")
            with server:
                server.wait_drained()
                server.wait_for("the requests", lambda: not any((folder / "spool" / "dead" / "requeue").glob("*")))
                self.assertEqual(server.listing(), [])
                server.spool("verify")
                kept, twice = self.check(server, acknowledged)
                dead = len(server.letters())
            self.assertGreater(len(acknowledged), count)
            print(f"{count} kills, {len(acknowledged)} messages acknowledged, {kept} delivered ({twice} of them "
                  f"again), {dead} dead letters, seed {SEED} ...", end=" ", flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def test_a_spool_that_is_delivered(self):
        self.cycles(scaled(CYCLES, min(CYCLES, 5)), lambda cycle: {
            "backend": "spool", "deliver": "plugin", "host": "worker" if cycle % 4 == 3 else "core"})

    def test_a_plugin_with_the_spool_behind_it(self):
        self.cycles(scaled(CYCLES, min(CYCLES, 5)), lambda cycle: {
            "backend": "plugin", "fallback": "spool", "fallback_after": 1, "workers": 1 + cycle % 2})
