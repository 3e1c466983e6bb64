"""Real nats-server processes, and a tap that sees what is published: for the tests of the jetstream backend."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import driver
import harness

READY_S_MAX = 60
NODES = ("a", "b", "c")
NATS_SERVER = shutil.which("nats-server", path=os.environ.get("PATH", "") + ":/usr/sbin") or "nats-server"


def accepts(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as probe:
            return probe.recv(4) == b"INFO"
    except OSError:
        return False


class NatsServer:
    """One server, alone or a node of a cluster. Its store outlives kill() and start()."""

    def __init__(self, folder, name="one", routes=None, cluster_port=None, extra=""):
        self.folder = folder / name
        self.port = harness.free_port()
        self.process = None
        self.folder.mkdir(parents=True)
        self.log_path = self.folder / "server.log"
        cluster = ""
        if cluster_port:
            urls = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
            cluster = (f'cluster {{ name: "mail", listen: "127.0.0.1:{cluster_port}", routes: [{urls}] }}\n')
        self.config_path = self.folder / "nats.conf"
        self.config_path.write_text(
            f'server_name: "{name}"\nlisten: "127.0.0.1:{self.port}"\n'
            f'jetstream {{ store_dir: "{self.folder}/store", max_mem: 256MB, max_file: 8GB }}\n{cluster}{extra}\n')

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"

    def launch(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([NATS_SERVER, "-c", str(self.config_path)],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self):
        self.launch()
        deadline = time.monotonic() + READY_S_MAX
        while not accepts(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"nats-server does not serve:\n{self.log_path.read_text()[-3000:]}")
            time.sleep(0.02)
        return self

    def kill(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


class NatsCluster:
    """`count` servers; a context manager that leaves no process and no store behind. `extra` is added to their
    configuration, `login` to the command lines of ringmx-jetstream."""

    def __init__(self, count=1, extra="", login=()):
        self.count, self.extra, self.login = count, extra, login
        self.choose_ports()

    def choose_ports(self):
        self.folder = harness.new_folder("nats")
        if self.count == 1:
            self.nodes = [NatsServer(self.folder, extra=self.extra)]
            return
        ports = [harness.free_port() for _ in range(self.count)]
        self.nodes = [NatsServer(self.folder, name, ports, port, self.extra) for name, port in zip(NODES, ports)]

    def __enter__(self):
        for attempt in range(5):  # another program may take a port between the choice and the start
            try:
                self.start()
                return self
            except BaseException as error:
                self.remove()
                if attempt == 4 or not isinstance(error, AssertionError):
                    raise
                self.choose_ports()
        return self

    def __exit__(self, *_error):
        self.remove()

    def start(self):
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            deadline = time.monotonic() + READY_S_MAX
            while not accepts(node.port):
                if time.monotonic() > deadline or node.process.poll() is not None:
                    raise AssertionError(f"nats-server does not serve:\n{node.log_path.read_text()[-3000:]}")
                time.sleep(0.02)

    def kill(self):
        for node in self.nodes:
            node.kill()

    def remove(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def urls(self):
        return [node.url for node in self.nodes]

    def tool(self, *arguments, timeout_s=300):
        """Runs ringmx-jetstream; returns its standard output."""
        servers = [part for url in self.urls for part in ("--server", url)]
        done = subprocess.run([harness.program("ringmx-jetstream"), *servers, *self.login, *map(str, arguments)],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False,
                              env=driver.environment())
        if done.returncode != 0:
            raise AssertionError(f"ringmx-jetstream {arguments}: {done.returncode}\n{done.stderr.decode()}")
        return done.stdout

    def create(self, stream="MAIL", *arguments):
        self.tool("create", stream, "--wait", READY_S_MAX, *arguments)

    def info(self, stream="MAIL"):
        return json.loads(self.tool("info", stream))

    def leader(self, stream="MAIL"):
        """The node through which the stream's records go; None while the cluster elects, or does not say in time."""
        with socket.create_connection(("127.0.0.1", self.nodes[0].port), 30) as connection:
            connection.settimeout(10)
            connection.sendall(b'CONNECT {"verbose":false}\r\nSUB answer 1\r\n'
                               b"PUB $JS.API.STREAM.INFO." + stream.encode() + b" answer 0\r\n\r\n")
            file = connection.makefile("rb")
            try:
                while not (line := file.readline()).startswith(b"MSG "):
                    if not line:
                        return None
                answer = json.loads(file.read(int(line.split()[-1])))
            except TimeoutError:
                return None
        name = answer.get("cluster", {}).get("leader")
        return next((node for node in self.nodes if node.folder.name == name), None)

    def read(self, maildir, *arguments, stream="MAIL"):
        """Reads the stream to its end into a Maildir: {unit: octets}. No chunk may be left over."""
        self.tool("cat", stream, "--maildir", maildir, "--raw", "--until-empty", *arguments, timeout_s=600)
        if left := list((maildir / "tmp").iterdir()):
            raise AssertionError(f"left over: {left}")
        return {path.name.removesuffix(".ringmx"): path.read_bytes() for path in (maildir / "new").iterdir()}


class AckDropper(threading.Thread):
    """Stands between one client and a server, and drops the first `count` acknowledgements of a stream."""

    def __init__(self, port, count):
        super().__init__(daemon=True)
        self.dropped, self.count = 0, count
        self.server_port = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"nats://127.0.0.1:{self.listener.getsockname()[1]}"
        self.start()

    def run(self):
        self.client, _ = self.listener.accept()
        self.server = socket.create_connection(("127.0.0.1", self.server_port), 30)
        self.server.settimeout(None)
        upward = threading.Thread(target=self._copy_up, daemon=True)
        upward.start()
        file = self.server.makefile("rb")
        try:
            while line := file.readline():
                words = line.split()
                payload = file.read(int(words[-1]) + 2) if words[0] in (b"MSG", b"HMSG") else b""
                if self.dropped < self.count and payload.startswith(b'{"stream":') and b'"seq"' in payload:
                    self.dropped += 1
                    continue
                self.client.sendall(line + payload)
        except OSError:
            pass

    def _copy_up(self):
        try:
            while data := self.client.recv(1 << 16):
                self.server.sendall(data)
            self.server.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self):
        self.listener.close()
        self.join(30)
        self.client.close()
        self.server.close()


class Tap(threading.Thread):
    """A plain subscriber: `seen` gets (subject, headers as a list of pairs, payload) of everything published."""

    def __init__(self, port, subject=">"):
        super().__init__(daemon=True)
        self.seen = []
        self.connection = socket.create_connection(("127.0.0.1", port), 30)
        self.file = self.connection.makefile("rb")
        self.file.readline()  # INFO
        self.connection.sendall(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n'
                                b"SUB " + subject.encode() + b" 1\r\nPING\r\n")
        while self.file.readline().strip() != b"PONG":
            pass
        self.start()

    def run(self):
        try:
            while line := self.file.readline():
                words = line.split()
                if words[0] == b"PING":
                    self.connection.sendall(b"PONG\r\n")
                elif words[0] == b"HMSG":
                    header_octets, total = int(words[-2]), int(words[-1])
                    data = self.file.read(total + 2)[:-2]
                    headers = re.findall(rb"(?m)^([^:\r\n]+): ([^\r\n]*)\r\n", data[:header_octets])
                    self.seen.append((words[1].decode(), [(k.decode(), v.decode()) for k, v in headers],
                                      data[header_octets:]))
                elif words[0] == b"MSG":
                    self.file.read(int(words[-1]) + 2)
        except (OSError, ValueError):
            pass

    def close(self):
        self.connection.shutdown(socket.SHUT_RDWR)
        self.join()
        self.file.close()
        self.connection.close()
