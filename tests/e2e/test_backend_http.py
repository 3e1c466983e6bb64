"""The backend http against a real HTTP server, which keeps what it answers 200 to."""

import collections
import shutil
import socket
import threading

from backend_driver import Driver, mixed_messages, number_of, write_messages
from harness import TestCase, new_folder
from webhook import Webhook, decode, make_certificate
from webhook_h2 import Http2Webhook


class Http(TestCase):
    def setUp(self):
        self.folder = new_folder("messages")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def driver(self, webhook, options=None, *arguments, **keywords):
        return Driver("http", self.folder, {"url": webhook.url, **(options or {})}, *arguments, **keywords)

    def envelope(self, number, *lines):
        (self.folder / f"{number:05}.env").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def check_contents(self, bodies, messages):
        counts = collections.Counter()
        for body in bodies:
            number = number_of(body)
            counts[number] += 1
            self.assert_same_bytes(body, messages[number], f"message {number}")
        return counts

    def test_every_message_arrives_once_and_byte_exact(self):
        messages = mixed_messages(self.folder)
        with Webhook() as webhook:
            with self.driver(webhook, {"connections": 4}, "--deadline", 900) as driver:
                driver.finish(1000)
            self.assertEqual(len(driver.files("stored")), len(messages), driver.report())
            self.assertEqual(self.check_contents(webhook.bodies(), messages), collections.Counter(messages.keys()))
            ports = {fields[":port"][0] for fields, _ in webhook.requests()}
            self.assertLessEqual(len(ports), 4, "connections are kept and used again")
            self.assertEqual(driver.counters["connections"], len(ports))

    def test_killed_and_restarted_in_the_middle_nothing_acknowledged_is_missing(self):
        messages = mixed_messages(self.folder)
        with Webhook() as webhook:
            with self.driver(webhook, {}, "--retry", "--backoff-max", 500, "--deadline", 900) as driver:
                for part in (0.2, 0.5):
                    driver.wait_for_stored(int(len(messages) * part))
                    webhook.kill()
                    driver.wait_for(lambda driver: any(done.status == "retry" for done in driver.done[-20:]))
                    webhook.start()
                driver.finish(1000)
            self.assertEqual(len(driver.files("stored")), len(messages))
            counts = self.check_contents(webhook.bodies(), messages)
            self.assertEqual(set(counts), set(messages))
            # What arrived twice has the same id: the id of its completion.
            ids = {int(done.file[:5]): done.id for done in driver.done}
            for fields, body in webhook.requests():
                self.assertEqual(fields["idempotency-key"], [ids[number_of(body)]])
            self.assertIn("the webhook answers again", [text for _, text in driver.logs])

    def test_the_envelope_stands_in_the_header(self):
        write_messages(self.folder, [1])
        self.envelope(1, "from bounce+tag=x@client.test", "envid QQ314159", "ret hdrs", "helo mail.client.test",
                      "address 2001:db8::7 4242", "received_us 1795641206000123", "flags esmtp,smtputf8,8bitmime,tls",
                      "to gr\u00fc\u00dfe@example.com notify=success,failure orcpt=rfc822;user+40example.com",
                      "to second@example.com", "to third@example.com notify=never")
        with Webhook() as webhook:
            with self.driver(webhook, {"bearer_token": "sEcret", "headers": ["X-Site: here", "X-Other:there"]},
                             ) as driver:
                driver.finish()
            (fields, _), = webhook.requests()
        expected = {
            ":path": "/inbound?a=b", "content-type": "message/rfc822", "idempotency-key": driver.done[0].id,
            "x-ringmx-id": driver.done[0].id, "x-ringmx-mail-from": "bounce+tag=x@client.test",
            "x-ringmx-client-address": "2001:db8::7", "x-ringmx-client-port": "4242",
            "x-ringmx-client-name": "mail.client.test", "x-ringmx-esmtp": "true", "x-ringmx-tls": "true",
            "x-ringmx-smtputf8": "true", "x-ringmx-body": "8BITMIME", "x-ringmx-ret": "HDRS",
            "x-ringmx-envid": "QQ314159", "x-ringmx-received": "2026-11-25T21:13:26.000123Z",
            "authorization": "Bearer sEcret", "x-site": "here", "x-other": "there"}
        self.assertEqual({name: fields[name] for name in expected}, {name: [value] for name, value in expected.items()})
        self.assertEqual(fields["x-ringmx-rcpt-to"],
                         ["gr%C3%BC%C3%9Fe@example.com", "second@example.com", "third@example.com"])
        self.assertEqual(decode(fields["x-ringmx-rcpt-to"][0]), "gr\u00fc\u00dfe@example.com")
        self.assertEqual(fields["x-ringmx-rcpt-dsn"],
                         ["1; notify=SUCCESS FAILURE; orcpt=rfc822%3Buser+40example.com", "3; notify=NEVER"])
        self.assertNotIn("expect", fields)

    def test_the_null_reverse_path_and_an_address_full_of_syntax(self):
        write_messages(self.folder, [1])
        self.envelope(1, "from ", "helo evil.test,x;y\"z\u00e9\x0b", "flags esmtp",
                      "to \"a,b;c%41<x>\\\"\"@example.com")
        with Webhook() as webhook:
            with self.driver(webhook) as driver:
                driver.finish()
            (fields, _), = webhook.requests()
        self.assertEqual(fields["x-ringmx-mail-from"], ["<>"])
        self.assertEqual(fields["x-ringmx-body"], ["7BIT"])
        self.assertEqual(fields["x-ringmx-client-name"], ["evil.test%2Cx%3By%22z%C3%A9%0B"])
        self.assertEqual(decode(fields["x-ringmx-rcpt-to"][0]), "\"a,b;c%41<x>\\\"\"@example.com")
        self.assertNotIn(",", fields["x-ringmx-rcpt-to"][0])

    def test_a_thousand_recipients(self):
        messages = write_messages(self.folder, [1])
        recipients = [f"user{number}@example.com" for number in range(1000)]
        self.envelope(1, *(f"to {recipient}" for recipient in recipients))
        with Webhook() as webhook:
            with self.driver(webhook) as driver:
                driver.finish()
            (fields, body), = webhook.requests()
            self.assertEqual(fields["x-ringmx-rcpt-to"], recipients)
            self.assert_same_bytes(body, messages[1])

    def test_each_status_has_its_meaning(self):
        write_messages(self.folder, range(1, 9))
        statuses = {1: 400, 2: 401, 3: 409, 4: 422, 5: 429, 6: 500, 7: 503, 8: 302}
        retry, reject = "retry", "reject"
        cases = (({}, [retry] * 8),
                 ({"on_4xx": "reject"}, [reject, retry, reject, reject, retry, retry, retry, retry]),
                 ({"on_4xx": "reject", "retry_on": [409]}, [reject, retry, retry, reject, retry, retry, retry, retry]),
                 ({"reject_on": [422, 500]}, [retry, retry, retry, reject, retry, reject, retry, retry]))
        with Webhook() as webhook:
            webhook.answer_otherwise(*(f"{number} {status} no {number}" for number, status in statuses.items()))
            for options, expected in cases:
                with self.subTest(options=options), self.driver(webhook, options) as driver:
                    driver.finish()
                    by_file = {done.file: done for done in driver.done}
                    done = [by_file[f"{number:05}.eml"] for number in statuses]
                    self.assertEqual([one.status for one in done], expected)
                    self.assertEqual(done[3].text, "HTTP 422: no 4")
            self.assertEqual(webhook.bodies(), [])

    def test_no_server_and_a_silent_server_are_retry(self):
        write_messages(self.folder, [1, 2])
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            with Driver("http", self.folder, {"url": url, "timeout": 1}) as driver:
                driver.finish()
            self.assertEqual([done.status for done in driver.done], ["retry", "retry"])
        with Driver("http", self.folder, {"url": url}) as driver:
            driver.finish()
        self.assertEqual([done.status for done in driver.done], ["retry", "retry"])

    def test_an_answer_before_the_whole_message_is_no_promise(self):
        """200 to a message of 10 MiB of which the server has read the first 100 octets, and reads no more."""
        write_messages(self.folder, [200])
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connections = []

            def answer_early():
                connections.append(listener.accept()[0])
                connections[0].recv(100)
                connections[0].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                connections[0].shutdown(socket.SHUT_WR)

            thread = threading.Thread(target=answer_early)
            thread.start()
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            with Driver("http", self.folder, {"url": url, "timeout": 3}) as driver:
                driver.finish()
            thread.join()
            connections[0].close()
        self.assertEqual([done.status for done in driver.done], ["retry"], driver.report())

    def test_http_2_carries_many_messages_over_one_connection(self):
        messages = write_messages(self.folder, [*range(1, 41), 50, 200])
        both, certificate = make_certificate(self.folder)
        with Http2Webhook(both, gather=8) as webhook:
            options = {"url": webhook.url, "ca_file": certificate, "connections": 1, "requests": 16}
            with Driver("http", self.folder, options) as driver:
                driver.finish()
            self.assertEqual(driver.files("stored"), {f"{number:05}.eml" for number in messages}, driver.report())
            self.assertEqual(self.check_contents(webhook.bodies, messages), collections.Counter(messages.keys()))
            self.assertEqual(webhook.connections, 1)
            self.assertGreaterEqual(webhook.open_at_once, 8)

    def test_the_server_has_to_show_a_certificate_that_is_trusted(self):
        messages = write_messages(self.folder, range(1, 6))
        both, certificate = make_certificate(self.folder)
        with Webhook(both) as webhook:
            with self.driver(webhook) as driver:
                driver.finish()
            self.assertEqual([done.status for done in driver.done], ["retry"] * 5)
            self.assertEqual(webhook.bodies(), [])
            with self.driver(webhook, {"ca_file": certificate}) as driver:
                driver.finish()
            self.assertEqual(self.check_contents(webhook.bodies(), messages), collections.Counter(messages.keys()))


class Options(TestCase):
    def test_what_cannot_be_is_refused_with_a_sentence(self):
        folder = new_folder("messages")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        good = {"url": "http://127.0.0.1:1/"}
        for options, word in (({}, "url is missing"), ({"url": "ftp://h/"}, "http://"),
                              ({**good, "headers": "X-Ringmx-Id: 1"}, "headers"),
                              ({**good, "headers": "X-A: 1\r\nX-B: 2"}, "headers"),
                              ({**good, "headers": "no colon"}, "headers"),
                              ({**good, "bearer_token": "two words"}, "bearer token"),
                              ({**good, "bearer_token_file": "/nowhere/token"}, "/nowhere/token"),
                              ({**good, "ca_file": "/nowhere/ca"}, "/nowhere/ca"),
                              ({**good, "on_4xx": "ignore"}, "on_4xx"),
                              ({**good, "reject_on": [422, 200]}, "reject_on"),
                              ({**good, "connections": 8, "requests": 4}, "requests"),
                              ({**good, "colour": "red"}, "unknown option colour")):
            with self.subTest(options=options), Driver("http", folder, options, expect_exit=2) as driver:
                driver.finish()
                self.assertIn(word, driver.errors)
