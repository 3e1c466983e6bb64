"""Which recipients exist: lists that are replaced under load, tables, LMDB databases, a socketmap service that is slow,
away and wrong (docs/recipients.md)."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time

from harness import Server, TestCase, new_folder, program, scaled
from raw_client import RawClient
from socketmap import Socketmap

PATIENCE_S = 30


class RecipientsTest(TestCase):
    def setUp(self):
        self.folder = new_folder("recipients")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.file = self.folder / "recipients"

    def server(self, source, accept=None, **sections):
        return Server({"accept": {"recipients": source, "recipients_check_interval": "1h", **(accept or {})},
                       "admin": {"socket": str(self.folder / "admin")}, "smtp": {"recipients_refused_max": 1000000},
                       **sections})

    def assert_no_answer_is_wrong_under_load(self, server, service, modes):
        """Of users 0 to 199 the service knows the even ones; it takes on each of `modes` in turn, goes, and comes back."""
        stop = threading.Event()
        wrong, seen = [], {250: 0, 550: 0, 451: 0}

        def ask(index):
            try:
                number = index
                with RawClient(server.port) as client:
                    client.greet()
                    while not stop.is_set():
                        client.command("MAIL FROM:<sender@client.test>", 250)
                        numbers = [(number + 7 * step) % 200 for step in range(20)]
                        number = numbers[-1] + 7
                        client.send(b"".join(b"RCPT TO:<user%d@example.com>\r\n" % each for each in numbers))
                        for each in numbers:
                            code = client.reply()[0]
                            seen[code] += 1
                            if code != 451 and code != (550 if each % 2 else 250):
                                wrong.append((each, code))
                        client.command("RSET", 250)
            except Exception as error:
                wrong.append(repr(error))

        threads = [threading.Thread(target=ask, args=(index,)) for index in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(scaled(4, 1)):
            for mode in modes:
                service.mode = mode
                time.sleep(0.3)
            service.stop()
            time.sleep(0.5)
            service.start()
            time.sleep(0.5)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertGreater(seen[250], 0)
        self.assertGreater(seen[550], 0)
        self.assertGreater(seen[451], 0)

    def replace(self, *addresses, text=None):
        new = self.folder / "new"
        new.write_text(text if text is not None else "".join(f"{address}\n" for address in addresses))
        new.rename(self.file)

    def build(self, *addresses, output=None):
        source = self.folder / "source"
        source.write_text("".join(f"{address}\n" for address in addresses))
        subprocess.run([program("ringmxctl"), "recipients", "build", str(source), str(output or self.file)], check=True,
                       capture_output=True, timeout=60)

    def counters(self, server):
        """The server serves for a moment before it answers at its socket."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            asked = server.ctl("status", "--json", "--socket", str(self.folder / "admin"), check=False)
            if asked.returncode == 0:
                return json.loads(asked.stdout)["total"]
            self.assertLess(time.monotonic(), deadline, asked.stderr)
            time.sleep(0.02)

    def wait_for(self, server, **least):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            counters = self.counters(server)
            if all(counters[name] >= value for name, value in least.items()):
                return counters
            time.sleep(0.02)
        self.fail(f"not {least}: {self.counters(server)}\n{server.log()[-2000:]}")

    def events(self, server, name):
        found = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
        return [event for event in found if event["event"] == name]

    def wait_for_event(self, server, name, text):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if any(text in event["text"] for event in self.events(server, name)):
                return
            time.sleep(0.02)
        self.fail(f"no event {name} with {text!r}:\n{server.log()[-2000:]}")

    def session(self, server):
        client = RawClient(server.port)
        self.addCleanup(client.close)
        client.greet()
        client.command("MAIL FROM:<sender@client.test>", 250)
        return client

    def rcpt(self, client, address):
        client.send(f"RCPT TO:<{address}>\r\n".encode())
        code, texts = client.reply()
        return f"{code} {texts[-1].split()[0]}"

    def codes(self, server, *addresses):
        with RawClient(server.port) as client:
            client.greet()
            client.command("MAIL FROM:<sender@client.test>", 250)
            return [self.rcpt(client, address) for address in addresses]

    def assert_slowness_holds_up_nobody_else(self, server, service):
        """Of a server of one core that waits a second for its service, which knows alice."""
        service.mode = "mute"
        client = self.session(server)
        client.send(b"RCPT TO:<alice@example.com>\r\n")
        other = self.session(server)
        self.assertEqual(self.rcpt(other, "postmaster@example.com"), YES, "while the first waits")
        self.assertEqual(client.reply()[0], 451)
        service.mode, service.delay_s = "slow", 0.2
        self.assertEqual(self.rcpt(client, "alice@example.com"), YES, "in time, and in its place")
        self.wait_for_event(server, "recipients_service", "no answer in time")
        self.wait_for_event(server, "recipients_service", "answers again")
        self.assertEqual(self.counters(server)["recipients_unavailable"], 1)


YES, NO, LATER = "250 2.1.5", "550 5.1.1", "451 4.4.3"


class Lists(RecipientsTest):
    def test_a_text_file_is_loaded_anew_on_sighup_by_reload_and_when_it_changes(self):
        self.replace("alice@example.com", "@all.example")
        with self.server(str(self.file), {"domains": ["example.com", "all.example"]}) as server:
            old = self.session(server)
            self.assertEqual([self.rcpt(old, a) for a in ("alice@example.com", "Alice+x@example.com", "bob@example.com",
                                                          "anyone@all.example", "postmaster@example.com")],
                             [YES, YES, NO, YES, YES])
            self.assertEqual(self.rcpt(old, "alice@foreign.example"), "550 5.7.1")
            self.replace("bob@example.com")
            self.assertEqual(self.rcpt(old, "bob@example.com"), NO)
            server.process.send_signal(signal.SIGHUP)
            self.wait_for(server, recipients_reloads=1)
            self.assertEqual([self.rcpt(old, a) for a in ("bob@example.com", "alice@example.com", "x@all.example")],
                             [YES, NO, NO])
            self.replace("carol@example.com")
            server.ctl("reload", "--socket", str(self.folder / "admin"))
            self.wait_for(server, recipients_reloads=2)
            self.assertEqual([self.rcpt(old, a) for a in ("carol@example.com", "bob@example.com")], [YES, NO])
            # The session that has seen three lists ends as if nothing had been.
            old.command("DATA", 354)
            old.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
            old.expect(250)
        with self.server(str(self.file), {"recipients_check_interval": "1s"}) as server:
            self.replace("dora@example.com")
            self.wait_for(server, recipients_reloads=1)
            self.assertEqual(self.codes(server, "dora@example.com", "carol@example.com"), [YES, NO])

    def test_a_bad_file_is_refused_and_the_list_before_kept(self):
        self.replace("alice@example.com")
        with self.server(str(self.file)) as server:
            cases = [("bob@example.com\nno address\n", "recipients:2: not an address"),
                     ("bob@foreign.test\n", "is not among the accepted domains")]
            for number, (text, reason) in enumerate(cases, 1):
                self.replace(text=text)
                server.process.send_signal(signal.SIGHUP)
                self.wait_for(server, recipients_reloads_refused=number)
                self.assertEqual(self.codes(server, "alice@example.com", "bob@example.com"), [YES, NO])
                self.wait_for_event(server, "recipients_refused", reason)
            self.file.unlink()
            server.process.send_signal(signal.SIGHUP)
            self.wait_for(server, recipients_reloads_refused=3)
            self.assertEqual(self.codes(server, "alice@example.com"), [YES])

    def test_delimiters_are_those_of_the_configuration(self):
        self.replace("alice@example.com")
        with self.server(str(self.file), {"recipient_delimiter": "-_"}) as server:
            self.assertEqual(self.codes(server, "alice-x@example.com", "alice_x@example.com", "alice+x@example.com"),
                             [YES, YES, NO])
        with self.server(str(self.file), {"recipient_delimiter": ""}) as server:
            self.assertEqual(self.codes(server, "alice@example.com", "alice+x@example.com"), [YES, NO])

    def test_a_table_is_built_looked_into_and_replaced(self):
        self.build("alice@example.com", "@all.example", "alice@example.com")
        check = lambda *addresses: subprocess.run(  # noqa: E731
            [program("ringmxctl"), "recipients", "check", str(self.file), *addresses], capture_output=True, text=True,
            timeout=60, check=False)
        good = check("alice+x@example.com", "Bob@All.example")
        self.assertEqual((good.returncode, good.stdout),
                         (0, "alice+x@example.com: exists\nBob@All.example: exists\n"), good.stderr)
        self.assertEqual(check("alice@example.com", "bob@example.com").returncode, 3)
        self.assertEqual(check("nonsense").returncode, 64)
        with self.server(f"table:{self.file}", {"domains": ["example.com", "all.example"]}) as server:
            self.assertEqual(self.codes(server, "alice@example.com", "bob@example.com", "x@all.example"), [YES, NO, YES])
            self.build("bob@example.com")
            server.process.send_signal(signal.SIGHUP)
            self.wait_for(server, recipients_reloads=1)
            self.assertEqual(self.codes(server, "alice@example.com", "bob@example.com", "x@all.example"), [NO, YES, NO])

    def test_a_bad_line_is_named_and_no_table_written(self):
        source = self.folder / "source"
        source.write_text("alice@example.com\nnonsense\n\nbob@@example.com\n")
        build = [program("ringmxctl"), "recipients", "build", str(source), str(self.file)]
        done = subprocess.run(build, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{source}:2: not an address", done.stderr)
        self.assertIn(f"{source}:4: ", done.stderr)
        self.assertFalse(self.file.exists())
        done = subprocess.run([*build, "--skip-bad"], capture_output=True, text=True, timeout=60, check=True)
        self.assertIn("1 addresses", done.stdout)
        self.assertIn("2 bad lines left out", done.stdout)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["recipients", "source"])

    def test_a_table_that_is_cut_overwritten_or_removed_under_the_server_does_nothing_to_it(self):
        everybody = [f"user{number}@example.com" for number in range(20000)]
        self.build(*everybody)
        with self.server(f"table:{self.file}") as server:
            client = self.session(server)
            size = self.file.stat().st_size
            refused = 0
            for harm in (lambda: os.truncate(self.file, size // 2), lambda: os.truncate(self.file, 0),
                         lambda: self.file.write_bytes(os.urandom(size)), self.file.unlink):
                harm()
                for number in range(0, 20000, 997):
                    self.assertEqual(self.rcpt(client, f"user{number}@example.com"), YES)
                    self.assertEqual(self.rcpt(client, f"nobody{number}@example.com"), NO)
                server.process.send_signal(signal.SIGHUP)
                refused += 1
                self.wait_for(server, recipients_reloads_refused=refused)
            self.build("new@example.com")
            server.process.send_signal(signal.SIGHUP)
            self.wait_for(server, recipients_reloads=1)
            self.assertEqual([self.rcpt(client, a) for a in ("new@example.com", "user0@example.com")], [YES, NO])

    def test_a_damaged_table_is_no_start(self):
        self.build("alice@example.com")
        octets = bytearray(self.file.read_bytes())
        octets[256] ^= 1  # of the first section
        self.file.write_bytes(octets)
        server = self.server(f"table:{self.file}")
        self.addCleanup(server.remove)
        server.write_config()
        for command in (["serve"], ["check"]):
            done = subprocess.run([program("ringmx"), *command, "--config", str(server.config_path)],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 78, done.stderr)
            self.assertIn("damaged", done.stderr)

    def under_load(self, write, source):
        """Reloads without pause, of lists that share `known` and never have `unknown`, while clients ask for both. A
        client that asks for what only one list has gets an answer of a list that was there meanwhile."""
        known = [f"user{number}@example.com" for number in range(300)]
        write(*known, "even@example.com")
        with self.server(source) as server:
            stop = threading.Event()
            wrong, asked = [], [0] * 4

            def ask(index):
                try:
                    with RawClient(server.port) as client:
                        client.greet()
                        number = index
                        while not stop.is_set():
                            client.command("MAIL FROM:<sender@client.test>", 250)
                            expected = []
                            batch = b""
                            for _ in range(50):
                                number += 7
                                batch += b"RCPT TO:<user%d+tag@example.com>\r\n" % (number % 300)
                                batch += b"RCPT TO:<nobody%d@example.com>\r\n" % number
                                expected += [250, 550]
                            client.send(batch)
                            got = [client.reply()[0] for _ in expected]
                            if got != expected:
                                wrong.append((number, got))
                                return
                            asked[index] += len(got)
                            client.command("RSET", 250)
                except Exception as error:
                    wrong.append(repr(error))

            threads = [threading.Thread(target=ask, args=(index,)) for index in range(4)]
            for thread in threads:
                thread.start()
            reloads = scaled(60, 10)
            for number in range(1, reloads + 1):
                name = "odd" if number % 2 else "even"
                write(*known, f"{name}@example.com")
                server.process.send_signal(signal.SIGHUP)
                self.wait_for(server, recipients_reloads=number)
                odd = number % 2 == 1
                self.assertEqual(self.codes(server, "odd@example.com", "even@example.com"),
                                 [YES if odd else NO, NO if odd else YES])
            stop.set()
            for thread in threads:
                thread.join()
            self.assertEqual(wrong, [])
            self.assertTrue(all(count > 100 for count in asked), asked)
            self.assertEqual(self.counters(server)["recipients_reloads_refused"], 0)

    def test_text_files_change_under_load_without_a_wrong_answer(self):
        self.under_load(self.replace, str(self.file))

    def test_tables_change_under_load_without_a_wrong_answer(self):
        self.under_load(self.build, f"table:{self.file}")


class Lmdb(RecipientsTest):
    def load(self, *keys):
        """As docs/recipients.md says."""
        text = "".join(f"{key}\n1\n" for key in keys)
        subprocess.run(["mdb_load", "-T", "-n", "-f", "/dev/stdin", str(self.file)], input=text, text=True, check=True,
                       timeout=60)

    def test_keys_are_addresses_and_domains_and_changes_are_seen_at_once(self):
        self.load("alice@example.com", "@all.example")
        with self.server(f"lmdb:{self.file}", {"domains": ["example.com", "all.example"]}) as server:
            client = self.session(server)
            self.assertEqual([self.rcpt(client, a) for a in ("Alice+x@example.com", "bob@example.com", "x@all.example")],
                             [YES, NO, YES])
            self.load("bob@example.com")
            self.assertEqual(self.rcpt(client, "bob@example.com"), YES)
            checked = subprocess.run([program("ringmxctl"), "recipients", "check", f"lmdb:{self.file}",
                                      "bob@example.com"], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(checked.returncode, 0, checked.stderr)
            self.file.rename(self.folder / "old")
            (self.folder / "recipients-lock").rename(self.folder / "old-lock")
            self.load("carol@example.com")
            server.process.send_signal(signal.SIGHUP)
            self.wait_for(server, recipients_reloads_refused=1)
            self.assertEqual(self.codes(server, "bob@example.com", "carol@example.com"), [YES, NO])


class SocketmapService(RecipientsTest):
    def service(self, *known, port=None):
        service = Socketmap(None if port is not None else self.folder / "map", known, port or 0)
        self.addCleanup(service.stop)
        return service

    def test_recipients_exist_when_the_service_says_so(self):
        for port in (None, 0):
            with self.service("alice@example.com", "@all.example", port=port) as service, \
                    self.server(service.source, {"domains": ["example.com", "all.example"]}) as server:
                self.assertEqual(self.codes(server, "alice@example.com", "Alice+x@example.com", "bob@example.com",
                                            "x@all.example", "postmaster@example.com", "a@foreign.test"),
                                 [YES, YES, NO, YES, YES, "550 5.7.1"])
                self.assertEqual(service.questions,
                                 ["alice@example.com", "bob@example.com", "@example.com",
                                  "x@all.example", "@all.example"])

    def test_the_service_of_these_tests_is_one_for_postfix_too(self):
        postfix = self.folder / "postfix"
        postfix.mkdir()
        (postfix / "main.cf").write_text("compatibility_level = 3.6\n")
        with self.service("alice@example.com") as service:
            for key, code, text in (("alice@example.com", 0, "alice@example.com\n"), ("bob@example.com", 1, "")):
                asked = subprocess.run(["/usr/sbin/postmap", "-c", str(postfix), "-q", key, service.source],
                                       capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual((asked.returncode, asked.stdout), (code, text), asked.stderr)

    def test_pipelined_recipients_are_answered_in_order(self):
        with self.service(*(f"user{number}@example.com" for number in range(0, 100, 2))) as service, \
                self.server(service.source) as server:
            service.mode = "drip"
            client = self.session(server)
            client.send(b"".join(b"RCPT TO:<user%d@example.com>\r\n" % number for number in range(100)))
            self.assertEqual([client.reply()[0] for _ in range(100)], [250, 550] * 50)
            client.command("DATA", 354)
            client.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
            client.expect(250)

    def test_what_it_said_is_remembered_until_a_reload(self):
        with self.service("alice@example.com") as service, \
                self.server(service.source, server={"cores": 1}) as server:
            self.assertEqual(self.codes(server, "alice@example.com", "bob@example.com"), [YES, NO])
            service.known = {"bob@example.com"}
            self.assertEqual(self.codes(server, "alice@example.com", "bob@example.com"), [YES, NO])
            self.assertEqual(self.counters(server)["recipients_cached"], 2)
            server.ctl("reload", "--socket", str(self.folder / "admin"))
            deadline = time.monotonic() + PATIENCE_S
            while self.codes(server, "alice@example.com", "bob@example.com") != [NO, YES]:
                self.assertLess(time.monotonic(), deadline)

    def test_a_slow_service_leads_to_451_and_holds_up_nobody_else(self):
        with self.service("alice@example.com") as service, \
                self.server(service.source, {"domains": ["example.com"]}, server={"cores": 1},
                            **{"accept.socketmap": {"deadline": 1}}) as server:
            self.assert_slowness_holds_up_nobody_else(server, service)

    def test_a_service_that_is_away_leads_to_451_until_it_is_back(self):
        service = self.service("alice@example.com")
        with self.server(service.source, **{"accept.socketmap": {"deadline": 1}}) as server:
            self.assertEqual(self.codes(server, "alice@example.com"), [LATER], "away from the start")
            self.wait_for_event(server, "recipients_service", "cannot be reached")
            service.start()
            deadline = time.monotonic() + PATIENCE_S
            while self.codes(server, "alice@example.com") != [YES]:
                self.assertLess(time.monotonic(), deadline)
            service.stop()
            self.assertEqual(self.codes(server, "new@example.com"), [LATER])
            service.start()
            while self.codes(server, "new@example.com") != [NO]:
                self.assertLess(time.monotonic(), deadline)

    def test_wrong_answers_lead_to_451(self):
        with self.service("alice@example.com") as service, \
                self.server(service.source, **{"accept.socketmap": {"deadline": 2}}) as server:
            for mode in ("temp", "perm", "garbage", "close"):
                service.mode = mode
                self.assertEqual(self.codes(server, "alice@example.com"), [LATER], mode)
            service.mode = "good"
            deadline = time.monotonic() + PATIENCE_S
            while self.codes(server, "alice@example.com") != [YES]:
                self.assertLess(time.monotonic(), deadline)
            self.assertGreaterEqual(self.counters(server)["recipients_service_errors"], 4)

    def test_clients_that_leave_and_a_drain_do_not_wait_for_it(self):
        with self.service("alice@example.com") as service, self.server(service.source) as server:
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

    def test_under_load_while_it_comes_and_goes_no_answer_is_wrong(self):
        known = {f"user{number}@example.com" for number in range(0, 200, 2)}
        with self.service(*known) as service, \
                self.server(service.source, **{"accept.socketmap": {"deadline": 2, "cache": 64, "found_ttl": 1,
                                                                   "missing_ttl": 1}}) as server:
            self.assert_no_answer_is_wrong_under_load(server, service, ("good", "temp", "good", "garbage", "good", "close", "good"))
