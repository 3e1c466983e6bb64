"""[confine]: what a server gives up once it serves, and that it still does its work."""

import errno
import hashlib
import json
import os
import pathlib
import pwd
import shutil
import signal
import smtplib
import ssl
import time
import unittest

import harness
from certificates import Authority
from harness import Server, TestCase, free_port, need_root, new_folder, plugin_path

PATIENCE_S = 60
CONFIG_EXIT = 78


def status_fields(pid):
    """Of every thread: /proc/PID/task/*/status as dictionaries."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        yield dict((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))


def confinement(server):
    """The line of the log that says what holds; it comes a moment after the first greeting."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for line in server.log().splitlines():
            if '"event":"confinement"' in line:
                return json.loads(line)
        time.sleep(0.02)
    raise AssertionError(f"no word about confinement:\n{server.log()}")


class ConfinementTest(TestCase):
    def setUp(self):
        self.folder = new_folder("confine")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def server(self, overrides=None, mode="required", **confine):
        (self.folder / "server.log").unlink(missing_ok=True)
        return Server({"confine": {"mode": mode, **confine}, **(overrides or {})}, folder=self.folder)

    def send(self, port, number=1):
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            return client.sendmail("a@client.test", ["user@example.com"], f"Subject: {number}\r\n\r\nbody\r\n")


@unittest.skipIf(harness.SANITIZED, "sanitizers need system calls of their own")
class Confined(ConfinementTest):
    def test_every_thread_is_behind_the_filter_and_mail_is_stored(self):
        with self.server() as server:
            line = confinement(server)
            self.assertRegex(line["seccomp"], r"\A\d+ system calls\Z")
            self.assertIn("paths", line["landlock"])
            for fields in status_fields(server.process.pid):
                self.assertEqual((fields["NoNewPrivs"], fields["Seccomp"]), ("1", "2"), fields["Name"])
            self.send(server.port)
            self.assertEqual(len(server.listing()), 1)

    def test_off_and_automatic_say_so(self):
        with self.server(mode="off") as server:
            self.assertEqual(confinement(server)["seccomp"], "off")
            self.assertEqual({fields["Seccomp"] for fields in status_fields(server.process.pid)}, {"0"})
        with self.server(mode="auto") as server:
            self.assertRegex(confinement(server)["seccomp"], r"\A\d+ system calls\Z")

    def plugin(self, mode, **options):
        return {"storage": {"backend": "plugin"}, "storage.plugin": {"path": plugin_path("actor")},
                "storage.plugin.options": {"mode": mode, **options}}

    def test_a_plugin_reaches_nothing_that_is_not_listed(self):
        secret, shown = self.folder / "secret", self.folder / "shown"
        for path in (secret, shown):
            path.mkdir()
            (path / "file").write_text("text")
        expected = {secret: errno.EACCES, shown: 0}
        for path, code in expected.items():
            with self.server(self.plugin("reach", gate=str(path / "file")), read=[str(shown)]) as server:
                with self.assertRaises(smtplib.SMTPDataError) as refused:
                    self.send(server.port)
                self.assertIn(f"file {code}, socket {errno.ENOSYS}, code {errno.ENOSYS}".encode(),
                              refused.exception.smtp_error)

    def test_a_program_that_is_started_ends_the_server_and_no_mail_is_acknowledged(self):
        server = self.server(self.plugin("execute"))
        server.expect_exit = -signal.SIGSYS
        with server:
            with self.assertRaises((smtplib.SMTPServerDisconnected, ConnectionError)):
                self.send(server.port)

    def test_a_plugin_of_ones_own_is_left_alone_unless_that_is_required(self):
        path = self.folder / "anywhere"
        path.write_text("text")
        with self.server(self.plugin("reach", gate=str(path)), mode="auto") as server:
            self.assertIn("plugin", confinement(server)["seccomp"])
            with self.assertRaises(smtplib.SMTPDataError) as refused:
                self.send(server.port)
            self.assertIn(b"file 0,", refused.exception.smtp_error)

    def test_the_first_digest_is_made_behind_the_filter(self):
        """OpenSSL gets ready when it is first asked for something: for the hash in a mailbox's name that is too long."""
        domain = ".".join(["long" * 12] * 3)
        (self.folder / "mail").mkdir()
        with self.server({"accept": {"domains": [domain]}, "storage": {"backend": "maildir"},
                          "storage.maildir": {"path": "mail/{domain}@{local}", "min_free": "16MiB"}}) as server:
            confinement(server)
            with smtplib.SMTP("127.0.0.1", server.port, timeout=60) as client:
                client.sendmail("a@client.test", [f"user@{domain}"], "Subject: 1\r\n\r\nbody\r\n")
            name = f"%h{hashlib.sha256(domain.encode()).hexdigest()}@user"
            folders = [path.name for path in (self.folder / "mail").iterdir() if path.name.endswith(name)]
            self.assertEqual(len(folders), 1, list((self.folder / "mail").iterdir()))

    def test_the_log_is_opened_anew(self):
        log = self.folder / "log" / "ringmx.log"
        log.parent.mkdir()
        with self.server({"log": {"path": str(log)}}) as server:
            self.send(server.port, 1)
            log.rename(log.with_suffix(".1"))
            server.process.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + PATIENCE_S
            while not log.exists() and time.monotonic() < deadline:
                self.send(server.port, 2)
                time.sleep(0.05)
            self.assertTrue(log.exists())


class Unprivileged(ConfinementTest):
    USER = "nobody"

    def setUp(self):
        super().setUp()
        need_root("giving root up")
        self.folder.chmod(0o777)
        self.open_way_to(self.folder)
        self.certificates = self.folder / "tls"
        self.certificates.mkdir(mode=0o700)  # root's alone
        self.authority = Authority(self.certificates)

    def open_way_to(self, folder):
        for path in (folder, *folder.parents):
            if not path.stat().st_mode & 0o001:
                self.skipTest(f"{path} is closed to other users")

    def tls_server(self):
        self.tls_port = free_port()
        return self.server({"tls": {"certificates": [self.authority.entry("mx")], "check_interval": 1},
                            "server": {"hostname": "mx.test", "listen_tls": [f"127.0.0.1:{self.tls_port}"]}},
                           mode="auto", user=self.USER)

    def serial(self):
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        context.check_hostname = False
        with smtplib.SMTP_SSL("127.0.0.1", self.tls_port, timeout=60, context=context,
                              local_hostname="client.test") as client:
            return client.sock.getpeercert()["serialNumber"].lstrip("0")

    def test_root_is_given_up_and_keys_are_still_renewed(self):
        uid = str(pwd.getpwnam(self.USER).pw_uid)
        with self.tls_server() as server:
            for fields in status_fields(server.process.pid):
                self.assertEqual(set(fields["Uid"].split()), {uid}, fields["Name"])
                self.assertEqual(int(fields["CapEff"], 16) | int(fields["CapPrm"], 16), 0, fields["Name"])
            self.assertEqual(confinement(server)["user"], self.USER)
            first = self.serial()
            self.assertEqual(first, self.authority.serial_of("mx"))
            chain, key = self.authority.issue("mx")
            self.assertEqual(os.stat(key).st_mode & 0o077, 0)
            deadline = time.monotonic() + PATIENCE_S
            while self.serial() == first and time.monotonic() < deadline:
                time.sleep(0.1)
            self.assertEqual(self.serial(), self.authority.serial_of("mx"))
            self.send(server.port)
            self.assertEqual(len(server.listing()), 1)
            self.assertEqual((self.folder / "spool").stat().st_uid, int(uid))

    def test_no_process_stays_when_the_server_is_killed(self):
        with self.tls_server() as server:
            children = pathlib.Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
            self.assertEqual(len(children), 1)  # the keeper of keys
            server.kill()
            server.process = None
            deadline = time.monotonic() + PATIENCE_S
            while pathlib.Path(f"/proc/{children[0]}/cmdline").exists() and time.monotonic() < deadline:
                if "State:\tZ" in pathlib.Path(f"/proc/{children[0]}/status").read_text():
                    break
                time.sleep(0.05)
            else:
                self.assertFalse(pathlib.Path(f"/proc/{children[0]}").exists())

    def test_a_user_that_does_not_exist_stops_the_start(self):
        server = self.server(user="no-such-user")
        server.launch()
        self.assertEqual(server.wait(), CONFIG_EXIT)
        self.assertIn('confine.user: user "no-such-user" does not exist', server.log())
