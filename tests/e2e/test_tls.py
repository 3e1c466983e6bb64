"""TLS as clients see it: STARTTLS and TLS from the first octet, with openssl(1), swaks, curl, Python and Postfix; what is
refused, what is forgotten, renewal of certificates."""

import concurrent.futures
import json
import os
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import threading
import time

import mailgen
from certificates import Authority
from harness import Server, TestCase, free_port, need_root, new_folder, program, scaled, without_trace
from postfix import Postfix
from raw_client import RawClient, session_ended

HEADER = b"Subject: test\r\n\r\n"
PATIENCE_S = 30


class TlsTest(TestCase):
    def setUp(self):
        self.folder = new_folder("tls")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.authority = Authority(self.folder)

    def server(self, certificates=None, tls=None, **sections):
        """A server with one certificate, or those given; `tls_port` is where TLS comes first."""
        if certificates is None:
            certificates = [self.authority.entry("mx")]
        tls_port = free_port()
        overrides = {"tls": {"certificates": certificates, **(tls or {})},
                     "admin": {"socket": str(self.folder / "s")}}
        for name, keys in sections.items():
            overrides.setdefault(name, {}).update(keys)
        overrides.setdefault("server", {}).setdefault("listen_tls", [f"127.0.0.1:{tls_port}"])
        server = Server(overrides)
        server.tls_port = tls_port
        return server

    def context(self, verify=True, version=None):
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def secure(self, client, context=None, name="mx.test"):
        """STARTTLS, the handshake, and EHLO again."""
        client.command("STARTTLS", 220, "2.0.0")
        self.wrap(client, context, name)
        return client.command("EHLO client.test", 250)

    def wrap(self, client, context=None, name="mx.test"):
        client.socket = (context or self.context()).wrap_socket(client.socket, server_hostname=name,
                                                                suppress_ragged_eofs=False)

    def counters(self, server):
        answer = server.ctl("status", "--json", "--socket", str(self.folder / "s"))
        return json.loads(answer)["total"]

    def wait_for(self, server, **wanted):
        """Counters are at least these; returns them."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            counters = self.counters(server)
            if all(counters[name] >= value for name, value in wanted.items()):
                return counters
            if time.monotonic() > deadline:
                self.fail(f"{ {name: counters[name] for name in wanted} } instead of {wanted}")
            time.sleep(0.05)

    def events(self, server, event):
        return [line for line in map(json.loads, filter(None, server.log().splitlines())) if line["event"] == event]


class Sending(TlsTest):
    def check_stored(self, server, body, version=None):
        message = self.only_message(server)
        self.assertEqual(without_trace(message), body)
        trace = re.sub(rb"\r\n[ \t]+", b" ", message.split(b"\r\n\r\n")[0])
        self.assertRegex(trace, rb" with ESMTPS \(TLSv1\.[23] [A-Z0-9_-]+\) id ")
        line = self.events(server, "message")[-1]
        self.assertTrue(line["tls"])
        self.assertRegex(line["tls_version"], version or r"TLSv1\.[23]")
        self.assertRegex(line["tls_cipher"], r"^[A-Z0-9_-]+$")

    def test_smtplib_with_starttls_and_a_verified_certificate(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(version=version), self.server() as server:
                with smtplib.SMTP("127.0.0.1", server.port, "client.test", timeout=60) as client:
                    client._host = "mx.test"
                    client.ehlo()
                    self.assertIn("starttls", client.esmtp_features)
                    self.assertNotIn("requiretls", client.esmtp_features)
                    client.starttls(context=self.context(version=version))
                    client.ehlo()
                    self.assertNotIn("starttls", client.esmtp_features)
                    self.assertIn("requiretls", client.esmtp_features)
                    client.sendmail("a@client.test", ["user@example.com"], HEADER + b"over TLS\r\n")
                time.sleep(0.2)
                self.check_stored(server, HEADER + b"over TLS\r\n", version.name.replace("_", ".").replace("v1.", r"v1\."))
                self.assertEqual(self.wait_for(server, tls_handshakes_full=1)["tls_handshakes_full"], 1)

    def test_smtplib_where_tls_comes_first(self):
        with self.server() as server:
            with smtplib.SMTP_SSL("127.0.0.1", server.tls_port, "client.test", timeout=60,
                                  context=self.context(verify=False)) as client:
                client.sendmail("a@client.test", ["user@example.com"], HEADER + b"TLS first\r\n")
            time.sleep(0.2)
            self.check_stored(server, HEADER + b"TLS first\r\n")

    def test_swaks(self):
        for option in ("--tls", "--tls-on-connect"):
            with self.subTest(option=option), self.server() as server:
                port = server.port if option == "--tls" else server.tls_port
                sent = subprocess.run(["swaks", option, "--server", f"127.0.0.1:{port}", "--to", "user@example.com",
                                       "--body", "swaks"], stdin=subprocess.DEVNULL, capture_output=True,
                                      text=True, timeout=60, check=False)
                self.assertEqual(sent.returncode, 0, sent.stdout + sent.stderr)
                self.assertIn("TLS started", sent.stdout)
                self.assertTrue(self.only_message(server).rstrip().endswith(b"swaks"))

    def test_curl(self):
        for scheme in ("smtp", "smtps"):
            with self.subTest(scheme=scheme), self.server() as server:
                port = server.port if scheme == "smtp" else server.tls_port
                sent = subprocess.run(["curl", "-sS", "--ssl-reqd", "--cacert", str(self.authority.certificate),
                                       "--resolve", f"mx.test:{port}:127.0.0.1", f"{scheme}://mx.test:{port}",
                                       "--mail-from", "a@client.test", "--mail-rcpt", "user@example.com", "-T", "-"],
                                      input=b"Subject: curl\r\n\r\nbody\r\n", capture_output=True, timeout=60, check=False)
                self.assertEqual(sent.returncode, 0, sent.stderr)
                self.assertIn(b"Subject: curl", self.only_message(server))

    def test_large_messages_arrive_whole(self):
        """Bulk mode: DATA and BDAT beyond 64 KiB, which are received as there is room for them."""
        with self.server(smtp={"message_size": "64MiB"}) as server:
            size = scaled(24 << 20, 6 << 20)
            body = HEADER + mailgen.message(7, size)
            with smtplib.SMTP("127.0.0.1", server.port, "client.test", timeout=120) as client:
                client.starttls(context=self.context(verify=False))
                client.sendmail("a@client.test", ["user@example.com"], body)
            with RawClient(server.port, timeout_s=120) as client:
                client.greet()
                self.secure(client)
                client.envelope()
                half = len(body) // 2
                client.send(f"BDAT {half}\r\n".encode() + body[:half])
                client.expect(250)
                client.send(f"BDAT {len(body) - half} LAST\r\n".encode() + body[half:])
                client.expect(250)
                client.quit()
            stored = server.stored()
            self.assertEqual(len(stored), 2)
            for _, message in stored:
                self.assert_same_bytes(without_trace(message), body)

    def test_a_slow_backend_and_many_large_messages_in_little_memory(self):
        with self.server(server={"cores": 1, "memory": "64MiB", "connections_max": 64},
                         smtp={"message_size": "16MiB"}) as server:
            body = HEADER + mailgen.message(3, scaled(8 << 20, 2 << 20))

            def send(_):
                with smtplib.SMTP("127.0.0.1", server.port, "client.test", timeout=120) as client:
                    client.starttls(context=self.context(verify=False))
                    client.sendmail("a@client.test", ["user@example.com"], body)

            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                list(pool.map(send, range(8)))
            deadline = time.monotonic() + PATIENCE_S
            while len(server.listing()) < 8 and time.monotonic() < deadline:  # a spool in use is seen a moment late
                time.sleep(0.1)
            stored = server.stored()
            self.assertEqual(len(stored), 8)
            for _, message in stored:
                self.assert_same_bytes(without_trace(message), body)

    def test_octet_by_octet(self):
        """Records of one octet each, and a whole pipelined session in one record."""
        with self.server() as server:
            session = (b"EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<user@example.com>\r\nBDAT 26 LAST\r\n" +
                       HEADER + b"octets\r\n" + b"QUIT\r\n")
            session = session.replace(b"BDAT 26", b"BDAT %d" % (len(HEADER) + 8))
            for step in (1, len(session)):
                with RawClient(server.tls_port) as client:
                    self.wrap(client)
                    client.expect(220)
                    for at in range(0, len(session), step):
                        client.send(session[at:at + step])
                    for code in (250, 250, 250, 250, 221):
                        client.expect(code)
                    client.at_end()  # with close_notify, or this raises
            self.assertEqual(len(server.listing()), 2)

    def test_a_command_line_cut_by_the_edge_of_records_is_answered(self):
        """Records that come in one segment: what the session has taken half of is in one place, its rest in another."""
        commands = b"NOOP\r\n" * 2900
        with self.server() as server:
            for first in (16000, 16379, 16380, 16381, 16384):
                client = MemoryTls(server.tls_port, self.context())
                client.read_lines(1)
                client.tls.write(commands[:first])
                client.tls.write(commands[first:])
                client.flush()  # both records
                lines = client.read_lines(len(commands) // 6)
                self.assertEqual({line[:3] for line in lines}, {b"250"}, first)
                client.close()


class MemoryTls:
    """A client whose ciphertext leaves when it is told to."""

    def __init__(self, port, context, name="mx.test"):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name)
        self.pump(self.tls.do_handshake)
        self.flush()

    def flush(self):
        self.socket.sendall(self.outgoing.read())

    def pump(self, step):
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self.flush()
                octets = self.socket.recv(65536)
                if not octets:
                    raise AssertionError("the server has ended the connection") from None
                self.incoming.write(octets)

    def read_lines(self, count):
        text = b""
        while text.count(b"\n") < count:
            text += self.pump(lambda: self.tls.read(65536))
        return text.splitlines()

    def close(self):
        self.socket.close()


class OpenSsl(TlsTest):
    def s_client(self, port, *arguments, text=b"QUIT\r\n", starttls=True):
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", str(self.authority.certificate),
                   "-verify_return_error", "-verify_hostname", "mx.test", "-crlf", *map(str, arguments)]
        if starttls:
            command += ["-starttls", "smtp", "-name", "client.test"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            time.sleep(0.5)  # s_client stops reading when its input ends; tickets come right behind the handshake
            out, _ = process.communicate(text, timeout=PATIENCE_S)
        finally:
            process.kill()
            process.wait()
        return process.returncode, out.decode(errors="replace")

    def test_versions_and_suites(self):
        with self.server() as server:
            for arguments in (["-tls1_2"], ["-tls1_3"], ["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"]):
                for starttls in (True, False):
                    code, text = self.s_client(server.port if starttls else server.tls_port, "-servername", "mx.test",
                                               *arguments, starttls=starttls)
                    self.assertEqual(code, 0, text)
                    self.assertIn("Verify return code: 0 (ok)", text)
            for arguments in (["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], ["-tls1_2", "-cipher", "AES128-SHA"]):
                code, text = self.s_client(server.port, *arguments)
                self.assertNotEqual(code, 0, text)
            counters = self.wait_for(server, tls_failed_version=1, tls_failed_no_shared_cipher=1)
            self.assertEqual(counters["tls_handshakes_full"], 6)
            reasons = {line["detail"] for line in self.events(server, "tls_failed")}
            self.assertEqual(reasons, {"version", "no-shared-cipher"})
            self.assertTrue(all(line["peer"] == "127.0.0.1" for line in self.events(server, "tls_failed")))

    def test_the_modern_profile(self):
        with self.server(tls={"profile": "modern"}) as server:
            self.assertNotEqual(self.s_client(server.port, "-tls1_2")[0], 0)
            self.assertEqual(self.s_client(server.port, "-tls1_3")[0], 0)

    def test_a_session_is_resumed_on_whatever_core(self):
        with self.server() as server:
            saved = self.folder / "session"
            for version in ("-tls1_2", "-tls1_3"):
                code, text = self.s_client(server.port, version, "-sess_out", saved)
                self.assertEqual(code, 0, text)
                for _ in range(6):
                    code, text = self.s_client(server.port, version, "-sess_in", saved)
                    self.assertEqual(code, 0, text)
                    self.assertIn("Reused, ", text)
            counters = self.wait_for(server, tls_handshakes_resumed=12)
            self.assertEqual(counters["tls_handshakes_full"], 2)

    def test_without_tickets_nothing_is_resumed(self):
        with self.server(tls={"tickets": "none"}) as server:
            for version in ("-tls1_2", "-tls1_3"):
                _, text = self.s_client(server.port, version)
                self.assertNotIn("TLS session ticket", text)

    def test_certificates_by_name_and_key_type(self):
        certificates = [self.authority.entry("one-ec", common_name="one-ec", names=["mx.test"]),
                        self.authority.entry("one-rsa", common_name="one-rsa", names=["mx.test"], key="rsa"),
                        self.authority.entry("two", common_name="two", names=["two.test", "*.wild.test"])]
        with self.server(certificates) as server:
            for name, more, expected in (("mx.test", [], "one-ec"),
                                         ("mx.test", ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], "one-rsa"),
                                         ("two.test", [], "two"), ("a.wild.test", [], "two"), (None, [], "one-ec"),
                                         ("unknown.test", [], "one-ec")):
                arguments = ["-servername", name] if name else ["-noservername"]
                if expected == "two":
                    arguments += ["-verify_hostname", name]
                code, text = self.s_client(server.port, *arguments, *more)
                self.assertEqual(code, 0, text)
                self.assertIn(f"subject=CN = {expected}\n", text)

    def test_a_client_is_asked_for_its_certificate_and_any_is_taken(self):
        other = Authority(self.folder / "other")
        chain, key = other.issue("client", "client.test", ["client.test"])
        with self.server(tls={"client_certificates": "request"}) as server:
            for arguments in ([], ["-cert", chain, "-key", key]):
                for version in ("-tls1_2", "-tls1_3"):
                    code, text = self.s_client(server.port, version, *arguments)
                    self.assertEqual(code, 0, text)
                    self.assertNotIn("No client certificate CA names sent\nNo", text)


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
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = self.context().wrap_bio(incoming, outgoing, server_hostname="mx.test")
            with self.assertRaises(ssl.SSLWantReadError):
                tls.do_handshake()
            with RawClient(server.port) as client:
                client.greet()
                client.command("STARTTLS", 220)
                client.send(outgoing.read() + self.INJECTED)
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
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = self.context().wrap_bio(incoming, outgoing, server_hostname="mx.test")

            def pump(step):
                while True:
                    try:
                        result = step()
                        client.send(outgoing.read())
                        return result
                    except ssl.SSLWantReadError:
                        client.send(outgoing.read())
                        incoming.write(client.socket.recv(65536))

            pump(tls.do_handshake)
            self.assertTrue(pump(lambda: tls.read(4096)).startswith(b"220"))
            tls.write(b"EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<user@example.com>\r\nDATA\r\n")
            client.send(outgoing.read())
            text = b""
            while b"354" not in text:
                text += pump(lambda: tls.read(4096))
            tls.write(HEADER + b"last words\r\n.\r\n")
            with self.assertRaises(ssl.SSLWantReadError):
                tls.unwrap()
            client.send(outgoing.read())
            while not (more := client.socket.recv(65536)) == b"":
                incoming.write(more)
            self.assertTrue(tls.read(4096).startswith(b"250 2.0.0"))
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


class HandshakesUnderWay(TlsTest):
    """Handshakes take memory: so many may be under way on a core, the others wait for one to end."""

    def hello(self, server):
        """A client that has sent its ClientHello and not yet read what comes back."""
        client = RawClient(server.tls_port)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context().wrap_bio(incoming, outgoing, server_hostname="mx.test")
        with self.assertRaises(ssl.SSLWantReadError):
            tls.do_handshake()
        client.send(outgoing.read())
        client.tls, client.incoming, client.outgoing = tls, incoming, outgoing
        return client

    def finish(self, client):
        while True:
            try:
                client.tls.do_handshake()
                client.send(client.outgoing.read())
                return
            except ssl.SSLWantReadError:
                client.send(client.outgoing.read())
                client.incoming.write(client.socket.recv(65536))

    def test_one_too_many_waits_until_another_has_ended(self):
        most = 16
        with self.server(server={"cores": 1, "connections_max": 64}) as server:
            stuck = [self.hello(server) for _ in range(most)]
            for client in stuck:
                client.first = client.socket.recv(1)  # its flight has come
            waiting = [self.hello(server) for _ in range(4)]
            for client in waiting:
                client.socket.settimeout(0.3)
                with self.assertRaises(TimeoutError):
                    client.socket.recv(1)
                client.socket.settimeout(30)
            waiting[0].close()  # one that has given up does not hold up the others
            stuck[0].close()
            stuck[1].reset()
            stuck[2].incoming.write(stuck[2].first)
            self.finish(stuck[2])
            for client in waiting[1:]:
                self.finish(client)
            self.assertEqual(self.wait_for(server, tls_handshakes_full=4)["tls_handshakes_full"], 4)
            for client in stuck + waiting:
                client.close()

    def test_the_deadline_frees_their_places(self):
        with self.server(server={"cores": 1, "connections_max": 64}, timeouts={"tls_handshake": 2}) as server:
            stuck = [self.hello(server) for _ in range(16)]
            for client in stuck:
                client.socket.recv(1)
            time.sleep(1)
            late = self.hello(server)
            self.finish(late)
            self.wait_for(server, tls_failed_timed_out=16, tls_handshakes_full=1)
            for client in stuck + [late]:
                client.close()


class Renewal(TlsTest):
    def shown_serial(self, server):
        with RawClient(server.port) as client:
            client.greet()
            self.secure(client)
            serial = client.socket.getpeercert()["serialNumber"].lstrip("0")
            client.quit()
            return serial

    def test_a_new_certificate_is_taken_without_touching_open_sessions(self):
        with self.server(tls={"check_interval": 1}) as server:
            with RawClient(server.port) as old:
                old.greet()
                self.secure(old)
                before = self.shown_serial(server)
                self.authority.issue("mx")
                self.wait_for(server, tls_reloads=1)
                after = self.shown_serial(server)
                self.assertNotEqual(before, after)
                self.assertEqual(after, self.authority.serial_of("mx"))
                old.deliver(HEADER + b"old session\r\n")
                old.quit()

    def test_sighup_loads_at_once(self):
        with self.server(tls={"check_interval": "1h"}) as server:
            self.authority.issue("mx")
            server.process.send_signal(signal.SIGHUP)
            self.wait_for(server, tls_reloads=1)
            self.assertEqual(self.shown_serial(server), self.authority.serial_of("mx"))

    def test_a_bad_certificate_is_refused_and_the_old_one_kept(self):
        with self.server(tls={"check_interval": "1h"}) as server:
            before = self.shown_serial(server)
            chain, key = self.folder / "mx.pem", self.folder / "mx.key"
            good = chain.read_bytes(), key.read_bytes()
            other_chain, other_key = self.authority.issue("other")
            expired = self.authority.issue("expired", days=0)[0]
            cases = [(good[0], other_key.read_bytes(), "the key is not this certificate's"),
                     (b"nonsense", good[1], "holds no certificate in PEM"),
                     (good[0][:len(good[0]) // 3], good[1], "cannot be read|holds no certificate"),
                     (good[0], b"", "its key cannot be read")]
            time.sleep(1.2)  # so that the one of no days has ended
            cases.append((expired.read_bytes(), (self.folder / "expired.key").read_bytes(), "has expired on"))
            for number, (new_chain, new_key, reason) in enumerate(cases, 1):
                chain.write_bytes(new_chain)
                key.write_bytes(new_key)
                server.process.send_signal(signal.SIGHUP)
                self.wait_for(server, tls_reloads_refused=number)
                self.assertEqual(self.shown_serial(server), before)
                time.sleep(0.1)
                self.assertRegex(self.events(server, "certificates_refused")[-1]["text"], reason)
            chain.unlink()
            server.process.send_signal(signal.SIGHUP)
            self.wait_for(server, tls_reloads_refused=len(cases) + 1)
            self.assertEqual(self.shown_serial(server), before)
            chain.write_bytes(other_chain.read_bytes())
            key.write_bytes(other_key.read_bytes())
            server.process.send_signal(signal.SIGHUP)
            self.wait_for(server, tls_reloads=1)
            self.assertEqual(self.shown_serial(server), self.authority.serial_of("other"))

    def test_under_load_no_session_fails(self):
        with self.server(tls={"check_interval": "1h"}) as server:
            renewals = scaled(12, 4)
            stop = threading.Event()
            sent, failed = [], []

            def send(number):
                context = self.context(verify=True)
                while not stop.is_set():
                    try:
                        with RawClient(server.port) as client:
                            client.greet()
                            self.secure(client, context)
                            for _ in range(3):
                                client.deliver(HEADER + b"under renewal\r\n")
                                sent.append(number)
                            client.quit()
                    except Exception as error:
                        failed.append(repr(error))

            threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            serials = set()
            for number in range(1, renewals + 1):
                self.authority.issue("mx", key="rsa" if number % 2 else "ec")
                server.process.send_signal(signal.SIGHUP)
                self.wait_for(server, tls_reloads=number)
                serials.add(self.shown_serial(server))
            stop.set()
            for thread in threads:
                thread.join()
            self.assertEqual(failed, [])
            self.assertEqual(len(serials), renewals)
            self.assertGreater(len(sent), renewals)
            self.assertEqual(len(server.listing()), len(sent))


class Check(TlsTest):
    def check(self, certificates, hostname="mx.test", tls=None):
        server = self.server(certificates, tls=tls, server={"hostname": hostname})
        self.addCleanup(server.remove)
        server.write_config()
        done = subprocess.run([program("ringmx"), "check", "--config", str(server.config_path)], capture_output=True,
                              text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_a_good_one(self):
        code, text = self.check([self.authority.entry("mx")])
        self.assertEqual(code, 0, text)
        self.assertNotIn("warning", text)

    def test_what_is_wrong_is_named(self):
        good = self.authority.entry("mx")
        other = self.authority.entry("other")
        code, text = self.check([{**good, "key": other["key"]}])
        self.assertIn("the key is not this certificate's", text)
        self.assertNotEqual(code, 0)
        code, text = self.check([{**good, "names": ["elsewhere.test"]}])
        self.assertIn("is not issued for the name elsewhere.test", text)
        self.assertNotEqual(code, 0)
        code, text = self.check([{**good, "chain": str(self.folder / "missing.pem")}])
        self.assertIn("missing.pem", text)
        self.assertNotEqual(code, 0)
        code, text = self.check([])
        self.assertIn("server.listen_tls: needs a certificate", text)
        self.assertNotEqual(code, 0)

    def test_warnings(self):
        code, text = self.check([self.authority.entry("soon", days=9)])
        self.assertEqual(code, 0, text)
        self.assertRegex(text, r"warning: .*soon\.pem: expires in [89] days, on ")
        code, text = self.check([self.authority.entry("mx")], hostname="mx9.test")
        self.assertEqual(code, 0, text)
        self.assertIn('warning: no certificate is issued for server.hostname "mx9.test"', text)


class PostfixSends(TlsTest):
    def relay(self, level, **settings):
        need_root("starting a Postfix")
        with self.server() as server:
            postfix = Postfix(server.port)
            postfix.settings.update({"smtp_tls_security_level": level, "smtp_tls_loglevel": "1",
                                     "smtp_tls_CAfile": str(postfix.folder / "ca.pem"), **settings})
            shutil.copy(self.authority.certificate, postfix.folder / "ca.pem")
            os.chmod(postfix.folder / "ca.pem", 0o644)
            with postfix:
                with smtplib.SMTP("127.0.0.1", postfix.port, "client.test", timeout=60) as client:
                    client.sendmail("a@client.test", ["user@example.com"], HEADER + b"from Postfix\r\n")
                deadline = time.monotonic() + 60
                while not server.listing() and time.monotonic() < deadline and "status=" not in postfix.log():
                    time.sleep(0.2)
                log = postfix.log()
                return server.stored(), log

    def test_encrypt(self):
        stored, log = self.relay("encrypt")
        self.assertEqual(len(stored), 1, log)
        self.assertIn(b"with ESMTPS", stored[0][1])
        self.assertIn("TLS connection established to 127.0.0.1", log)

    def test_verify(self):
        stored, log = self.relay("verify", smtp_tls_verify_cert_match="mx.test")
        self.assertEqual(len(stored), 1, log)
        self.assertIn("Verified TLS connection established", log)

    def test_a_wrong_name_is_not_verified(self):
        stored, log = self.relay("verify", smtp_tls_verify_cert_match="other.test")
        self.assertEqual(stored, [])
        self.assertIn("status=deferred", log)
        self.assertIn("Server certificate not verified", log)
