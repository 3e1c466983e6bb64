"""ringmx-load under test: runs of it, its own sink, and a server that answers, and misbehaves, on request."""

import contextlib
import json
import shutil
import socket
import socketserver
import subprocess
import threading
import time

from harness import COMPLAINTS, READY_S_MAX, TestCase, free_port, new_folder, program

LOAD_S_MAX = 300


class Run:
    def __init__(self, code, output, folder):
        self.code, self.output = code, output
        path = folder / "load.json"
        self.json = json.loads(path.read_text()) if path.exists() else None

    def __getattr__(self, name):
        return self.json[name]


def load(port, *arguments, host="127.0.0.1", folder=None):
    """Runs a load to its end. The exit code, what it printed, and its JSON."""
    own = folder or new_folder("load")
    result = subprocess.run([program("ringmx-load"), f"{host}:{port}", "--json", str(own / "load.json"), *arguments],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            timeout=LOAD_S_MAX, check=False)
    for complaint in COMPLAINTS:
        if complaint in result.stdout:
            raise AssertionError(f"sanitizer:\n{result.stdout[result.stdout.index(complaint):][:6000]}")
    run = Run(result.returncode, result.stdout, own)
    if folder is None:
        shutil.rmtree(own)
    return run


def wait_for_banner(port, process):
    deadline = time.monotonic() + READY_S_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as probe:
            if probe.recv(4).startswith(b"220"):
                return
        time.sleep(0.02)
    raise AssertionError(f"no 220 within {READY_S_MAX} s")


@contextlib.contextmanager
def serving(*command):
    """A server program; {port} in its arguments is a free port. Yields the port and the process."""
    port = free_port()
    process = subprocess.Popen([word.format(port=port) for word in command], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_banner(port, process)
        yield port, process
    finally:
        process.kill()
        process.wait()


def sink():
    return serving(program("ringmx-load"), "sink", "--listen", "127.0.0.1:{port}")


class ScriptedHandler(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.peers.append(self.client_address[0])
        with contextlib.suppress(OSError):
            if not self.server.implicit or self.secure():
                self.talk(self.server.replies)

    def secure(self):
        """The server's side of the handshake, or what the test has in its place. False: the connection is over."""
        self.server.handshakes += 1
        context = self.server.tls(self, self.server.handshakes) if callable(self.server.tls) else self.server.tls
        if context is None:
            return False
        self.connection = context.wrap_socket(self.request, server_side=True)
        self.server.resumed += self.connection.session_reused
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        return True

    def count_plaintext(self):
        """What came behind STARTTLS before its reply."""
        time.sleep(0.05)
        with contextlib.suppress(BlockingIOError):
            self.server.plaintext += self.request.recv(1000, socket.MSG_PEEK | socket.MSG_DONTWAIT)

    def say(self, text):
        self.wfile.write(text.encode())

    def talk(self, replies):
        self.say(replies.get("BANNER", "220-first line\r\n220 test ESMTP\r\n"))
        while line := self.rfile.readline():
            verb = line.split()[0].upper().decode() if line.split() else ""
            if verb == "RCPT":
                self.server.recipients.append(line.split(b"<")[1].split(b">")[0].decode())
            self.server.seen[verb] = self.server.seen.get(verb, 0) + 1
            if verb == "BDAT":
                self.rfile.read(int(line.split()[1]))
            reply = replies.get(verb, {"EHLO": "250-test\r\n250 SIZE 0\r\n", "DATA": "354 go\r\n",
                                       "QUIT": "221 bye\r\n", "STARTTLS": "220 go\r\n"}.get(verb, "250 OK\r\n"))
            if callable(reply):
                reply = reply(self.server.seen[verb])
            if reply is None:
                return
            if verb == "STARTTLS":
                self.count_plaintext()
            self.say(reply)
            if verb == "QUIT":
                return
            if verb == "STARTTLS" and reply.startswith("220"):
                if not self.secure():
                    return
                continue
            if reply.startswith("354"):
                while (data := self.rfile.readline()) not in (b".\r\n", b""):
                    pass
                if data == b"":
                    return
                self.server.seen["."] = self.server.seen.get(".", 0) + 1
                reply = replies.get(".", "250 stored\r\n")
                self.say(reply(self.server.seen["."]) if callable(reply) else reply)


@contextlib.contextmanager
def scripted(tls=None, implicit=False, **replies):
    """A server that says what it is told: VERB="reply" (a function gets how often the verb was seen).

    `tls`: the server's ssl.SSLContext, or a function that gets handler and number of the handshake, and returns one, or
    does something else and returns None. It is used behind STARTTLS, or at once with `implicit`.
    """

    class Threading(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        request_queue_size = 100

    with Threading(("127.0.0.1", 0), ScriptedHandler) as server:
        server.replies = {("." if verb == "FINAL" else verb): reply for verb, reply in replies.items()}
        server.seen = {}
        server.tls, server.implicit = tls, implicit
        server.handshakes = server.resumed = 0
        server.plaintext = b""  # behind STARTTLS
        server.peers, server.recipients = [], []
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1], server
        finally:
            server.shutdown()
            thread.join()


class LoadTestCase(TestCase):
    def assert_all_acknowledged(self, run, messages):
        self.assertEqual(run.code, 0, run.output)
        self.assertEqual(run.messages["acknowledged"], messages, run.output)
        self.assertEqual(run.errors, {}, run.output)
