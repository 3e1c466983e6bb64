"""TLS that fails, and connections that end in the middle of it."""

import socket
import ssl
import threading
import time

from harness import scaled, without_trace
from memory_tls import MemoryTls
from raw_client import RawClient, session_ended
from tls_case import HEADER, PATIENCE_S, TlsTest


class Ends(TlsTest):
    def test_something_else_than_tls_is_dropped(self):
        with self.server() as server:
            for octets in (b"EHLO client.test\r\n", b"GET / HTTP/1.0\r\n\r\n", b"\x00" * 64):
                with RawClient(server.tls_port) as client:
                    client.send(octets)
                    self.assertEqual(session_ended(client), b"")
            self.wait_for(server, tls_failed_not_tls=3)

    def test_a_handshake_has_a_deadline(self):
        with self.server(timeouts={"tls_handshake": 1}) as server:
            with RawClient(server.tls_port) as silent, RawClient(server.port) as after, RawClient(server.port) as drip:
                after.greet()
                after.command("STARTTLS", 220)
                drip.greet()
                drip.command("STARTTLS", 220)
                begin = time.monotonic()
                try:
                    for octet in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc" + b"\x03" * 40:  # progress does not postpone it
                        drip.send(bytes([octet]))
                        time.sleep(0.1)
                except OSError:
                    pass
                for client in (silent, after, drip):
                    self.assertEqual(session_ended(client), b"")
                self.assertLess(time.monotonic() - begin, 8)
            self.wait_for(server, tls_failed_timed_out=3)

    def test_resets_and_half_closes_in_every_state(self):
        """The client goes at any moment; the server ends each connection and goes on serving."""
        with self.server() as server:
            def at_connect(client):
                pass

            def in_handshake(client):
                client.greet()
                client.command("STARTTLS", 220)
                client.send(b"\x16\x03\x01")

            def after_handshake(client):
                client.greet()
                self.secure(client, self.context(verify=False))

            def in_data(client):
                after_handshake(client)
                client.envelope()
                client.command("DATA", 354)
                client.send(HEADER + b"half a message")

            for state in (at_connect, in_handshake, after_handshake, in_data):
                for end in ("reset", "half-close", "close"):
                    client = RawClient(server.port)
                    state(client)
                    if end == "reset":
                        client.reset()
                        continue
                    if end == "half-close":
                        client.socket.shutdown(socket.SHUT_WR)
                        client.socket.settimeout(10)
                        try:
                            while client.socket.recv(4096):
                                pass
                        except (ssl.SSLError, ConnectionResetError):
                            pass
                    client.close()
            counters = self.wait_for(server, tls_failed_lost=3)
            deadline = time.monotonic() + PATIENCE_S
            while counters["connections_open"] > 0 and time.monotonic() < deadline:
                time.sleep(0.1)
                counters = self.counters(server)
            self.assertEqual(counters["connections_open"], 0)
            self.assertEqual(server.listing(), [])
            with RawClient(server.port) as client:
                after_handshake(client)
                client.deliver(HEADER + b"still there\r\n")
                client.quit()

    def test_replies_still_come_after_the_clients_close_notify(self):
        """A client that says that it has nothing more, before it has read the last reply."""
        with self.server() as server, RawClient(server.tls_port) as client:
            tls = MemoryTls(client.socket, self.context())
            tls.handshake()
            self.assertTrue(tls.read().startswith(b"220"))
            tls.object.write(b"EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<user@example.com>\r\nDATA\r\n")
            tls.flush()
            text = b""
            while b"354" not in text:
                text += tls.read()
            tls.object.write(HEADER + b"last words\r\n.\r\n")
            with self.assertRaises(ssl.SSLWantReadError):
                tls.object.unwrap()
            tls.flush()
            while more := client.socket.recv(65536):
                tls.incoming.write(more)
            self.assertTrue(tls.object.read(4096).startswith(b"250 2.0.0"))
            self.assertEqual(len(server.listing()), 1)

    def test_drain_ends_handshakes_and_finishes_messages(self):
        with self.server() as server:
            with RawClient(server.tls_port) as silent, RawClient(server.port) as sending, RawClient(server.port) as idle:
                for client in (sending, idle):
                    client.greet()
                    self.secure(client)
                sending.envelope()
                sending.command("DATA", 354)
                sending.send(HEADER)
                time.sleep(0.2)
                server.terminate()
                idle.expect(421, "4.3.2")
                idle.at_end()
                self.assertEqual(session_ended(silent), b"")
                sending.send(b"in time\r\n.\r\n")
                sending.expect(250)
                sending.expect(421, "4.3.2")
                sending.at_end()
            self.assertEqual(server.wait(), 0)
            self.assertEqual(without_trace(self.only_message(server)), HEADER + b"in time\r\n")

    def test_a_burst_of_handshakes_is_served_in_turns(self):
        with self.server(server={"cores": 1}) as server:
            count = scaled(200, 40)
            contexts = self.context(verify=False)
            clients = [RawClient(server.tls_port) for _ in range(count)]
            failed = []

            def shake(part):
                for client in part:
                    try:
                        self.wrap(client, contexts)
                        client.expect(220)
                    except Exception as error:
                        failed.append(error)

            threads = [threading.Thread(target=shake, args=(clients[i::8],)) for i in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(failed, [])
            for client in clients:
                client.close()
            self.assertEqual(self.counters(server)["tls_handshakes_full"], count)
