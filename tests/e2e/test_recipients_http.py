"""Recipients that an HTTP service knows: what it is asked, what its answers mean, and what happens while it is slow, away or
wrong (docs/recipients.md)."""

import socket
import subprocess
import threading
import time

from harness import program
from http_directory import HttpDirectory
from raw_client import RawClient
from test_recipients import LATER, NO, PATIENCE_S, YES, RecipientsTest
from webhook import make_certificate


class HttpService(RecipientsTest):
    def service(self, *known, certificate=None):
        service = HttpDirectory(known, certificate)
        self.addCleanup(service.stop)
        return service

    def check(self, server):
        server.write_config()
        return subprocess.run([program("ringmx"), "check", "--config", str(server.config_path)], capture_output=True,
                              text=True, timeout=60, check=False)

    def until(self, condition):
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def test_recipients_exist_when_the_service_says_so(self):
        with self.service("alice@example.com") as service:
            for rest in ("/recipients/{recipient}", "/recipients?address={local}%40{domain}"):
                service.questions.clear()
                with self.server(service.url(rest), server={"cores": 1}) as server:
                    self.assertEqual(self.codes(server, "alice@example.com", "Alice+x@Example.com", "bob@example.com",
                                                "carol+x@example.com", "postmaster@example.com", "a@foreign.test"),
                                     [YES, YES, NO, NO, YES, "550 5.7.1"])
                    self.assertEqual(service.questions, ["alice@example.com", "bob@example.com", "carol+x@example.com",
                                                         "carol@example.com"])
            self.assertEqual(service.connections, 2, "one for each server, kept open")

    def test_no_address_has_a_meaning_in_the_url(self):
        local_parts = ['"a b"', '"a%2Fb"', "a+b", "a%b", "a/b", "a?b=c&d", "a#b", "'", '"a\\"b"', '"a@b"', "..",
                       '".."', "grüße", "例", "{domain}", "a=b"]
        accepted = [part for part in local_parts if part != ".."]  # two dots are no dot-string
        plain = {'"a b"': "a b", '"a%2Fb"': "a%2fb", '"a\\"b"': 'a"b', '"a@b"': "a@b", '".."': ".."}
        known = {plain.get(part, part) + "@example.com" for part in accepted}
        with self.service(*known) as service:
            for rest in ("/recipients/{recipient}", "/recipients?address={recipient}"):
                service.questions.clear()
                with self.server(service.url(rest), {"recipient_delimiter": ""}, server={"cores": 1}) as server:
                    client = RawClient(server.port)
                    self.addCleanup(client.close)
                    client.greet()
                    client.command("MAIL FROM:<sender@client.test> SMTPUTF8", 250)
                    for part in accepted:
                        self.assertEqual(self.rcpt(client, f"{part}@example.com"), YES, part)
                    self.assertEqual(self.rcpt(client, "a%20b@example.com"), NO)
                    self.assertEqual(service.questions,
                                     [plain.get(part, part) + "@example.com" for part in accepted] +
                                     ["a%20b@example.com"])
                    self.assertEqual(self.rcpt(client, "..@example.com")[:3], "501", "is no mailbox")
            self.assertTrue(all(target.isascii() and " " not in target for target in service.targets), service.targets)
            self.assertTrue(all(target.count("/") <= 2 and target.count("?") <= 1 for target in service.targets))

    def test_what_a_status_means(self):
        with self.service() as service, \
                self.server(service.url(), server={"cores": 1}, **{"accept.http": {"cache": 0}}) as server:
            for status, expected in ((200, YES), (204, YES), (404, NO), (410, NO), (202, LATER), (301, LATER),
                                     (401, LATER), (403, LATER), (429, LATER), (500, LATER), (503, LATER)):
                service.mode = status
                self.assertEqual(self.codes(server, "alice@example.com"), [expected], status)
            self.wait_for_event(server, "recipients_service", 'answers HTTP 202: {"status": 202}')
            counters = self.counters(server)
            self.assertEqual(counters["recipients_unavailable"], 7)
            self.assertEqual(counters["recipients_service_errors"], 7)
            self.assertEqual(service.connections, 1, "none of them ends the connection")

    def test_pipelined_recipients_are_answered_in_order_and_what_was_said_is_remembered(self):
        with self.service(*(f"user{number}@example.com" for number in range(0, 100, 2))) as service, \
                self.server(service.url(), server={"cores": 1}) as server:
            for _ in range(2):
                client = self.session(server)
                client.send(b"".join(b"RCPT TO:<user%d@example.com>\r\n" % number for number in range(100)))
                self.assertEqual([client.reply()[0] for _ in range(100)], [250, 550] * 50)
                client.command("DATA", 354)
                client.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
                client.expect(250)
            self.assertEqual(len(service.questions), 100)
            self.assertEqual(self.counters(server)["recipients_cached"], 100)
            service.known = {"user1@example.com"}
            server.ctl("reload", "--socket", str(self.folder / "admin"))
            self.until(lambda: self.codes(server, "user0@example.com", "user1@example.com") == [NO, YES])

    def test_many_questions_at_once_stay_within_the_connections(self):
        with self.service(*(f"user{number}@example.com" for number in range(0, 400, 2))) as service, \
                self.server(service.url(), **{"accept.http": {"connections": 3, "deadline": 30}}) as server:
            service.mode, service.delay_s = "slow", 0.01
            wrong = []

            def ask(index):
                with RawClient(server.port) as client:
                    client.greet()
                    client.command("MAIL FROM:<sender@client.test>", 250)
                    numbers = range(index * 20, index * 20 + 20)
                    client.send(b"".join(b"RCPT TO:<user%d@example.com>\r\n" % number for number in numbers))
                    for number in numbers:
                        code = client.reply()[0]
                        if code != (550 if number % 2 else 250):
                            wrong.append((number, code))

            threads = [threading.Thread(target=ask, args=(index,)) for index in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(wrong, [])
            self.assertEqual(len(service.questions), 400)
            self.assertLessEqual(service.connections, 3)
            self.assertGreater(service.at_once, 1)
            self.assertLessEqual(service.at_once, 3)

    def test_a_slow_service_leads_to_451_and_holds_up_nobody_else(self):
        with self.service("alice@example.com") as service, \
                self.server(service.url(), server={"cores": 1}, **{"accept.http": {"deadline": 1}}) as server:
            self.assert_slowness_holds_up_nobody_else(server, service)

    def test_more_questions_than_may_wait_lead_to_451_at_once(self):
        with self.service() as service, \
                self.server(service.url(), server={"cores": 1}, **{"accept.http": {"questions": 2}}) as server:
            service.mode = "mute"
            waiting = [self.session(server) for _ in range(2)]
            for number, client in enumerate(waiting):
                client.send(b"RCPT TO:<user%d@example.com>\r\n" % number)
            self.until(lambda: len(service.questions) == 2)
            self.assertEqual(self.codes(server, "one-more@example.com"), [LATER])
            service.mode = "good"
            for client in waiting:
                client.reply()

    def test_a_service_that_is_away_leads_to_451_until_it_is_back(self):
        service = self.service("alice@example.com")
        with service:
            pass  # it has its port
        with self.server(service.url(), **{"accept.http": {"deadline": 1}}) as server:
            self.assertEqual(self.codes(server, "alice@example.com"), [LATER], "away from the start")
            self.wait_for_event(server, "recipients_service", "cannot be reached")
            service.start()
            self.until(lambda: self.codes(server, "alice@example.com") == [YES])
            service.stop()
            self.assertEqual(self.codes(server, "new@example.com"), [LATER])
            service.start()
            self.until(lambda: self.codes(server, "new@example.com") == [NO])

    def test_a_service_that_is_restarted_under_a_question_is_asked_again(self):
        with self.service("alice@example.com") as service, \
                self.server(service.url(), server={"cores": 1}, **{"accept.http": {"deadline": 20}}) as server:
            self.assertEqual(self.codes(server, "bob@example.com"), [NO])
            service.mode = "mute"
            client = self.session(server)
            client.send(b"RCPT TO:<alice@example.com>\r\n")
            self.until(lambda: "alice@example.com" in service.questions)
            service.stop()
            time.sleep(0.3)
            service.mode = "good"
            service.start()
            self.assertEqual(client.reply()[0], 250)

    def test_clients_that_leave_and_a_drain_do_not_wait_for_it(self):
        with self.service("alice@example.com") as service, self.server(service.url()) as server:
            service.mode = "mute"
            gone = self.session(server)
            gone.send(b"RCPT TO:<alice@example.com>\r\n")
            gone.reset()
            waiting = self.session(server)
            waiting.send(b"RCPT TO:<alice@example.com>\r\n")
            time.sleep(0.2)
            server.terminate()
            waiting.expect(421)
            self.assertEqual(server.wait(), 0)

    def test_https_verifies_the_service_and_shows_it_a_token(self):
        both, certificate = make_certificate(self.folder)
        other = self.folder / "other"
        other.mkdir()
        _, wrong = make_certificate(other)
        token = self.folder / "token"
        token.write_text("s3cret\n")
        with self.service("alice@example.com", certificate=both) as service:
            # The one with `confine` has libcurl read the authority under Landlock.
            for confine in ("off", "auto"):
                with self.server(service.url(), confine={"mode": confine},
                                 **{"accept.http": {"ca_file": str(certificate), "bearer_token_file": str(token),
                                                    "headers": ["X-Site: here"]}}) as server:
                    self.assertEqual(self.codes(server, "alice@example.com", "bob@example.com"), [YES, NO])
            self.assertEqual({(fields["authorization"], fields["x-site"], fields["user-agent"].split("/")[0])
                              for fields in service.fields}, {("Bearer s3cret", "here", "ringmx")})
            asked = len(service.questions)
            with self.server(service.url(), **{"accept.http": {"ca_file": str(wrong), "deadline": 1}}) as server:
                self.assertEqual(self.codes(server, "alice@example.com"), [LATER])
                self.wait_for_event(server, "recipients_service", "SSL certificate problem")
            with self.server(service.url(host="localhost"),
                             **{"accept.http": {"ca_file": str(certificate), "deadline": 1}}) as server:
                self.assertEqual(self.codes(server, "alice@example.com"), [LATER], "it is for 127.0.0.1 alone")
            self.assertEqual(len(service.questions), asked, "nobody was asked who could not be trusted")

    def test_a_confined_server_finds_its_service_by_name(self):
        """By /etc/hosts, in a thread of libcurl's own that is made under seccomp."""
        name = socket.gethostname()
        if socket.gethostbyname(name).split(".")[0] != "127":
            name = "localhost"
        with self.service("alice@example.com") as service, \
                self.server(service.url(host=name), confine={"mode": "auto"},
                            **{"accept.http": {"deadline": 10}}) as server:
            self.assertEqual(self.codes(server, "alice@example.com", "bob@example.com"), [YES, NO])

    def test_a_name_that_nobody_knows_leads_to_451(self):
        with self.server("http://no-such-name.invalid/{recipient}", **{"accept.http": {"deadline": 2}}) as server:
            self.assertEqual(self.codes(server, "alice@example.com"), [LATER])

    def test_what_is_wrong_in_the_configuration_is_said(self):
        bad_token, bad_ca = self.folder / "token", self.folder / "ca.pem"
        bad_token.write_text("two words\n")
        bad_ca.write_text("nothing\n")
        good = "https://id.example.com/{recipient}"
        for source, keys, text in (
                ("http://id.example.com/", {}, "needs {recipient}, or {local} and {domain}"),
                ("https://id.example.com/{user}", {}, '"{user}" is no placeholder'),
                (good, {"bearer_token_file": str(self.folder / "absent")}, "bearer_token_file: cannot read"),
                (good, {"bearer_token_file": str(bad_token)}, "is no token"),
                (good, {"ca_file": str(self.folder / "absent")}, "accept.http.ca_file: "),
                (good, {"ca_file": str(bad_ca)}, "accept.http.ca_file: holds no certificate"),
                (good, {"headers": ["Host: x"]}, "accept.http.headers"),
                (good, {"deadline": "5m"}, "is not less than timeouts.command")):
            server = self.server(source, **{"accept.http": keys})
            self.addCleanup(server.remove)
            done = self.check(server)
            self.assertEqual(done.returncode, 78, source)
            self.assertIn(text, done.stderr)
        server = self.server(good)
        self.addCleanup(server.remove)
        self.assertEqual(self.check(server).returncode, 0, "it is not asked")

    def test_under_load_while_it_comes_and_goes_no_answer_is_wrong(self):
        known = {f"user{number}@example.com" for number in range(0, 200, 2)}
        with self.service(*known) as service, \
                self.server(service.url(), **{"accept.http": {"deadline": 2, "cache": 64, "found_ttl": 1,
                                                              "missing_ttl": 1}}) as server:
            self.assert_no_answer_is_wrong_under_load(server, service, ("good", 503, "good", "close", "good"))
