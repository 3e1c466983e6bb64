"""A real HAProxy in front: one frontend for each way to reach the server, and what it thinks of the server's health."""

import csv
import io
import shutil
import socket
import subprocess
import time

from harness import free_port, new_folder

READY_S_MAX = 30


class Haproxy:
    """`ways` is {name: (bind options, server address, server options, backend lines)}; a context manager. `ports[name]` is where
    it listens. `ipv6`: also on ::1."""

    def __init__(self, ways, ipv6=True):
        self.folder = new_folder("haproxy")
        self.ports = {name: free_port() for name in ways}
        self.socket_path = self.folder / "stats"
        lines = ["global", f"    stats socket {self.socket_path} mode 600 level admin", "    ssl-server-verify none",
                 "defaults", "    mode tcp", "    timeout connect 10s", "    timeout client 60s", "    timeout server 60s",
                 "    timeout check 10s"]  # else a check has as long as it is away from the next
        for name, (bind, address, options, backend) in ways.items():
            lines += [f"listen {name}", f"    bind 127.0.0.1:{self.ports[name]} {bind}"]
            if ipv6:
                lines += [f"    bind [::1]:{self.ports[name]} {bind}"]
            lines += [f"    {line}" for line in backend] + [f"    server mx {address} {options}"]
        self.config_path = self.folder / "haproxy.cfg"
        self.config_path.write_text("\n".join(lines) + "\n")
        self.process = None

    def __enter__(self):
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(["/usr/sbin/haproxy", "-db", "-f", str(self.config_path)],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            self._wait_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def output(self):
        return (self.folder / "log").read_text(errors="replace")

    def _wait_ready(self):
        deadline = time.monotonic() + READY_S_MAX
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"haproxy ended with {self.process.returncode}: {self.output()}")
            try:
                self.servers()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"haproxy does not answer: {self.output()}")

    def command(self, text):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(READY_S_MAX)
            client.connect(str(self.socket_path))
            client.sendall(text.encode() + b"\n")
            octets = b""
            while more := client.recv(65536):
                octets += more
        return octets.decode()

    def servers(self):
        """{name of the way: what HAProxy knows of its server}. `check_status` is that of the last check that ended: HAProxy marks
        it with an asterisk while the next one is under way."""
        rows = csv.DictReader(io.StringIO(self.command("show stat").lstrip("# ")))
        return {row["pxname"]: {**row, "check_status": row["check_status"].removeprefix("* ")}
                for row in rows if row["svname"] == "mx"}
