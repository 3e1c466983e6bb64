"""What openssl(1) is shown: versions and suites, tickets, certificates by name and type of key."""

import subprocess
import time

from certificates import Authority
from tls_case import PATIENCE_S, TlsTest


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
