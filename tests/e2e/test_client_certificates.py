"""Certificates of clients: asked for, verified against the authorities of the configuration, and a fact either way
(docs/tls.md)."""

import json
import os
import shutil
import ssl
import subprocess
import time

from certificates import Authority
from harness import Server, TestCase, need_root, new_folder, program
from raw_client import RawClient

PATIENCE_S = 30


class ClientCertificates(TestCase):
    def setUp(self):
        self.folder = new_folder("client-certificates")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.own = Authority(self.folder / "own")
        self.partners = Authority(self.folder / "partners")
        self.others = Authority(self.folder / "others")

    def server(self, authorities=None, folder=None, **sections):
        tls = {"certificates": [self.own.entry("mx")], "client_certificates": "request"}
        if authorities:
            tls["client_authorities"] = str(authorities)
        return Server({"tls": {**tls, **sections.pop("tls", {})}, "admin": {"socket": str((folder or self.folder) / "admin")}, **sections}, folder=folder)

    def deliver(self, server, certificate=None, version=None, xclient=None):
        """A message under TLS, in the name of another client if `xclient` says so; the line of the log about it."""
        before = len(self.messages(server))
        context = ssl.create_default_context(cafile=str(self.own.certificate))
        if version:
            context.minimum_version = context.maximum_version = version
        if certificate:
            context.load_cert_chain(*certificate)
        with RawClient(server.port) as client:
            client.greet()
            client.command("STARTTLS", 220)
            client.socket = context.wrap_socket(client.socket, server_hostname="mx.test")
            client.command("EHLO client.test", 250)
            if xclient:
                client.command(f"XCLIENT {xclient}", 220)
                client.command("EHLO client.test", 250)
            client.command("MAIL FROM:<sender@client.test>", 250)
            client.command("RCPT TO:<user@example.com>", 250)
            client.command("DATA", 354)
            client.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
            client.expect(250)
        deadline = time.monotonic() + PATIENCE_S
        while len(self.messages(server)) == before:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        return self.messages(server)[-1]

    def messages(self, server):
        lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == "message"]

    def facts(self, line):
        return {name: line[name] for name in ("tls_client", "tls_client_verified", "tls_client_problem") if name in line}

    def test_a_certificate_is_verified_or_not_and_the_mail_is_taken(self):
        good = self.partners.issue("client", "mx.partner.test", ["mx.partner.test"])
        wrong = self.others.issue("client", "mx.partner.test", ["mx.partner.test"])
        expired = self.partners.issue("expired", "old.partner.test", ["old.partner.test"], days=0)
        time.sleep(1.1)
        with self.server(self.partners.certificate) as server:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                line = self.deliver(server, good, version)
                self.assertEqual(self.facts(line), {"tls_client": "CN=mx.partner.test", "tls_client_verified": True})
                self.assertRegex(line["tls_client_sha256"], "^[0-9a-f]{64}$")
                line = self.deliver(server, wrong, version)
                self.assertEqual(line["tls_client"], "CN=mx.partner.test")
                self.assertNotIn("tls_client_verified", line)
                self.assertTrue(line["tls_client_problem"])
                line = self.deliver(server, expired, version)
                self.assertEqual(self.facts(line), {"tls_client": "CN=old.partner.test",
                                                    "tls_client_problem": "certificate has expired"})
                self.assertEqual(self.facts(self.deliver(server, None, version)), {})
            answer = json.loads(server.ctl("status", "--json", "--socket", str(self.folder / "admin")))["total"]
            self.assertEqual((answer["tls_clients_verified"], answer["tls_clients_unverified"]), (2, 4))
            # The envelope in the spool has them, too.
            shown = json.loads(server.spool("cat", "--envelope", self.messages(server)[0]["id"]))
            self.assertEqual((shown["tls_client"], shown["tls_client_verified"]), ("CN=mx.partner.test", True))

    def test_without_authorities_nobody_vouches(self):
        good = self.partners.issue("client", "mx.partner.test", ["mx.partner.test"])
        with self.server() as server:
            self.assertEqual(self.facts(self.deliver(server, good)), {"tls_client": "CN=mx.partner.test"})

    def test_the_certificate_of_an_mta_in_front_is_not_that_of_the_client_it_names(self):
        good = self.partners.issue("client", "mx.partner.test", ["mx.partner.test"])
        with self.server(self.partners.certificate, proxy={"xclient": ["127.0.0.1"]}) as server:
            line = self.deliver(server, good, xclient="NAME=stranger.test")  # the address stays the MTA's
            self.assertEqual(self.facts(line), {"tls_client": "CN=mx.partner.test", "tls_client_verified": True})
            line = self.deliver(server, good, xclient="ADDR=192.0.2.1")
            self.assertEqual((line["peer"], line["tls"], self.facts(line)), ("192.0.2.1", True, {}))
            self.assertNotIn("tls_client_sha256", line)

    def test_a_folder_of_authorities_is_loaded_anew_when_one_is_added(self):
        authorities = self.folder / "authorities"
        authorities.mkdir()
        shutil.copy(self.partners.certificate, authorities / "partners.pem")
        other = self.others.issue("client", "mx.other.test", ["mx.other.test"])
        with self.server(authorities, confine={"mode": "auto"}, tls={"check_interval": "1s"}) as server:
            self.assertNotIn("tls_client_verified", self.deliver(server, other))
            shutil.copy(self.others.certificate, authorities / "others.new")
            os.rename(authorities / "others.new", authorities / "others.crt")
            deadline = time.monotonic() + PATIENCE_S
            while "tls_client_verified" not in self.deliver(server, other):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.2)

    def test_authorities_that_only_root_reads_are_loaded_anew_by_another_account(self):
        need_root("another account")
        other = self.others.issue("client", "mx.other.test", ["mx.other.test"])
        for path in (self.folder, *self.folder.parents):
            if not path.stat().st_mode & 0o001 and path != self.folder:
                self.skipTest(f"{path} is closed to other users")
        self.folder.chmod(0o777)
        served = self.folder / "served"
        served.mkdir()
        served.chmod(0o777)
        closed = self.folder / "closed"
        closed.mkdir(mode=0o700)
        shutil.copy(self.partners.certificate, closed / "ca.pem")
        with self.server(closed / "ca.pem", served, confine={"user": "nobody"}, tls={"check_interval": "1s"}) as server:
            self.assertNotIn("tls_client_verified", self.deliver(server, other))
            shutil.copy(self.others.certificate, closed / "new")
            os.rename(closed / "new", closed / "ca.pem")
            deadline = time.monotonic() + PATIENCE_S
            while "tls_client_verified" not in self.deliver(server, other):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.2)

    def test_what_is_wrong_is_said(self):
        bad = self.folder / "bad.pem"
        bad.write_text("nothing\n")
        empty = self.folder / "empty"
        empty.mkdir()
        for authorities, tls, text in ((bad, {}, "tls.client_authorities: holds no certificate in PEM"),
                                       (self.folder / "absent", {}, "absent: No such file"),
                                       (empty, {}, "there is no file that ends with .pem or .crt"),
                                       (self.partners.certificate, {"client_certificates": "none"},
                                        'tls.client_authorities: needs tls.client_certificates = "request"')):
            server = self.server(authorities, tls=tls)
            self.addCleanup(server.remove)
            server.write_config()
            done = subprocess.run([program("ringmx"), "check", "--config", str(server.config_path)],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 78, text)
            self.assertIn(text, done.stderr)
