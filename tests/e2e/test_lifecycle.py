"""Start and end of the server: drain on SIGTERM, restart, what it says when it cannot start, `check`, `status`."""

import json
import pathlib
import socket
import subprocess
import time

from harness import Server, TestCase, new_folder, program, without_trace
from raw_client import RawClient

HEADER = b"Subject: test\r\n\r\n"


class Drain(TestCase):
    def test_a_message_in_its_data_phase_is_finished_and_idle_clients_are_told_421(self):
        with Server() as server:
            idle, sending = RawClient(server.port), RawClient(server.port)
            with idle, sending:
                idle.greet()
                sending.greet()
                sending.envelope()
                sending.command("DATA", 354)
                sending.send(HEADER + b"first half\r\n")
                time.sleep(0.2)
                server.terminate()
                idle.expect(421, "4.3.2")
                idle.at_end()
                self.assertIsNone(server.process.poll())
                with self.assertRaises(OSError):
                    self.connect_after_listeners_closed(server.port)
                sending.send(b"second half\r\n.\r\n")
                sending.expect(250)
                sending.expect(421, "4.3.2")
                sending.at_end()
            self.assertEqual(server.wait(), 0)
            self.assertEqual(without_trace(self.only_message(server)), HEADER + b"first half\r\nsecond half\r\n")

    @staticmethod
    def connect_after_listeners_closed(port):
        """Raises once a new connection is refused, or reset from the backlog of a closed listener."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.create_connection(("127.0.0.1", port), 5) as late:
                late.settimeout(5)
                if late.recv(3) in (b"", b"421"):
                    continue
                return

    def test_the_grace_period_ends_a_drain(self):
        with Server({"server": {"shutdown_grace": 1}}) as server:
            with RawClient(server.port) as client:
                client.greet()
                client.envelope()
                client.command("DATA", 354)
                client.send(HEADER + b"never finished")
                time.sleep(0.2)
                started = time.monotonic()
                server.terminate()
                self.assertEqual(server.wait(30), 2, "a drain that cut something off says so")
                self.assertLess(time.monotonic() - started, 20)
            server.expect_exit = 2
            self.assertEqual(server.listing(), [])

    def test_messages_survive_a_restart_and_new_ones_are_added(self):
        folder = new_folder("restart")
        for number in range(3):
            with Server(folder=folder) as server, RawClient(server.port) as client:
                client.greet()
                client.deliver(HEADER + b"message %d\r\n" % number)
                client.quit()
        offline = Server(folder=folder)
        # Sorted: each core has a shard of its own, and only within a shard there is an order.
        self.assertEqual(sorted(without_trace(message) for _, message in offline.stored()),
                         [HEADER + b"message %d\r\n" % number for number in range(3)])


class CannotStart(TestCase):
    """Each cause has its sentence and its exit code (docs/operations.md)."""

    def refused(self, server, code, *words):
        server.write_config()
        result = subprocess.run([program("ringmx"), "serve", "--config", str(server.config_path)],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
        server.remove()
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    def test_a_port_in_use_is_named(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            address = f"127.0.0.1:{other.getsockname()[1]}"
            self.refused(Server({"server": {"listen": [address]}}), 81, address)

    def test_a_second_server_on_the_same_port_is_refused(self):
        with Server() as running:
            self.refused(Server({"server": {"listen": [f"127.0.0.1:{running.port}"]}}), 81, str(running.port))

    def test_a_second_server_on_the_same_spool_is_refused_and_the_first_goes_on(self):
        with Server() as running:
            spool = str(running.folder / "spool")
            self.refused(Server({"storage.spool": {"path": spool}}), 82, spool)
            with RawClient(running.port) as client:
                client.greet()
                client.deliver(HEADER + b"still mine\r\n")
                client.quit()
            self.assertEqual(len(running.stored()), 1)

    def test_a_durability_that_the_backend_lacks_is_refused(self):
        self.refused(Server({"storage": {"backend": "discard", "durability": "machine"}}), 78, "durability")

    def test_a_missing_recipients_file_is_named(self):
        self.refused(Server({"accept": {"recipients": "no-such-file"}}), 78, "no-such-file")

    def test_a_missing_configuration_is_named(self):
        result = subprocess.run([program("ringmx"), "serve", "--config", "/nonexistent/ringmx.toml"],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(result.returncode, 78)
        self.assertIn("/nonexistent/ringmx.toml", result.stderr)


class Check(TestCase):
    def check(self, text):
        folder = new_folder("check")
        path = folder / "bad.toml"
        path.write_text(text)
        result = subprocess.run([program("ringmx"), "check", "--config", str(path)], stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, timeout=30, check=False)
        return result, str(path)

    def test_a_good_file_passes(self):
        result, _ = self.check('[accept]\ndomains = ["example.com"]\n')
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_an_unknown_key_is_reported_with_file_line_and_the_nearest_key(self):
        result, path = self.check('[accept]\ndomains = ["example.com"]\n\n[server]\nhostnam = "mx.test"\n')
        self.assertEqual(result.returncode, 78)
        self.assertIn(f"{path}:5", result.stderr)
        self.assertIn("server.hostname", result.stderr)

    def test_every_error_is_reported_with_its_line(self):
        result, path = self.check('[server]\nmemory = "lots"\nlisten = ["nowhere"]\n[smtp]\nerrors_max = -1\n')
        self.assertEqual(result.returncode, 78)
        for line in (2, 3, 5):
            self.assertIn(f"{path}:{line}", result.stderr)

    def test_broken_toml_is_reported_with_its_line(self):
        result, path = self.check('[server]\nhostname = "mx.test\n')
        self.assertEqual(result.returncode, 78)
        self.assertIn(f"{path}:2", result.stderr)


class Observing(TestCase):
    def test_the_version_is_printed(self):
        result = subprocess.run([program("ringmx"), "--version"], stdin=subprocess.DEVNULL, capture_output=True,
                                text=True, timeout=30, check=False)
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stdout, r"ringmx \d+\.\d+\.\d+")

    def test_every_log_line_is_a_json_object_and_each_transaction_has_one(self):
        with Server() as server:
            with RawClient(server.port) as client:
                client.greet()
                client.deliver(HEADER + b"logged\r\n")
                client.command("MAIL FROM:<a@client.test>", 250)
                client.command("RCPT TO:<user@foreign.test>", 550)
                client.quit()
            entry, = server.listing()
            server.stop()
            lines = [json.loads(line) for line in server.log().splitlines()]
            line, = (line for line in lines if line["event"] == "message")
            self.assertEqual((line["id"], line["peer"], line["from"], line["to"], line["code"], line["durability"]),
                             (entry["id"], "127.0.0.1", "sender@client.test", ["user@example.com"], 250, "machine"))
            self.assertIn("start", [line["event"] for line in lines])
            self.assertEqual(lines[-1]["event"], "stop")

    def test_status_counts_what_happened(self):
        # A Unix socket's path has at most 107 octets: not below the checkout, however deep that is.
        sockets = new_folder("ringmx-status", parent=pathlib.Path("/tmp"))
        path = sockets / "admin.sock"
        try:
            with Server({"admin": {"socket": str(path)}}) as server:
                with RawClient(server.port) as client:
                    client.greet()
                    for _ in range(3):
                        client.deliver(HEADER + b"counted\r\n")
                    client.quit()
                status = json.loads(server.ctl("status", "--config", str(server.config_path), "--json"))
                self.assertEqual(status["total"]["messages_stored"], 3)
                self.assertIn("messages_stored", server.ctl("status", "--config", str(server.config_path)).decode())
        finally:
            path.unlink(missing_ok=True)
            sockets.rmdir()

