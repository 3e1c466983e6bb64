"""ringmx-load over STARTTLS and implicit TLS: against Postfix, aiosmtpd, and a server that gets TLS wrong on request."""

import asyncio
import contextlib
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import unittest

from generator import LoadTestCase, load, scripted, serving
from harness import READY_S_MAX, free_port, need_root, new_folder, scaled
from postfix import Postfix

NAME = "mx.test"
STARTTLS_EHLO = "250-test\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 STARTTLS\r\n"


def make_certificate(folder, name, *arguments):
    """A self-signed certificate for `name` and 127.0.0.1, with its key in the same PEM file."""
    path = folder / f"{name}.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1",
                    "-keyout", str(folder / "key"), "-out", str(folder / "certificate"), *arguments],
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    path.write_bytes((folder / "key").read_bytes() + (folder / "certificate").read_bytes())
    return path


class TlsTestCase(LoadTestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = new_folder("tls")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.certificate = make_certificate(cls.folder, NAME)
        cls.other = make_certificate(cls.folder, "other.test")

    def context(self, certificate=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate or self.certificate)
        return context

    def assert_handshakes(self, run, full, resumed):
        self.assertEqual((run.tls["full_handshakes"], run.tls["resumed_handshakes"], run.tls["errors"]),
                         (full, resumed, 0), run.output)
        self.assertEqual(run.latency_us["tls"]["count"], full + resumed)


@contextlib.contextmanager
def aiosmtpd(context, implicit):
    """Yields the port, the mails as (recipients, content), and for each mail the TLS session and whether it is resumed."""
    try:
        from aiosmtpd.controller import UnthreadedController
    except ImportError:
        raise unittest.SkipTest("python3-aiosmtpd is not installed") from None
    received, sessions = [], []

    class Handler:
        async def handle_DATA(self, server, session, envelope):
            tls = server.transport.get_extra_info("ssl_object")
            sessions.append((session.peer, tls.session_reused, tls.version()))
            received.append((tuple(envelope.rcpt_tos), bytes(envelope.content)))
            return "250 kept"

    port = free_port()
    loop = asyncio.new_event_loop()
    arguments = {"ssl_context": context} if implicit else {"tls_context": context, "require_starttls": True}
    controller = UnthreadedController(Handler(), hostname="127.0.0.1", port=port, loop=loop, **arguments)
    controller.begin()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield port, received, sessions
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        controller.end()
        loop.close()


class PostfixTls(TlsTestCase):
    def held(self, postfix):
        return len(list((postfix.folder / "queue" / "hold").iterdir()))

    def assert_logged(self, postfix, text, times):
        """Postfix writes its log in another process, a moment later."""
        deadline = time.monotonic() + READY_S_MAX
        while postfix.log().count(text) < times and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(postfix.log().count(text), times, text)

    def test_everything_acknowledged_is_in_the_queue_and_sessions_are_resumed(self):
        need_root("starting a Postfix")
        messages = scaled(300, 60)
        postfix = Postfix(free_port(), certificate=self.certificate)
        postfix.settings["smtpd_end_of_data_restrictions"] = "check_client_access static:HOLD"
        with postfix:
            held = 0
            for tls, port in (("starttls", postfix.port), ("implicit", postfix.implicit_port)):
                for mode in ("single", "pipelined", "bdat"):
                    run = load(port, "--tls", tls, "--mode", mode, "-m", str(messages), "-c", "5", "--size", "40KiB")
                    self.assert_all_acknowledged(run, messages)
                    self.assert_handshakes(run, 5, 0)
                    held += messages
                    self.assertEqual(self.held(postfix), held, "messages in the hold queue")
            self.assert_logged(postfix, "TLS connection established from", 6 * 6)  # five and the probe for each run
            self.assert_logged(postfix, "Reusing old session", 0)
            reused = 0
            for version in ("1.2", "1.3"):
                run = load(postfix.port, "--tls", "starttls", "--tls-resume", "--tls-max", version, "-m", "100", "-c", "4",
                           "--per-connection", "5")
                self.assert_all_acknowledged(run, 100)
                self.assertEqual(run.tls["version"], f"TLSv{version}")
                self.assertEqual(run.tls["full_handshakes"], 4, run.output)
                self.assertGreaterEqual(run.tls["resumed_handshakes"], 16, run.output)
                reused += run.tls["resumed_handshakes"]
                self.assert_logged(postfix, "Reusing old session", reused)
            complaints = re.findall(r".*(?:SSL_accept error|lost connection after (?!CONNECT)|TLS library problem).*",
                                    postfix.log())
            self.assertEqual(complaints, [])


class AiosmtpdTls(TlsTestCase):
    def test_everything_acknowledged_arrived_over_tls(self):
        for implicit in (False, True):
            with self.subTest(implicit=implicit), aiosmtpd(self.context(), implicit) as (port, received, sessions):
                run = load(port, "--tls", "implicit" if implicit else "starttls", "-m", "100", "-c", "5", "--recipients",
                           "2", "--size", "300KiB", "--unique")
                self.assert_all_acknowledged(run, 100)
                self.assert_handshakes(run, 5, 0)
                self.assertEqual({len(content) for _, content in received}, {300 << 10})
                self.assertEqual(len({content for _, content in received}), 100, "unique mails")
                self.assertEqual(len(received), 100)
                self.assertEqual({resumed for _, resumed, _ in sessions}, {False})

    def test_sessions_are_resumed_only_on_request(self):
        for version in ("1.2", "1.3"):
            for resume in (False, True):
                with self.subTest(version=version, resume=resume), \
                        aiosmtpd(self.context(), True) as (port, _, sessions):
                    run = load(port, "--tls", "implicit", "-m", "60", "-c", "3", "--one-shot", "100%", "--tls-max", version,
                               *(["--tls-resume"] if resume else []))
                    self.assert_all_acknowledged(run, 60)
                    self.assertEqual({number for _, _, number in sessions}, {f"TLSv{version}"})
                    resumed = sum(reused for _, reused, _ in sessions)
                    self.assertEqual(len(sessions), 60)
                    self.assert_handshakes(run, 60 - resumed, resumed)
                    if resume:
                        self.assertEqual(resumed, 57, "all but the first of each of three places")
                    else:
                        self.assertEqual(resumed, 0)


class Rules(TlsTestCase):
    def test_ehlo_again_and_no_plaintext_behind_starttls(self):
        # What the server says before TLS is void: it offers BDAT only behind it.
        ehlo = lambda count: STARTTLS_EHLO.replace("CHUNKING", "X") if count % 2 == 1 else STARTTLS_EHLO  # noqa: E731
        with scripted(tls=self.context(), EHLO=ehlo) as (port, server):
            run = load(port, "--tls", "starttls", "-m", "20", "-c", "1", "--mode", "bdat", "--bdat-chunk", "100",
                       "--per-connection", "10", "--tls-name", NAME, "--tls-ca", str(self.certificate))
        self.assert_all_acknowledged(run, 20)
        self.assert_handshakes(run, 2, 0)
        self.assertEqual((server.seen["STARTTLS"], server.seen["EHLO"]), (3, 6), "with the probe's")
        self.assertEqual(server.plaintext, b"")
        self.assertEqual(run.latency_us["ehlo"]["count"], 4, "both of each connection")

    def test_every_mode_and_large_mails(self):
        with scripted(tls=self.context(), implicit=True, EHLO=STARTTLS_EHLO) as (port, server):
            for number, arguments in enumerate((("--mode", "single"), ("--mode", "pipelined", "--unique"),
                                                ("--mode", "bdat", "--unique"), ("--rate", "100", "--mode", "single")), 1):
                run = load(port, "--tls", "implicit", "-m", "20", "-c", "2", "--size", "1MiB", *arguments)
                self.assert_all_acknowledged(run, 20)
        self.assertEqual(server.seen["."] + server.seen["BDAT"], 80)

    def test_reports_have_it(self):
        folder = new_folder("load")
        with aiosmtpd(self.context(), False) as (port, _, _):
            run = load(port, "--tls", "starttls", "--tls-resume", "-m", "40", "-c", "2", "--per-connection", "5",
                       "--csv", str(folder / "load.csv"), "--report", str(folder / "load.html"), folder=folder)
        self.assert_all_acknowledged(run, 40)
        self.assert_handshakes(run, 2, 6)
        self.assertEqual((run.tls["mode"], run.tls["version"]), ("starttls", "TLSv1.3"))
        self.assertRegex(run.output, r"tls +starttls, TLSv1.3 TLS_\w+, 2 full and 6 resumed handshakes\n")
        self.assertRegex(run.output, r"\ntls( +\d+\.\d{3}){5} +8\n")
        head, *lines = [line.split(",") for line in (folder / "load.csv").read_text().splitlines()]
        column = {name: sum(float(line[at]) for line in lines) for at, name in enumerate(head)}
        # The first two are opened before the load begins, and its first second.
        self.assertEqual((column["tls_full"], column["tls_resumed"], column["tls_errors"]), (0, 6, 0))
        self.assertGreater(column["tls_p50_us"], 0)
        page = (folder / "load.html").read_text()
        self.assertIn("<td>tls</td>", page)
        self.assertIn("<td>resumed TLS handshakes</td><td>6</td>", page)
        self.assertIn("<td>TLS</td><td>starttls, TLSv1.3", page)
        shutil.rmtree(folder)


class Certificates(TlsTestCase):
    def test_verification(self):
        name = ("--tls-name", NAME)
        cases = ((("--tls-ca", self.certificate, *name), None),
                 (("--tls-ca", self.certificate), None),  # 127.0.0.1 is in it
                 ((), None),  # any will do
                 (("--tls-ca", self.other, *name), "does not verify: self-signed certificate"),
                 (("--tls-ca", self.certificate, "--tls-name", "mx.elsewhere"), "does not verify: hostname mismatch"))
        with scripted(tls=self.context(), EHLO=STARTTLS_EHLO) as (port, server):
            for arguments, complaint in cases:
                with self.subTest(arguments=arguments):
                    server.seen.clear()
                    run = load(port, "--tls", "starttls", "-m", "10", "-c", "2", *map(str, arguments))
                    if complaint is None:
                        self.assert_all_acknowledged(run, 10)
                        continue
                    self.assertEqual(run.code, 1, run.output)
                    self.assertRegex(run.output.lower(), complaint)
                    self.assertNotIn("MAIL", server.seen)

    def test_one_that_verifies_at_first_only(self):
        def certificate(_, number):
            return self.context(self.other if number == 4 else None)

        with scripted(tls=certificate, EHLO=STARTTLS_EHLO) as (port, _):
            run = load(port, "--tls", "starttls", "-m", "10", "-c", "1", "--per-connection", "2", "--tls-ca",
                       str(self.certificate))
        self.assertEqual(run.code, 2, run.output)
        self.assertEqual(run.errors, {"tls_verify": 1}, run.output)
        self.assertEqual((run.messages["acknowledged"], run.messages["failed"]), (9, 1), run.output)
        self.assertIn("does not verify", " ".join(run.remarks))

    def test_the_name_is_asked_for(self):
        asked = []
        context = self.context()
        context.sni_callback = lambda _, name, __: asked.append(name)
        with scripted(tls=context, implicit=True) as (port, _):
            self.assert_all_acknowledged(load(port, "--tls", "implicit", "-m", "2", "-c", "1", "--tls-name", NAME), 2)
            self.assertEqual(asked, [NAME, NAME], "the probe, too")
            asked.clear()
            self.assert_all_acknowledged(load(port, "--tls", "implicit", "-m", "2", "-c", "1"), 2)
            self.assertEqual(asked, [None, None], "an address is no name (RFC 6066 section 3)")
            asked.clear()
            self.assert_all_acknowledged(load(port, "--tls", "implicit", "-m", "2", "-c", "1", host="localhost"), 2)
            self.assertEqual(asked, ["localhost", "localhost"])


class Failures(TlsTestCase):
    """Servers that get TLS wrong: for the probe an error that says so, within the load a count by kind, and no hang."""

    def test_a_server_without_starttls(self):
        with scripted() as (port, server):
            run = load(port, "--tls", "starttls")
        self.assertEqual(run.code, 1)
        self.assertIn("does not offer STARTTLS", run.output)
        self.assertNotIn("MAIL", server.seen)
        with serving("/usr/sbin/smtp-sink", "-u", "nobody", "127.0.0.1:{port}", "100") as (port, _):
            self.assertIn("does not offer STARTTLS", load(port, "--tls", "starttls").output)
            plain = load(port, "--tls", "implicit")  # it greets in plaintext
            self.assertEqual(plain.code, 1)
            self.assertIn("not correct TLS", plain.output)

    def test_starttls_refused(self):
        with scripted(EHLO=STARTTLS_EHLO, STARTTLS="454 not now\r\n") as (port, _):
            run = load(port, "--tls", "starttls")
        self.assertEqual(run.code, 1)
        self.assertIn("454 not now", run.output)

    def wrong(self, kind, act, starttls=None, ok=True, options=()):
        """`act` in place of the handshake: of the fourth connection, and then of the probe's."""
        for first in (4, 1):
            replies = {"STARTTLS": lambda count: starttls if count == first else "220 go\r\n"} if starttls else {}
            with self.subTest(kind=kind, first=first), \
                    scripted(tls=lambda handler, number: act(handler) if number == first else self.context(),
                             EHLO=STARTTLS_EHLO, **replies) as (port, _):
                begun = time.monotonic()
                run = load(port, "--tls", "starttls", "-m", "10", "-c", "1", "--per-connection", "2", *options)
                self.assertLess(time.monotonic() - begun, 20, "no hang")
                if first == 1:
                    self.assertEqual(run.code, 1, run.output)
                    self.assertRegex(run.output, "TLS|STARTTLS")
                    continue
                self.assertEqual(run.code, 2, run.output)
                self.assertEqual(run.errors, {kind: 1}, run.output)
                self.assertEqual((run.messages["acknowledged"], run.messages["failed"]), (9, 1), run.output)
                if kind.startswith("tls"):
                    self.assertEqual(run.tls["errors"], 1)

    def test_garbage(self):
        def garbage(handler):
            handler.say("250 what do you mean?\r\n" * 100)
            with contextlib.suppress(OSError):
                handler.request.recv(100000)
                handler.request.recv(100000)

        self.wrong("tls_octets", garbage)

    def test_garbage_in_a_record(self):
        def garbage(handler):
            handler.request.recv(100000)
            handler.wfile.write(b"\x16\x03\x03\x00\x20" + bytes(range(32)))
            handler.request.recv(100000)

        self.wrong("tls_octets", garbage)

    def test_an_alert(self):
        def alert(handler):
            handler.request.recv(100000)
            handler.wfile.write(b"\x15\x03\x03\x00\x02\x02\x28")  # fatal, handshake_failure
            handler.request.recv(100000)

        self.wrong("tls_alert", alert)

    def test_no_common_version(self):
        context = self.context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2

        def old(handler):
            handler.connection = context.wrap_socket(handler.request, server_side=True)

        self.wrong("tls_alert", old, options=("--tls-min", "1.3"))

    def test_closed_within_the_handshake(self):
        self.wrong("tls_closed", lambda handler: handler.request.recv(100000) and None)

    def test_reset_within_the_handshake(self):
        def reset(handler):
            handler.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            handler.request.close()

        self.wrong("tls_closed", reset)

    def test_silence(self):
        self.wrong("tls_timeout", lambda handler: time.sleep(3), options=("--timeout", "700ms"))

    def test_plaintext_behind_the_reply(self):
        """What an attacker put in between must not be taken for the server's replies within TLS."""
        for text in ("220 go\r\n250 injected\r\n", "220 go\r\n250-inj", "220 go\r\nnonsense\r\n"):
            self.wrong("tls_injected", lambda handler: self.context(), starttls=text)


class HardClients(TlsTestCase):
    def test_they_work_over_tls(self):
        # aiosmtpd takes no mail of a client that has closed its side; a server by hand does.
        with scripted(tls=self.context(), EHLO=STARTTLS_EHLO) as (port, server):
            run = load(port, "--tls", "starttls", "--tls-resume", "-d", "4s", "-c", "40", "--slow", "10%", "--stalled",
                       "10%", "--resetting", "10%", "--half-closing", "10%", "--one-shot", "10%", "--slow-rate", "5000")
        self.assertEqual(run.code, 0, run.output)
        hard = run.hard_clients
        self.assertGreater(hard["slow"]["acknowledged"], 4, run.output)
        self.assertEqual(hard["stalled"]["acknowledged"], 0)
        self.assertEqual(hard["resetting"]["acknowledged"], 0)
        self.assertGreater(hard["resetting"]["connections"], 4)
        self.assertGreater(hard["half_closing"]["acknowledged"], 4, run.output)
        self.assertEqual(hard["half_closing"]["cut_off"], 0, run.output)
        self.assertGreater(run.tls["resumed_handshakes"], 4, run.output)
        self.assertGreaterEqual(server.resumed, run.tls["resumed_handshakes"])
        self.assertEqual(server.plaintext, b"")


class CommandLine(TlsTestCase):
    def test_wrong_values_are_named(self):
        for arguments, complaint in ((("--tls-resume",), "--tls-resume"), (("--tls-ca", str(self.certificate)), "need --tls"),
                                     (("--tls", "yes"), "--tls"), (("--tls", "implicit", "--tls-ca", "/nowhere"), "/nowhere"),
                                     (("--tls", "implicit", "--tls-ca", __file__), "--tls-ca"),
                                     (("--tls", "implicit", "--tls-min", "1.3", "--tls-max", "1.2"), "--tls-min")):
            with self.subTest(arguments=arguments):
                run = load(25, *arguments)
                self.assertIn(run.code, (1, 64))
                self.assertIn(complaint, run.output)
