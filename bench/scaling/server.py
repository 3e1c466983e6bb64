"""ringmx as bench/scale runs it: with its status socket, and with what the part under measurement needs of it."""

import json
import os
import pathlib
import resource
import subprocess

from comparison.common import Failed
from comparison.peers import ringmx
from comparison.peers.base import Place

FILES_SPARE = 1_000      # descriptors that are not connections
FILES_MAX = 260_000      # descriptors, for the server and the generators: 100,000 connections and then some


class Scaled(ringmx.Spool):
    title = "ringmx"

    def __init__(self, backend="spool", cores=1, memory="1GiB", segment="64MiB"):
        self.name = f"scale-{backend}"
        self.backend, self.cores, self.memory, self.segment = backend, cores, memory, segment

    def sections(self, place):
        sections = super().sections(place)
        sections["server"] |= {"cores": self.cores, "memory": self.memory}
        sections["storage.spool"] |= {"segment_size": self.segment}
        return sections | {"admin": {"socket": f"{place.folder}/socket"}}


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


def most_connections():
    """What the limit on open files leaves of them, to the server and to the generator."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] - FILES_SPARE


def place_in(folder, options, port, log=None):
    pathlib.Path(folder).chmod(0o755)
    return Place(pathlib.Path(folder), port, options.bin, options.work, log or options.log)
