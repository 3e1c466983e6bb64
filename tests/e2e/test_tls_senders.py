"""Mail over TLS from smtplib, swaks, curl and Postfix; large messages, and records cut anywhere."""

import concurrent.futures
import os
import re
import shutil
import smtplib
import ssl
import subprocess
import time

import mailgen
from harness import need_root, scaled, without_trace
from memory_tls import MemoryTls
from postfix import Postfix
from raw_client import RawClient
from tls_case import HEADER, PATIENCE_S, TlsTest


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
                with RawClient(server.tls_port) as client:
                    tls = MemoryTls(client.socket, self.context())
                    tls.handshake()
                    self.read_lines(tls, 1)
                    tls.object.write(commands[:first])
                    tls.object.write(commands[first:])
                    tls.flush()  # both records
                    lines = self.read_lines(tls, len(commands) // 6)
                    self.assertEqual({line[:3] for line in lines}, {b"250"}, first)

    def read_lines(self, tls, count):
        text = b""
        while text.count(b"\n") < count:
            text += tls.read()
        return text.splitlines()


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
