"""A spool that is read while its server writes to it: what was acknowledged is listed at once, whatever the server has
still to do for its segments."""

import concurrent.futures
import os

from harness import Server, TestCase, scaled
from raw_client import RawClient

CLIENTS = 8
ROUNDS = 10  # of one server
SERVERS = int(os.environ.get("RINGMX_LIVE_SERVERS", scaled(6, 2)))
LINE = b"A line of mail data that is neither very long nor short.\r\n"


class LiveSpool(TestCase):
    def server(self):
        return Server({"server": {"cores": 1}, "storage.spool": {"segment_size": "64MiB"}})

    def test_large_messages_are_listed_as_soon_as_they_are_acknowledged(self):
        """Bodies so large that they stream to storage in parts. Every few rounds a segment is full: then the server prepares
        another, and for as long as that takes the full one, in front of the one that is written, has no footer."""
        body = LINE * (1_500_000 // len(LINE))
        for number in range(SERVERS):
            with self.subTest(server=number), self.server() as server, \
                    concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
                clients = [RawClient(server.port) for _ in range(CLIENTS)]
                for client in clients:
                    client.greet()
                acknowledged = set()
                for round_ in range(ROUNDS):
                    answers = list(pool.map(lambda client: client.deliver(body), clients))
                    acknowledged |= {answer[-1].split()[-1] for answer in answers}
                    listed = {entry["id"] for entry in server.listing()}
                    self.assertEqual(len(acknowledged - listed), 0, f"of {len(acknowledged)}, in round {round_}")
                    self.assertEqual(listed, acknowledged)
                for client in clients:
                    client.quit()
