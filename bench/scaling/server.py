"""ringmx as bench/scale runs it: with its status socket, and with what the part under measurement needs of it."""

import json
import os
import pathlib
import resource
import subprocess

from comparison.common import Failed
from comparison.peers import ringmx
from comparison.peers.base import Launch, Place

FILES_MAX = 260_000      # descriptors, for the server and the generators: 100,000 connections and then some


class Scaled(ringmx.Spool):
    title = "ringmx"

    def __init__(self, backend="spool", cores=1, memory="1GiB", segment="64MiB"):
        self.name = f"scale-{backend}"
        self.backend, self.cores, self.memory, self.segment = backend, cores, memory, segment

    def launch(self, place):
        path = place.folder / "ringmx.toml"
        path.write_text(f"""[server]
hostname = "bench.example.com"
listen = ["127.0.0.1:{place.port}"]
cores = {self.cores}
memory = "{self.memory}"

[accept]
domains = ["*"]

[storage]
backend = "{self.backend}"

[storage.spool]
path = "{place.folder}/spool"
segment_size = "{self.segment}"

[log]
transactions = "{place.log}"
path = "{place.folder}/ringmx.log"

[admin]
socket = "{place.folder}/socket"
""")
        return Launch([place.bin / "ringmx", "serve", "--config", path])


def counters(place):
    """Those of all cores together."""
    out = subprocess.run([place.bin / "ringmxctl", "status", "--json", "--config", place.folder / "ringmx.toml"],
                         stdout=subprocess.PIPE, check=False)
    if out.returncode != 0:
        raise Failed("ringmxctl status does not answer")
    return json.loads(out.stdout)["total"]


def resident_bytes(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def raise_file_limit():
    """For this process and all that it starts."""
    wanted = min(FILES_MAX, int(pathlib.Path("/proc/sys/fs/nr_open").read_text()))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def place_in(folder, options, port, log="none"):
    pathlib.Path(folder).chmod(0o755)
    return Place(pathlib.Path(folder), port, options.bin, options.work, log)
