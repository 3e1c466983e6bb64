"""Postfix's load generator: ten thousand messages over twenty sessions, each accepted and stored."""

import subprocess
import time

from harness import Server, TestCase, scaled


class SmtpSource(TestCase):
    def run_source(self, server, messages, *options):
        started = time.monotonic()
        result = subprocess.run(["/usr/sbin/smtp-source", "-s", "20", "-m", str(messages), "-l", "4096",
                                 "-f", "sender@client.test", "-t", "user@example.com", *options,
                                 f"127.0.0.1:{server.port}"],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(result.stderr, "")
        return time.monotonic() - started

    def test_every_message_is_stored(self):
        messages = scaled(10000, 500)
        with Server() as server:
            seconds = self.run_source(server, messages)
            stored = server.stored()
            self.assertEqual(len(stored), messages)
            self.assertEqual(len({entry["id"] for entry, _ in stored}), messages)
            for _, message in stored:
                self.assertTrue(message.startswith(b"Received: ") and message.endswith(b"\r\n"))
                self.assertGreater(len(message), 4096)
            print(f"{messages} messages in {seconds:.1f} s ...", end=" ", flush=True)

    def test_one_connection_for_each_message(self):
        messages = scaled(2000, 200)
        with Server() as server:
            self.run_source(server, messages, "-d")
            self.assertEqual(len(server.listing()), messages)
