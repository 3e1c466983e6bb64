"""What the tests that kill a server share: its life, the clients that load it, and messages that can prove that they are
whole."""

import contextlib
import hashlib
import os
import random
import re
import threading
import time

from raw_client import RawClient

SEED = int(os.environ.get("RINGMX_CRASH_SEED", str(time.time_ns() % 1_000_000)))


def message(rng, token, sizes):
    """Its header holds the checksum of its body."""
    size = rng.choice(sizes)
    line = b"%s " % token.encode() + rng.randbytes(30).hex().encode() + b"\r\n"
    body = line * max(1, size // len(line))
    return b"X-Token: %s\r\nX-Sha256: %s\r\n\r\n%s" % (token.encode(), hashlib.sha256(body).hexdigest().encode(), body)


def token_of(octets):
    """That of a message, which has to be whole."""
    head = re.search(rb"^X-Token: (\w+)\r\nX-Sha256: (\w+)\r\n\r\n", octets, re.M)
    if head is None:
        raise AssertionError(f"not one of these messages: {octets[:300]!r}")
    token = head.group(1).decode()
    if hashlib.sha256(octets[head.end():]).hexdigest().encode() != head.group(2):
        raise AssertionError(f"message {token} is not whole")
    return token


@contextlib.contextmanager
def life(server):
    """The server runs in the block, and is killed at its end if it has not been before."""
    server.start()
    try:
        yield
    finally:
        server.kill()


class Load:
    """Clients that deliver until the server is killed, at the end of the block. `recipients` is a function of a random
    generator. `acknowledged` is {token: id} of every 250 they saw; `unexpected` has all replies but 250 and `tolerated`."""

    def __init__(self, server, cycle, rng, clients, sizes, recipients, tolerated=None):
        self.server, self.sizes, self.recipients, self.tolerated = server, sizes, recipients, tolerated
        self.acknowledged = {}
        self.unexpected = []
        self.threads = [threading.Thread(target=self.deliver, args=(f"c{cycle}t{n}", random.Random(rng.random())))
                        for n in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.server.kill()
        for thread in self.threads:
            thread.join()

    def deliver(self, name, rng):
        try:
            with RawClient(self.server.port) as client:
                client.greet()
                for number in range(1_000_000):
                    token = f"{name}n{number}"
                    reply = client.deliver(message(rng, token, self.sizes), *self.recipients(rng))
                    self.acknowledged[token] = reply[-1].split()[-1]
        except AssertionError as error:  # a reply other than the one expected
            if self.tolerated is None or not str(error).startswith(str(self.tolerated)):
                self.unexpected.append(str(error))
        except (OSError, EOFError):  # the kill
            pass
