"""Sockets that are passed in, and what is told to a service manager: this test is the service manager; where there is
systemd-socket-activate, that, too."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import unittest

from certificates import Authority
from harness import Server, TestCase, free_port, new_folder, program
from raw_client import RawClient

PATIENCE_S = 30
HEADER = b"Subject: test\r\n\r\n"


class Activated(Server):
    """A server with `sockets` ([(socket, name)]) from descriptor 3 on, and a socket for what it tells."""

    def __init__(self, overrides=None, sockets=(), environment=None):
        super().__init__(overrides)
        self.sockets, self.environment = list(sockets), dict(environment or {})
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(self.folder / "notify"))
        self.manager.settimeout(PATIENCE_S)
        self.told = []

    def launch(self):
        self.write_config()
        descriptors = [one.fileno() for one, _name in self.sockets]
        variables = {"NOTIFY_SOCKET": str(self.folder / "notify"), **self.environment}
        if descriptors:
            variables |= {"LISTEN_FDS": str(len(descriptors)), "LISTEN_FDNAMES": ":".join(name for _s, name in self.sockets)}

        def in_the_child():
            copies = [os.dup(fd) for fd in descriptors]  # so that none stands where another belongs
            spare = [os.dup(fd) for fd in copies]
            while spare and min(spare) < 3 + len(copies):
                spare = [os.dup(fd) for fd in spare]
            for place, fd in enumerate(spare, 3):
                os.dup2(fd, place)
            for name, value in variables.items():
                os.putenv(name, value)
            if descriptors:
                os.putenv("LISTEN_PID", str(os.getpid()))

        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([program("ringmx"), "serve", "--config", str(self.config_path)],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=in_the_child,
                                            close_fds=False)  # Python's own are closed by exec

    def wait_told(self, wanted):
        """Reads until a message has the assignment `wanted`; returns that message as a dictionary."""
        while True:
            assignments = dict(line.split("=", 1) for line in self.manager.recv(4096).decode().splitlines())
            self.told.append(assignments)
            name, value = wanted.split("=")
            if assignments.get(name) == value:
                return assignments

    def remove(self):
        self.manager.close()
        for one, _name in self.sockets:
            one.close()
        super().remove()


def listening(address="127.0.0.1", nonblocking=True):
    one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    one.bind((address, 0))
    one.listen(16)
    one.setblocking(not nonblocking)
    return one


class Activation(TestCase):
    def test_sockets_are_taken_by_their_names_and_every_core_accepts(self):
        folder = new_folder("systemd")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        authority = Authority(folder)
        plain, six, tls = listening(), listening("::1"), listening()
        overrides = {"server": {"listen": ["127.0.0.1:1"]}, "tls": {"certificates": [authority.entry("mx")]},
                     "admin": {"socket": str(folder / "s")}}
        server = Activated(overrides, [(plain, "smtp"), (tls, "tls"), (six, "unknown")])
        server.port = plain.getsockname()[1]
        with server:
            told = server.wait_told("READY=1")
            def cores():
                return json.loads(server.ctl("status", "--json", "--socket", str(folder / "s")))["cores"]
            # The sockets have O_NONBLOCK, as those of systemd: accepts over io_uring wait all the same, and no core is busy.
            before = cores()
            time.sleep(0.5)
            for idle, now in zip(before, cores(), strict=True):
                self.assertLess(now["loops"] - idle["loops"], 200)
            self.assertIn(f"127.0.0.1:{server.port} [::1]:{six.getsockname()[1]} 127.0.0.1:{tls.getsockname()[1]}",
                          told["STATUS"])
            for _ in range(200):
                with RawClient(server.port) as client:
                    client.expect(220)
                    client.quit()
            with socket.create_connection(("::1", six.getsockname()[1]), 10) as client:
                self.assertEqual(client.recv(3), b"220")
            subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{tls.getsockname()[1]}", "-verify_return_error",
                            "-CAfile", str(authority.certificate)], input=b"QUIT\r\n", check=True, capture_output=True,
                           timeout=60)
            self.assertEqual(len(cores()), 2)
            for core in cores():
                self.assertGreater(core["connections_accepted"], 20)

    def test_who_connects_between_two_servers_waits(self):
        # The sockets are the manager's: they outlive the server.
        kept = listening()
        port = kept.getsockname()[1]
        first = Activated({}, [(kept, "smtp")])
        first.port = port
        first.start()
        first.stop()
        with RawClient(port) as waiting:
            second = Activated({}, [(kept, "smtp")])
            second.port = port
            try:
                second.start()
                waiting.greet()
                waiting.deliver(HEADER)
                waiting.quit()
                self.assertEqual(len(second.stored()), 1)
                second.stop()
            finally:
                second.kill()
                second.remove()
        first.remove()

    def test_what_is_no_listening_socket_is_refused(self):
        for wrong in (socket.socket(), socket.socket(type=socket.SOCK_DGRAM), socket.socket(socket.AF_UNIX)):
            server = Activated({}, [(wrong, "smtp")])
            server.launch()
            try:
                self.assertEqual(server.wait(), 78)
                self.assertIn("descriptor 3", server.log())
            finally:
                server.kill()
                server.remove()

    def test_a_tls_socket_needs_a_certificate(self):
        server = Activated({}, [(listening(), "smtps")])
        server.launch()
        try:
            self.assertEqual(server.wait(), 78)
            self.assertIn("tls.certificates", server.log())
        finally:
            server.kill()
            server.remove()

    @unittest.skipUnless(shutil.which("systemd-socket-activate"), "there is no systemd-socket-activate")
    def test_systemd_socket_activate(self):
        port = free_port()
        server = Server()
        server.port = port
        server.write_config()
        with open(server.log_path, "ab") as log:
            server.process = subprocess.Popen(
                ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", "--fdname=smtp", program("ringmx"), "serve", "--config",
                 str(server.config_path)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + PATIENCE_S
            while True:  # it starts the server with the first connection, which waits for it
                try:
                    client = RawClient(port)
                    break
                except ConnectionRefusedError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)
            with client:
                client.greet()
                client.deliver(HEADER)
                client.quit()
            self.assertEqual(len(server.stored()), 1)
            server.stop()
        finally:
            server.kill()
            server.remove()


class Telling(TestCase):
    def test_ready_reloading_stopping(self):
        with Activated() as server:
            told = server.wait_told("READY=1")
            self.assertIn(f"127.0.0.1:{server.port}", told["STATUS"])
            before_us = time.monotonic_ns() // 1000
            server.process.send_signal(signal.SIGHUP)
            told = server.wait_told("RELOADING=1")
            self.assertLessEqual(before_us, int(told["MONOTONIC_USEC"]))
            self.assertLessEqual(int(told["MONOTONIC_USEC"]), time.monotonic_ns() // 1000)
            server.wait_told("READY=1")
            server.terminate()
            told = server.wait_told("STOPPING=1")
            self.assertGreaterEqual(int(told["EXTEND_TIMEOUT_USEC"]), 20_000_000)
            self.assertEqual(server.wait(), 0)

    def test_ready_again_means_that_the_certificates_are_loaded(self):
        folder = new_folder("systemd")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        authority = Authority(folder)
        overrides = {"tls": {"certificates": [authority.entry("mx")], "check_interval": 3600},
                     "admin": {"socket": str(folder / "s")}}
        with Activated(overrides) as server:
            server.wait_told("READY=1")
            for count in (1, 2):
                server.process.send_signal(signal.SIGHUP)
                server.wait_told("RELOADING=1")
                server.wait_told("READY=1")
                total = json.loads(server.ctl("status", "--json", "--socket", str(folder / "s")))["total"]
                self.assertEqual(total["tls_reloads"], count)

    def test_watchdog(self):
        with Activated(environment={"WATCHDOG_USEC": "400000"}) as server:
            server.wait_told("READY=1")
            for _ in range(3):
                server.wait_told("WATCHDOG=1")

    def test_without_a_manager_nothing_is_told(self):
        with Activated(environment={"NOTIFY_SOCKET": "/nonexistent/socket", "WATCHDOG_USEC": "1"}) as server:
            with RawClient(server.port) as client:
                client.greet()
                client.quit()
            self.assertEqual(server.told, [])
