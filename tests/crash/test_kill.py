"""kill -9 at random moments under load, again and again: whatever a client saw acknowledged is there, whole, after
every restart, and whatever is there is whole. RINGMX_CRASH_CYCLES sets how often (100)."""

import collections
import os
import random
import shutil
import time

from harness import Server, TestCase, new_folder, scaled
from under_load import SEED, Load, life, token_of

CYCLES = int(os.environ.get("RINGMX_CRASH_CYCLES", "100"))
CLIENTS = 8
ALIVE_S_MIN = 0.02
ALIVE_S_MAX = 0.8
SIZES = (60, 900, 4000, 17000, 150000) * 8 + (3000000,)


class KillNine(TestCase):
    def check(self, mailboxes, acknowledged):
        """In each: every stored message is whole, none is there twice, and none that was acknowledged is missing."""
        for messages in mailboxes:
            self.check_mailbox(messages, acknowledged)

    def check_mailbox(self, messages, acknowledged):
        found = collections.Counter(map(token_of, messages))
        missing = acknowledged.keys() - found.keys()
        self.assertEqual(missing, set(), f"acknowledged and gone (seed {SEED})")
        self.assertEqual([token for token, count in found.items() if count > 1], [])

    def cycles(self, count, overrides, messages_of, consume, recipients=("user@example.com",)):
        """`messages_of(server)` gives what is kept for each recipient, as a list of lists."""
        folder = new_folder("crash")
        rng = random.Random(SEED)
        acknowledged = {}
        total = 0
        try:
            for cycle in range(count):
                server = Server(overrides(cycle), folder=folder)
                with life(server):
                    if cycle % 2:  # every other time the spool is read while its server runs
                        self.check(messages_of(server), acknowledged)
                    with Load(server, cycle, rng, CLIENTS, SIZES, lambda _rng: recipients) as load:
                        time.sleep(rng.uniform(ALIVE_S_MIN, ALIVE_S_MAX))
                self.assertEqual(load.unexpected, [])
                acknowledged |= load.acknowledged
                total += len(load.acknowledged)
                if cycle % 2 == 0:  # and every other time before any server has recovered it
                    self.check(messages_of(server), acknowledged)
                if cycle % 5 == 4:
                    consume(server)
                    acknowledged.clear()
            with Server(overrides(0), folder=folder) as server:
                self.check(messages_of(server), acknowledged)
            self.assertGreater(total, count)
            print(f"{count} kills, {total} messages acknowledged, seed {SEED} ...", end=" ", flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def test_the_spool_loses_nothing_acknowledged(self):
        def overrides(cycle):
            return {"storage": {"host": "worker" if cycle % 4 == 3 else "core"},
                    "storage.spool": {"segment_size": "1MiB" if cycle % 3 == 0 else "4MiB"}}

        def consume(server):
            server.spool("ack", "--all")
            self.assertEqual(server.listing(), [])

        self.cycles(scaled(CYCLES, min(CYCLES, 5)), overrides,
                    lambda server: [[octets for _, octets in server.stored()]], consume)

    def maildirs(self, path, folders, recipients):
        """The Maildir backend at `path`, whose mail for each recipient is in one of `folders`."""
        def overrides(_cycle):
            return {"storage": {"backend": "maildir"}, "storage.maildir": {"path": path, "min_free": "16MiB"}}

        def paths(server, folder):
            new = server.folder / folder / "new"
            return list(new.iterdir()) if new.exists() else []

        def kept(server):
            return [[path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for path in paths(server, folder)]
                    for folder in folders]

        def consume(server):
            for folder in folders:
                for path in paths(server, folder):
                    path.unlink()

        self.cycles(max(3, scaled(CYCLES, 5) // 10), overrides, kept, consume, recipients)

    def test_the_maildir_loses_nothing_acknowledged(self):
        self.maildirs("mail", ["mail"], ["user@example.com"])

    def test_a_maildir_for_each_recipient_loses_nothing_acknowledged(self):
        self.maildirs("{domain}/{local}/Maildir", ["example.com/one/Maildir", "example.com/two/Maildir"],
                      ["one@example.com", "two@example.com"])
