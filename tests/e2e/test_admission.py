"""Limits of clients and networks, clients that speak out of turn, stress: each with its reply, counter and log line; and a
crowd of misbehaving clients beside a good load."""

import contextlib
import json
import shutil
import signal
import ssl
import subprocess
import sys
import time

from certificates import Authority
from generator import load
from harness import ROOT, SANITIZED, TestCase, free_port, new_folder, scaled
from observed import ObservedServer
from raw_client import RawClient, session_ended

PATIENCE_S = 60
CLIENT, OTHER = "127.1.0.1", "127.2.0.1"  # of different networks
HEADER = b"Subject: test\r\n\r\n"


class AdmissionServer(ObservedServer):
    """Nobody is exempt; the status probe of the harness comes from 127.0.0.1, no client of these tests does."""

    def __init__(self, limits=None, **sections):
        super().__init__({"limits": {"exempt": [], **(limits or {})}, **sections})

    def totals(self):
        return json.loads(self.ctl("status", "--json", "--config", str(self.config_path)))["total"]

    def wait_total(self, name, least):
        self.wait_for(f"{name} {least}", lambda: self.totals()[name] >= least, PATIENCE_S)

    def one_event(self, event, **members):
        """Waits for a line of the log that has all of these, and returns it."""
        def find():
            return next((line for line in self.events(event) if members.items() <= line.items()), None)
        self.wait_for(f"{event} {members}", find, PATIENCE_S)
        return find()


class AdmissionTestCase(TestCase):
    def assert_limit(self, server, key, code, scope, least=1, peer=CLIENT):
        server.wait_total(f"limit_{key}", least)
        line = server.one_event("limit", detail=f"limits.{key}", peer=peer)
        self.assertEqual(line["code"], code)
        self.assertIn(scope, line["text"])
        self.assertIn("limit ", line["text"])

    def greeted(self, server, source=CLIENT):
        client = RawClient(server.port, source=source)
        client.greet()
        return client

    def refused(self, server, source=CLIENT):
        """A connection that is told 421 in place of the banner, and closed."""
        with RawClient(server.port, source=source) as client:
            client.expect(421)
            self.assertEqual(session_ended(client), b"")

    def let_in_again(self, server, source=CLIENT):
        """The end of an earlier connection takes a moment to be seen."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with RawClient(server.port, source=source) as client:
                if client.reply()[0] == 220:
                    return
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)


class ConnectionLimits(AdmissionTestCase):
    def test_connections_of_a_client_over_all_cores(self):
        with AdmissionServer({"client_connections": 4}) as server, contextlib.ExitStack() as stack:
            clients = [stack.enter_context(self.greeted(server)) for _ in range(4)]
            for _ in range(8):  # of two cores, whichever they come to
                self.refused(server)
            self.assert_limit(server, "client_connections", 421, "client 127.1.0.1/32, limit 4", 8)
            self.greeted(server, OTHER).quit()
            clients[0].quit()
            self.let_in_again(server)
            clients[1].deliver(HEADER + b"who was in may stay\r\n")

    def test_connections_of_a_network(self):
        with AdmissionServer({"network_connections": 2}) as server, contextlib.ExitStack() as stack:
            for host in (1, 2):
                stack.enter_context(self.greeted(server, f"127.1.0.{host}"))
            self.refused(server, "127.1.0.3")
            self.assert_limit(server, "network_connections", 421, "network 127.1.0.0/24, limit 2", peer="127.1.0.3")
            self.greeted(server, "127.1.1.3").quit()

    def test_prefix_lengths_say_what_a_client_is(self):
        limits = {"client_connections": 1, "client_prefix_ipv4": 16, "network_prefix_ipv4": 8}
        with AdmissionServer(limits) as server, self.greeted(server, "127.1.0.1"):
            self.refused(server, "127.1.9.9")
            self.assert_limit(server, "client_connections", 421, "client 127.1.0.0/16, limit 1", peer="127.1.9.9")
            self.greeted(server, OTHER).quit()

    def test_new_connections_of_a_client_a_minute(self):
        with AdmissionServer({"client_connection_rate": 3}) as server:
            for _ in range(3):
                self.greeted(server).quit()
            self.refused(server)
            self.assert_limit(server, "client_connection_rate", 421, "client 127.1.0.1/32, limit 3")
            self.greeted(server, "127.1.0.2").quit()

    def test_new_connections_of_a_network_a_minute(self):
        with AdmissionServer({"network_connection_rate": 3}) as server:
            for host in (1, 2, 3):
                self.greeted(server, f"127.1.0.{host}").quit()
            self.refused(server, "127.1.0.4")
            self.assert_limit(server, "network_connection_rate", 421, "network 127.1.0.0/24, limit 3", peer="127.1.0.4")

    def test_the_reserve_is_for_known_networks(self):
        limits = {"reserve": 8, "known": ["127.2.0.0/16"]}
        with AdmissionServer(limits, server={"cores": 1, "connections_max": 10}) as server:
            with contextlib.ExitStack() as stack:
                for _ in range(2):
                    stack.enter_context(self.greeted(server))
                self.refused(server)
                self.assert_limit(server, "reserve", 421, "limit 8")
                for _ in range(4):
                    stack.enter_context(self.greeted(server, OTHER))

    def test_exempt_networks_are_not_limited(self):
        limits = {"exempt": ["127.1.0.0/24"], "client_connections": 1, "message_rate": 1}
        with AdmissionServer(limits) as server, self.greeted(server), self.greeted(server) as client:
            for _ in range(3):
                client.deliver(HEADER + b"mine\r\n")
            with self.greeted(server, OTHER):
                self.refused(server, OTHER)


    def test_where_tls_comes_first_a_refused_client_is_closed_before_the_handshake(self):
        folder, port = new_folder("admission-tls"), free_port()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        certificate = Authority(folder).entry("mx")
        sections = {"server": {"listen_tls": [f"127.0.0.1:{port}"]}, "tls": {"certificates": [certificate]}}
        with AdmissionServer({"client_connections": 1}, **sections) as server, self.greeted(server):
            with RawClient(port, source=CLIENT) as client:
                self.assertEqual(session_ended(client), b"")
            self.assert_limit(server, "client_connections", 421, "client 127.1.0.1/32, limit 1")
            totals = server.totals()
            self.assertEqual(totals["tls_failed_lost"] + totals["tls_failed_other"], 0)


class RateLimits(AdmissionTestCase):
    def test_messages(self):
        with AdmissionServer({"message_rate": 2}, server={"cores": 1}) as server, self.greeted(server) as client:
            for _ in range(2):
                client.deliver(HEADER + b"in time\r\n")
            client.command("MAIL FROM:<a@client.test>", 450, "4.7.1")
            with self.greeted(server) as second:
                second.command("MAIL FROM:<a@client.test>", 450, "4.7.1")
            self.assert_limit(server, "message_rate", 450, "client 127.1.0.1/32, limit 2", 2)
            self.greeted(server, OTHER).deliver(HEADER + b"another client's\r\n")
            client.quit()
            self.assertEqual(len(server.listing()), 3)

    def test_cores_share_a_rate_as_they_share_the_connections(self):
        rate, connections = 40, 8
        with AdmissionServer({"message_rate": rate}) as server, contextlib.ExitStack() as stack:
            clients = [stack.enter_context(self.greeted(server)) for _ in range(connections)]
            taken = 0
            for client in clients:
                code = 250
                while code == 250 and taken < 3 * rate:
                    client.send(b"MAIL FROM:<a@client.test>\r\n")
                    code = client.reply()[0]
                    if code == 250:
                        client.command("RSET", 250)
                        taken += 1
                self.assertEqual(code, 450)
            # What came back to it while this lasted is on top, which is at most the rate for each minute.
            self.assertGreaterEqual(taken, rate - 2)
            self.assertLessEqual(taken, 2 * rate)

    def test_recipients(self):
        with AdmissionServer({"recipient_rate": 3}) as server, self.greeted(server) as client:
            client.command("MAIL FROM:<a@client.test>", 250)
            for number in range(3):
                client.command(f"RCPT TO:<user{number}@example.com>", 250)
            client.command("RCPT TO:<user3@example.com>", 450, "4.7.1")
            self.assert_limit(server, "recipient_rate", 450, "client 127.1.0.1/32, limit 3")
            client.command("DATA", 354)
            client.send(HEADER + b"for those before\r\n.\r\n")
            client.expect(250)
            client.quit()

    def test_unknown_recipients(self):
        server = AdmissionServer({"unknown_recipient_rate": 3}, accept={"recipients": "recipients"})
        (server.folder / "recipients").write_text("known@example.com\n")
        with server, self.greeted(server) as client:
            client.command("MAIL FROM:<>", 250)
            client.command("RCPT TO:<known@example.com>", 250)
            for number in range(3):
                client.command(f"RCPT TO:<guess{number}@example.com>", 550, "5.1.1")
            for guess in ("guess3", "known"):  # no word about who exists any more
                client.command(f"RCPT TO:<{guess}@example.com>", 450, "4.7.1")
            self.assert_limit(server, "unknown_recipient_rate", 450, "client 127.1.0.1/32, limit 3", 2)
            client.command("RCPT TO:<user@foreign.test>", 450, "4.7.1")
            with self.greeted(server, OTHER) as other:
                other.envelope(recipient="known@example.com")

    def test_foreign_domains_are_not_unknown_recipients(self):
        with AdmissionServer({"unknown_recipient_rate": 1}) as server, self.greeted(server) as client:
            client.command("MAIL FROM:<>", 250)
            for _ in range(5):
                client.command("RCPT TO:<user@foreign.test>", 550, "5.7.1")
            client.command("RCPT TO:<user@example.com>", 250)

    def test_errors_end_the_session_and_keep_the_client_out(self):
        with AdmissionServer({"error_rate": 3}, server={"cores": 1}) as server:
            with self.greeted(server) as client:
                for _ in range(3):
                    client.command("BOGUS", 500)
                client.command("BOGUS", 500)
                client.expect(421)
                self.assertEqual(session_ended(client), b"")
            self.assert_limit(server, "error_rate", 421, "client 127.1.0.1/32, limit 3")
            self.refused(server)
            self.greeted(server, OTHER).quit()


class Slow(AdmissionTestCase):
    LIMITS = {"data_rate": 100, "data_rate_window": 4}

    def test_mail_data_that_drips_ends_the_session(self):
        with AdmissionServer(self.LIMITS) as server, self.greeted(server) as client:
            client.envelope()
            client.command("DATA", 354)
            client.send(HEADER)
            client.socket.settimeout(0.2)
            answer = None
            deadline = time.monotonic() + PATIENCE_S
            while answer is None and time.monotonic() < deadline:
                client.send(b"x")
                with contextlib.suppress(TimeoutError):
                    answer = client.reply()
            self.assertEqual(answer and answer[0], 421)
            self.assertIn("too slowly", answer[1][0])
            self.assert_limit(server, "data_rate", 421, "client 127.1.0.1/32, limit 100")

    def test_mail_data_at_the_rate_is_taken_for_as_long_as_it_lasts(self):
        with AdmissionServer(self.LIMITS) as server, self.greeted(server) as client:
            client.envelope()
            client.command("DATA", 354)
            client.send(HEADER)
            end = time.monotonic() + 10  # more than two windows
            while time.monotonic() < end:
                client.send(b"0123456789" * 200 + b"\r\n")
                time.sleep(0.25)
            client.send(b".\r\n")
            client.expect(250)
            self.assertEqual(server.totals()["limit_data_rate"], 0)

    def test_a_command_line_has_one_deadline_however_many_pieces_it_comes_in(self):
        with AdmissionServer(timeouts={"command": 2}) as server, self.greeted(server) as client:
            client.socket.settimeout(0.3)
            answer = None
            deadline = time.monotonic() + PATIENCE_S
            while answer is None and time.monotonic() < deadline:
                client.send(b"N")
                with contextlib.suppress(TimeoutError):
                    answer = client.reply()
            self.assertEqual(answer and answer[0], 421)


class OutOfTurn(AdmissionTestCase):
    def test_an_early_talker_is_refused_and_one_who_waits_is_not(self):
        with AdmissionServer(edge={"banner_delay": 1}) as server:
            with RawClient(server.port, source=CLIENT) as client:
                client.send(b"EHLO client.test\r\n")
                client.expect(554)
                self.assertEqual(session_ended(client), b"")
            server.wait_total("early_talkers", 1)
            self.assertEqual(server.one_event("early_talker", peer=CLIENT)["code"], 554)
            with self.greeted(server) as client:
                client.deliver(HEADER + b"waited\r\n")
                client.quit()
            self.assertEqual(server.totals()["early_talkers"], 1)

    def test_a_delayed_banner_comes_under_tls_too(self):
        # Behind the handshake the server sends tickets, which must not put the banner off until they time out.
        folder, port = new_folder("admission-tls"), free_port()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        certificate = Authority(folder).entry("mx")
        with AdmissionServer(edge={"banner_delay": 1}, server={"listen_tls": [f"127.0.0.1:{port}"]},
                             tls={"certificates": [certificate], "tickets": 2}):
            context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
            with RawClient(port, source=CLIENT) as client:
                client.socket = context.wrap_socket(client.socket, server_hostname="mx.test")
                client.expect(220)

    def test_an_early_talker_may_be_logged_only(self):
        with AdmissionServer(edge={"banner_delay": 1, "early_talker": "log", "pipelining": "off"}) as server:
            with RawClient(server.port, source=CLIENT) as client:
                client.send(b"EHLO client.test\r\nMAIL FROM:<>\r\n")
                client.expect(220)
                client.expect(250)
                client.expect(250)
            self.assertIn("EHLO client.test", server.one_event("early_talker", peer=CLIENT)["detail"])

    def test_exempt_clients_get_the_banner_at_once_and_may_talk_before_it(self):
        with AdmissionServer({"exempt": ["127.0.0.0/8"]}, edge={"banner_delay": 60}) as server:
            with RawClient(server.port) as client:
                client.send(b"EHLO client.test\r\nMAIL FROM:<>\r\n")
                for code in (220, 250, 250):
                    client.expect(code)

    def test_a_drain_does_not_wait_for_delayed_banners(self):
        with AdmissionServer({"exempt": ["127.0.0.1"]}, edge={"banner_delay": 60}) as server:
            with RawClient(server.port, source=CLIENT) as client:
                server.wait_total("connections_open", 1)
                server.terminate()
                client.expect(421)
            server.wait()

    def test_illegal_pipelining_ends_the_session(self):
        with AdmissionServer() as server:
            with RawClient(server.port, source=CLIENT) as client:
                client.expect(220)
                client.send(b"EHLO client.test\r\nMAIL FROM:<>\r\n")
                client.expect(554, "5.5.0")
                self.assertEqual(session_ended(client), b"")
            with self.greeted(server, OTHER) as client:
                client.envelope()
                client.send(b"DATA\r\n" + HEADER + b"not waited\r\n.\r\n")
                client.expect(554, "5.5.0")
                self.assertEqual(session_ended(client), b"")
            server.wait_total("illegal_pipelining", 2)
            line = server.one_event("violation", detail="illegal-pipelining", peer=CLIENT)
            self.assertEqual((line["code"], line["status"]), (554, "5.5.0"))
            self.assertEqual(server.listing(), [])

    def test_illegal_pipelining_may_be_logged_only(self):
        with AdmissionServer(edge={"pipelining": "log"}) as server, RawClient(server.port, source=CLIENT) as client:
            client.expect(220)
            client.send(b"EHLO client.test\r\nMAIL FROM:<>\r\n")
            client.expect(250)
            client.expect(250)
            self.assertNotIn("code", server.one_event("violation", detail="illegal-pipelining", peer=CLIENT))

    def test_legal_pipelines_are_taken(self):
        for mode in ("single", "pipelined", "bdat"):
            with self.subTest(mode=mode), AdmissionServer() as server:
                run = load(server.port, "--mode", mode, "-m", str(scaled(2000, 300)), "-c", "20", "--to", "user@example.com",
                           "--size", "1KiB:80,100KiB:20", "--one-shot", "20%", "--half-closing", "10%")
                self.assertEqual(run.code, 0, run.output)
                totals = server.totals()
                self.assertEqual((totals["illegal_pipelining"], totals["violations"]), (0, 0))

    def test_other_protocols_are_dropped_without_a_reply(self):
        hello = b"\x16\x03\x01\x00\xf8\x01\x00\x00\xf4\x03\x03" + bytes(range(240))
        with AdmissionServer() as server:
            for octets, name in ((b"GET / HTTP/1.1\r\nHost: mx\r\n\r\n", "http"), (b"SSH-2.0-x\r\n", "ssh"), (hello, "tls")):
                with RawClient(server.port, source=CLIENT) as client:
                    client.expect(220)
                    client.send(octets)
                    self.assertEqual(session_ended(client), b"")
                server.one_event("other_protocol", detail=name, peer=CLIENT)
            self.assertEqual(server.totals()["other_protocols"], 3)
        with AdmissionServer(edge={"other_protocols": False}) as server, RawClient(server.port, source=CLIENT) as client:
            client.expect(220)
            client.command("GET / HTTP/1.1", 500)


class Stress(AdmissionTestCase):
    def test_when_connections_run_short_clients_have_less_time_and_fewer_errors(self):
        sections = {"server": {"cores": 1, "connections_max": 20}, "stress": {"begin": 50, "command": 2, "errors_max": 1}}
        with AdmissionServer(**sections) as server, contextlib.ExitStack() as stack:
            idle = [stack.enter_context(self.greeted(server)) for _ in range(12)]
            begun = server.one_event("stress_begins", detail="connections")
            self.assertEqual(begun["level"], "warning")
            self.assertIn("% in use", begun["text"])
            for client in idle:  # they had five minutes when they came
                client.expect(421, None)
            server.one_event("stress_ends")
            server.wait_for("no stress", lambda: server.totals()["stressed"] == 0, PATIENCE_S)

    def test_errors_under_stress(self):
        sections = {"server": {"cores": 1, "connections_max": 10}, "stress": {"begin": 50, "command": 30, "errors_max": 1}}
        with AdmissionServer(**sections) as server, contextlib.ExitStack() as stack:
            clients = [stack.enter_context(self.greeted(server)) for _ in range(6)]
            server.wait_total("stressed", 1)
            clients[0].command("BOGUS", 500)
            clients[0].command("BOGUS", 421)
            for client in clients[1:4]:
                client.quit()
            server.wait_for("no stress", lambda: server.totals()["stressed"] == 0, PATIENCE_S)
            for _ in range(5):
                clients[4].command("BOGUS", 500)

    def test_exempt_clients_keep_their_time(self):
        sections = {"server": {"cores": 1, "connections_max": 10}, "stress": {"begin": 50, "command": 1}}
        with AdmissionServer({"exempt": ["127.2.0.0/16"]}, **sections) as server, contextlib.ExitStack() as stack:
            kept = [stack.enter_context(self.greeted(server, OTHER)) for _ in range(5)]
            hurried = stack.enter_context(self.greeted(server))
            hurried.expect(421)
            for client in kept:
                client.command("NOOP", 250)


class Crowd(AdmissionTestCase):
    def test_misbehaving_clients_harm_no_good_one(self):
        count = scaled(2000, 200)
        memory_mib = 192
        limits = {"data_rate": 100, "data_rate_window": 5, "client_connections": 30, "network_connections": 1000}
        sections = {"server": {"memory": f"{memory_mib}MiB"}, "timeouts": {"command": 20, "send": 20},
                    "smtp": {"message_size": "1MiB"}}
        with AdmissionServer(limits, **sections) as server:
            crowd = subprocess.Popen([sys.executable, str(ROOT / "bench" / "bad_clients"), str(server.port), str(count),
                                      "--each", "40"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
            try:
                server.wait_total("connections_open", count // 3)
                run = load(server.port, "--to", "user@example.com", "--mode", "pipelined", "-c", "20", "--rate",
                           str(scaled(300, 50)), "--duration", f"{scaled(20, 8)}s", "--size", "1KiB:80,50KiB:20")
                self.assertEqual(run.code, 0, run.output)
                totals = server.totals()
            finally:
                crowd.send_signal(signal.SIGTERM)
                seen = json.loads(crowd.communicate(timeout=PATIENCE_S)[0])
            self.assertEqual(len(server.listing()), run.messages["acknowledged"])
            for name in ("other_protocols", "illegal_pipelining", "limit_client_connections", "limit_data_rate"):
                self.assertGreater(totals[name], 0, f"{name}: the crowd did nothing of the kind\n{seen}\n{totals}")
            self.assertEqual(totals["admission_table_full"], 0)
            good = [line for line in server.events("limit") + server.events("violation") if line["peer"] == "127.0.0.1"]
            self.assertEqual(good, [], "good clients come from 127.0.0.1")
            if not SANITIZED:
                self.assertLess(server.memory_kib("VmHWM"), memory_mib << 10)
