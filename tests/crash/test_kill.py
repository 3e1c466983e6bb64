"""kill -9 at random moments under load, again and again: whatever a client saw acknowledged is there, whole, after
every restart, and whatever is there is whole. RINGMX_CRASH_CYCLES sets how often (100)."""

import collections
import hashlib
import os
import random
import re
import shutil
import threading
import time

from harness import Server, TestCase, new_folder, scaled
from raw_client import RawClient

CYCLES = int(os.environ.get("RINGMX_CRASH_CYCLES", "100"))
CLIENTS = 8
ALIVE_S_MIN = 0.02
ALIVE_S_MAX = 0.8
SEED = int(os.environ.get("RINGMX_CRASH_SEED", str(time.time_ns() % 1_000_000)))


def message(rng, token):
    """A message that can prove that it is whole: its header holds the checksum of its body."""
    size = rng.choice((60, 900, 4000, 17000, 150000) * 8 + (3000000,))
    line = b"%s " % token.encode() + rng.randbytes(30).hex().encode() + b"\r\n"
    body = line * max(1, size // len(line))
    return b"X-Token: %s\r\nX-Sha256: %s\r\n\r\n%s" % (token.encode(), hashlib.sha256(body).hexdigest().encode(), body)


class Load:
    """Clients that deliver until their connection breaks; `acknowledged` holds the token of every 250 they saw."""

    def __init__(self, port, cycle, rng, recipients):
        self.port, self.recipients = port, recipients
        self.acknowledged = set()
        self.unexpected = []
        self.threads = [threading.Thread(target=self.deliver, args=(f"c{cycle}t{n}", random.Random(rng.random())))
                        for n in range(CLIENTS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        for thread in self.threads:
            thread.join()

    def deliver(self, name, rng):
        try:
            with RawClient(self.port) as client:
                client.greet()
                for number in range(1_000_000):
                    token = f"{name}n{number}"
                    client.deliver(message(rng, token), *self.recipients)
                    self.acknowledged.add(token)
        except AssertionError as error:  # a reply other than the one expected
            self.unexpected.append(str(error))
        except (OSError, EOFError):  # the kill
            pass


class KillNine(TestCase):
    def check(self, mailboxes, acknowledged):
        """In each: every stored message is whole, none is there twice, and none that was acknowledged is missing."""
        for messages in mailboxes:
            self.check_mailbox(messages, acknowledged)

    def check_mailbox(self, messages, acknowledged):
        found = collections.Counter()
        for octets in messages:
            head = re.search(rb"^X-Token: (\w+)\r\nX-Sha256: (\w+)\r\n\r\n", octets, re.M)
            self.assertIsNotNone(head, octets[:300])
            self.assertEqual(hashlib.sha256(octets[head.end():]).hexdigest().encode(), head.group(2),
                             f"message {head.group(1)} is not whole")
            found[head.group(1).decode()] += 1
        missing = acknowledged - found.keys()
        self.assertEqual(missing, set(), f"acknowledged and gone (seed {SEED})")
        self.assertEqual([token for token, count in found.items() if count > 1], [])

    def cycles(self, count, overrides, messages_of, consume, recipients=("user@example.com",)):
        """`messages_of(server)` gives what is kept for each recipient, as a list of lists."""
        folder = new_folder("crash")
        rng = random.Random(SEED)
        acknowledged = set()
        total = 0
        try:
            for cycle in range(count):
                server = Server(overrides(cycle), folder=folder)
                server.start()
                try:
                    if cycle % 2:  # every other time the spool is read while its server runs
                        self.check(messages_of(server), acknowledged)
                    with Load(server.port, cycle, rng, recipients) as load:
                        time.sleep(rng.uniform(ALIVE_S_MIN, ALIVE_S_MAX))
                        server.kill()
                except BaseException:
                    server.kill()
                    raise
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
