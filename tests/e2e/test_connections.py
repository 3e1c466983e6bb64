"""Clients that misbehave as connections: half-close, reset in any state, never read. The server serves the next one."""

import socket
import time

from harness import Server, TestCase, scaled, without_trace
from raw_client import RawClient, session_ended

HEADER = b"Subject: test\r\n\r\n"
STATES = {
    "banner": b"",
    "half a command": b"EHL",
    "greeted": b"EHLO client.test\r\n",
    "mail": b"EHLO client.test\r\nMAIL FROM:<a@client.test>\r\n",
    "recipient": b"EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<user@example.com>\r\n",
    "data": b"EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<user@example.com>\r\nDATA\r\n",
    "half a body": b"EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<user@example.com>\r\nDATA\r\n" +
                   b"x" * 100000,
    "half an end": b"EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<user@example.com>\r\nDATA\r\nx\r\n.\r",
    "half a chunk": b"EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<user@example.com>\r\nBDAT 5000 LAST\r\n" +
                    b"x" * 100,
    "quit": b"EHLO client.test\r\nQUIT\r\n",
}


class Connections(TestCase):
    def check_still_serving(self, server, expected=1):
        with RawClient(server.port) as client:
            client.greet()
            client.deliver(HEADER + b"still here\r\n")
            client.quit()
        stored = server.stored()
        self.assertEqual(len(stored), expected)
        self.assertEqual(without_trace(stored[-1][1]), HEADER + b"still here\r\n")

    def test_a_reset_in_any_state_harms_nobody(self):
        with Server() as server:
            for _ in range(scaled(20, 3)):
                for octets in STATES.values():
                    client = RawClient(server.port)
                    client.send(octets)
                    client.reset()
            for octets in STATES.values():  # with the replies read first, so that the server has got to the state
                client = RawClient(server.port)
                client.expect(220)
                client.send(octets)
                time.sleep(0.05)
                client.reset()
            self.check_still_serving(server)

    def test_a_close_in_any_state_stores_nothing(self):
        with Server() as server:
            for octets in STATES.values():
                with RawClient(server.port) as client:
                    client.send(octets)
                    client.socket.shutdown(socket.SHUT_WR)
                    session_ended(client)
            self.check_still_serving(server)

    def test_a_half_closed_client_still_gets_its_replies(self):
        with Server() as server:
            with RawClient(server.port) as client:
                client.expect(220)
                client.send(STATES["data"])
                for code in (250, 250, 250, 354):
                    client.expect(code)
                client.send(HEADER + b"sent before the half-close\r\n.\r\nQUIT\r\n")
                client.socket.shutdown(socket.SHUT_WR)
                client.expect(250)
                client.expect(221)
                client.at_end()
            self.assertEqual(len(server.stored()), 1)

    def test_a_client_that_never_reads_is_cut_off_and_costs_no_memory(self):
        with Server({"timeouts": {"send": 2}, "smtp": {"errors_max": 1000000}}) as server:
            with RawClient(server.port, receive_buffer=2048) as client:
                client.socket.settimeout(0.5)
                before = server.memory_kib("VmRSS")
                deadline = time.monotonic() + 60
                closed = False
                while time.monotonic() < deadline:
                    try:
                        client.socket.send(b"NOOP\r\n" * 10000)
                    except TimeoutError:
                        continue
                    except OSError:
                        closed = True
                        break
                self.assertTrue(closed, "the server still holds a client that has read nothing for a minute")
                self.assertLess(server.memory_kib("VmRSS") - before, 16 << 10)
            self.check_still_serving(server)

    def test_many_short_connections_leak_nothing(self):
        with Server() as server:
            for round_ in range(2):
                for _ in range(scaled(2000, 200)):
                    with RawClient(server.port) as client:
                        client.expect(220)
                if round_ == 0:
                    before = server.memory_kib("VmRSS")
            self.assertLess(server.memory_kib("VmRSS") - before, 8 << 10)
            self.check_still_serving(server)
