"""bench/epoll_twin keeps what it acknowledges, like the server that it is compared with: edge- and level-triggered."""

import json
import pathlib
import shutil
import smtplib
import socket
import subprocess
import time
import unittest

from harness import BIN, Server, TestCase, new_folder, program, scaled, without_trace

TWIN = "ringmx-epoll-twin"
MIB = 1 << 20


class Twin(Server):
    def __init__(self, trigger, overrides=None):
        super().__init__(overrides)
        self.trigger = trigger

    def launch(self):
        self.write_config()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([program(TWIN), "--config", str(self.config_path), "--trigger", self.trigger],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)


class Tests:
    """For both triggers."""

    def load(self, server, *arguments):
        done = subprocess.run([program("ringmx-load"), f"127.0.0.1:{server.port}", "--quiet", "--to", "user@example.com",
                               *arguments], capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_messages_of_all_sizes_are_kept(self):
        line = b"A line of mail data that is neither very long nor short.\r\n"
        mails = [line * (size // len(line)) for size in (100, 1000, 65536, MIB, 20 * MIB)]
        with Twin(self.TRIGGER) as server:
            with smtplib.SMTP("127.0.0.1", server.port) as client:
                for mail in mails:
                    client.sendmail("sender@client.test", ["user@example.com"], mail)
            stored = [without_trace(message) for _, message in server.stored()]
        self.assertEqual(len(stored), len(mails))
        for got, sent in zip(stored, mails):
            self.assert_same_bytes(got, sent)

    def test_every_acknowledged_message_is_in_the_spool_after_a_load_with_hard_clients(self):
        for mode in ("single", "pipelined", "bdat"):
            with self.subTest(mode=mode), Twin(self.TRIGGER) as server:
                acks = server.folder / "acks"
                self.load(server, "--mode", mode, "--connections", "50", "--messages", str(scaled(5000, 1000)), "--size",
                          "1KiB:60,20KiB:30,300KiB:10", "--acks", str(acks), "--one-shot", "20%", "--resetting", "10%",
                          "--half-closing", "10%", "--drain", "1s")
                server.spool("verify", "--acks", str(acks))

    def test_a_client_that_reads_late_gets_every_reply(self):
        commands = 40000  # more replies than the sockets' buffers take: 10 MB and more
        octets = b"EHLO client.test\r\n" * commands + b"QUIT\r\n"
        sockets = new_folder("twin-status", parent=pathlib.Path("/tmp"))  # a socket's name must be short
        try:
            with Twin(self.TRIGGER, {"admin": {"socket": str(sockets / "admin.sock")}}) as server:
                with socket.create_connection(("127.0.0.1", server.port), 60) as client:
                    client.sendall(octets)
                    short = 0
                    deadline = time.monotonic() + 30
                    while short == 0 and time.monotonic() < deadline:
                        time.sleep(0.3)
                        status = server.ctl("status", "--config", str(server.config_path), "--json")
                        short = json.loads(status)["total"]["short_sends"]
                    self.assertGreater(short, 0, "no send fell short")
                    replies = bytearray()
                    while piece := client.recv(1 << 20):
                        replies += piece
        finally:
            shutil.rmtree(sockets)
        self.assertEqual(replies.count(b"\r\n250 "), commands)
        self.assertEqual(replies.count(b"\r\n221 "), 1)

    def test_large_messages_stay_within_the_budget(self):
        with Twin(self.TRIGGER, {"server": {"memory": "128MiB"}}) as server:
            self.load(server, "--mode", "pipelined", "--connections", "100", "--messages", "200", "--size", "5MiB")
            self.assertLess(server.memory_kib("VmHWM"), 128 * 1024)


@unittest.skipUnless((BIN / TWIN).exists(), "a build without the benchmarks")
class EdgeTriggered(Tests, TestCase):
    TRIGGER = "edge"


@unittest.skipUnless((BIN / TWIN).exists(), "a build without the benchmarks")
class LevelTriggered(Tests, TestCase):
    TRIGGER = "level"
