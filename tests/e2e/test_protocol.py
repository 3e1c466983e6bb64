"""Refusals as a client sees them: relaying, unknown recipients, sizes, bare line ends, limits."""

import subprocess

from harness import Server, TestCase, without_trace
from raw_client import RawClient

HEADER = b"Subject: test\r\n\r\n"


class Recipients(TestCase):
    def test_a_foreign_domain_is_refused(self):
        with Server() as server, RawClient(server.port) as client:
            client.greet()
            client.command("MAIL FROM:<a@client.test>", 250)
            for path in ("user@foreign.test", "user@sub.example.com", "user%foreign.test@other.test"):
                client.command(f"RCPT TO:<{path}>", 550, "5.7.1")
            client.command("DATA", 554)
            client.quit()
            self.assertEqual(server.listing(), [])

    def test_swaks_reports_the_refused_relay(self):
        with Server() as server:
            sent = subprocess.run(["swaks", "--server", f"127.0.0.1:{server.port}", "--to", "user@foreign.test"],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
            self.assertNotEqual(sent.returncode, 0)
            self.assertIn("550 5.7.1", sent.stdout)

    def test_an_unknown_recipient_is_refused_and_a_known_one_is_not(self):
        server = Server({"accept": {"recipients": "recipients"}})
        (server.folder / "recipients").write_text("known@example.com\nother@example.com\n")
        with server, RawClient(server.port) as client:
            client.greet()
            client.command("MAIL FROM:<>", 250)
            client.command("RCPT TO:<stranger@example.com>", 550, "5.1.1")
            client.command("RCPT TO:<known@EXAMPLE.com>", 250)
            client.command("RCPT TO:<postmaster>", 250)
            client.command("RSET", 250)
            client.quit()


class Sizes(TestCase):
    LIMIT = {"smtp": {"message_size": "64KiB"}}

    def test_a_declared_excess_is_refused_at_mail(self):
        with Server(self.LIMIT) as server, RawClient(server.port) as client:
            self.assertIn("SIZE 65536", client.greet())
            client.command("MAIL FROM:<a@client.test> SIZE=65537", 552, "5.3.4")
            client.command("MAIL FROM:<a@client.test> SIZE=65536", 250)
            client.command("RSET", 250)
            client.quit()

    def test_an_actual_excess_is_refused_at_the_end_and_the_session_goes_on(self):
        with Server(self.LIMIT) as server, RawClient(server.port) as client:
            client.greet()
            client.envelope()
            client.command("DATA", 354)
            client.send(HEADER + b"x" * 70000 + b"\r\n.\r\n")
            client.expect(552, "5.3.4")
            client.deliver(HEADER + b"small\r\n")
            client.quit()
            self.assertEqual(without_trace(self.only_message(server)), HEADER + b"small\r\n")

    def test_an_endless_body_is_cut_off(self):
        with Server(self.LIMIT) as server, RawClient(server.port) as client:
            client.greet()
            client.envelope()
            client.command("DATA", 354)
            try:
                for _ in range(4096):
                    client.send(b"y" * 65536)
                self.fail("256 MiB were taken under a limit of 64 KiB")
            except OSError:
                pass
            self.assertEqual(server.listing(), [])


class BareNewlines(TestCase):
    SMUGGLED = b"MAIL FROM:<evil@client.test>\r\nRCPT TO:<user@example.com>\r\nDATA\r\nsmuggled\r\n"
    NEAR_ENDS = (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n")

    def send_with(self, server, ending):
        """A message in whose middle `ending` pretends to be the end of data; returns the reply code to all of it."""
        with RawClient(server.port) as client:
            client.greet()
            client.envelope()
            client.command("DATA", 354)
            client.send(HEADER + b"before" + ending + self.SMUGGLED + b"\r\n.\r\n")
            code, _ = client.reply()
            client.command("NOOP", 250)
            client.quit()
            return code

    def test_no_near_end_of_data_ever_ends_the_data(self):
        for mode in ("normalize", "accept"):
            with self.subTest(mode=mode), Server({"smtp": {"bare_newline": mode}}) as server:
                for ending in self.NEAR_ENDS:
                    self.assertEqual(self.send_with(server, ending), 250, ending)
                stored = server.stored()
                self.assertEqual(len(stored), len(self.NEAR_ENDS))
                for _, message in stored:
                    self.assertIn(b"smuggled", message)

    def test_normalize_stores_bare_line_ends_as_pairs(self):
        with Server() as server:
            self.assertEqual(self.send_with(server, b"\none\rtwo\n"), 250)
            self.assertIn(b"before\r\none\r\ntwo\r\n", self.only_message(server))

    def test_accept_stores_bare_line_ends_as_they_are(self):
        with Server({"smtp": {"bare_newline": "accept"}}) as server:
            self.assertEqual(self.send_with(server, b"\none\rtwo\n"), 250)
            self.assertIn(b"before\none\rtwo\n", self.only_message(server))

    def test_reject_refuses_the_message_and_keeps_the_session_in_step(self):
        with Server({"smtp": {"bare_newline": "reject"}}) as server:
            for ending in self.NEAR_ENDS:
                self.assertGreaterEqual(self.send_with(server, ending), 500, ending)
            self.assertEqual(server.listing(), [])

    def test_a_client_network_can_be_an_exception(self):
        smtp = {"bare_newline": "reject", "bare_newline_exceptions": [{"network": "127.0.0.0/8", "mode": "accept"}]}
        with Server({"smtp": smtp}) as server:
            self.assertEqual(self.send_with(server, b"\nkept"), 250)
            self.assertIn(b"before\nkept", self.only_message(server))


class Limits(TestCase):
    def test_too_many_errors_end_the_session_with_421(self):
        with Server({"smtp": {"errors_max": 3}}) as server, RawClient(server.port) as client:
            client.greet()
            codes = []
            try:
                for _ in range(10):
                    client.send(b"BOGUS\r\n")
                    codes.append(client.reply()[0])
            except (EOFError, OSError):
                pass
            self.assertEqual(codes[-1], 421)
            self.assertLessEqual(len(codes), 4)

    def test_recipients_beyond_the_limit_are_told_452_and_the_message_goes_to_the_others(self):
        with Server({"smtp": {"recipients_max": 100}}) as server, RawClient(server.port) as client:
            client.greet()
            client.command("MAIL FROM:<a@client.test>", 250)
            for number in range(100):
                client.command(f"RCPT TO:<user{number}@example.com>", 250)
            client.command("RCPT TO:<onemore@example.com>", 452, "4.5.3")
            client.command("DATA", 354)
            client.send(HEADER + b"many\r\n.\r\n")
            client.expect(250)
            client.quit()
            self.assertEqual(len(server.listing()[0]["recipients"]), 100)

    def test_a_silent_client_is_told_421(self):
        with Server({"timeouts": {"command": 1}}) as server, RawClient(server.port) as client:
            client.greet()
            client.expect(421, "4.4.2")
            client.at_end()
