"""The dialogue around STARTTLS: what is refused, and what is forgotten."""

import socket
import time

from harness import Server, scaled
from memory_tls import MemoryTls
from raw_client import RawClient, session_ended
from tls_case import HEADER, TlsTest


class Refusals(TlsTest):
    INJECTED = b"EHLO evil.test\r\nMAIL FROM:<evil@evil.test>\r\nRCPT TO:<user@example.com>\r\nDATA\r\nsmuggled\r\n.\r\n"

    def test_plaintext_behind_starttls_is_never_executed(self):
        """At every split: behind STARTTLS in its segment, or in a later one. 220, then 554, then nothing."""
        with self.server() as server:
            sent = b"STARTTLS\r\n" + self.INJECTED
            step = scaled(1, 7)
            for cut in list(range(1, len(sent), step)):
                with RawClient(server.port) as client:
                    client.greet()
                    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    client.send(sent[:cut])
                    if cut % 3 != 0:
                        time.sleep(0.004)
                    try:
                        client.send(sent[cut:])
                    except OSError:
                        pass
                    client.expect(220, "2.0.0")
                    client.expect(554, "5.5.1")
                    self.assertEqual(session_ended(client), b"", cut)
            self.assertEqual(server.listing(), [])
            for line in self.events(server, "violation"):
                self.assertEqual(line["detail"], "plaintext-behind-starttls")

    def test_plaintext_behind_a_client_hello_is_never_executed(self):
        with self.server() as server:
            with RawClient(server.port) as client:
                client.greet()
                client.command("STARTTLS", 220)
                client.send(MemoryTls(client.socket, self.context()).hello() + self.INJECTED)
                rest = session_ended(client)
                self.assertNotIn(b"250", rest)
            self.assertEqual(server.listing(), [])

    def test_what_was_said_before_is_forgotten(self):
        with self.server() as server, RawClient(server.port) as client:
            client.greet()
            client.envelope()
            client.command("STARTTLS", 220)
            self.wrap(client)
            client.command("DATA", 503)
            client.command("MAIL FROM:<a@client.test>", 503)
            client.command("EHLO other.test", 250)
            client.deliver(HEADER + b"new\r\n")
            client.command("STARTTLS", 503, "5.5.1")
            client.quit()
            self.assertIn(b"Received: from other.test ", self.only_message(server))

    def test_networks_that_must(self):
        with self.server(tls={"required": ["127.0.0.0/8"]}) as server, RawClient(server.port) as client:
            self.assertIn("STARTTLS", client.greet())
            client.command("MAIL FROM:<a@client.test>", 530, "5.7.0")
            client.command("NOOP", 250)
            self.secure(client)
            client.deliver(HEADER + b"must\r\n")
            client.quit()

    def test_without_certificates_there_is_no_tls(self):
        with Server() as server, RawClient(server.port) as client:
            self.assertNotIn("STARTTLS", client.greet())
            client.command("STARTTLS", 500)
            client.quit()

    def test_requiretls(self):
        with self.server() as server, RawClient(server.port) as client:
            self.assertNotIn("REQUIRETLS", client.greet())
            client.command("MAIL FROM:<a@client.test> REQUIRETLS", 555)
            self.assertIn("REQUIRETLS", self.secure(client))
            client.command("MAIL FROM:<a@client.test> REQUIRETLS", 250)
            client.command("RCPT TO:<user@example.com>", 250)
            client.command("DATA", 354)
            client.send(HEADER + b".\r\n")
            client.expect(250)
            client.quit()
            time.sleep(0.2)
            self.assertTrue(self.events(server, "message")[-1]["requiretls"])
