"""ringmx with each of its storage backends that need nothing but this machine, on the core and behind a worker."""

import json
import subprocess

from ..common import Failed
from .base import Launch, Server


def toml(sections):
    """What is in them, numbers, strings and lists, is written in TOML as in JSON."""
    return "\n".join(f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
                     for name, keys in sections.items())


class Ringmx(Server):
    backend = ""
    host = "auto"              # storage.host
    chunking = True

    def programs(self, place):
        return (place.bin / "ringmx",)

    def version(self, place):
        """What the measured program says of itself: it may be older than the checkout."""
        output = subprocess.run([place.bin / "ringmx", "--version"], capture_output=True, text=True, check=True)
        return output.stdout.splitlines()[0]

    def sections(self, place):
        """Its configuration: {section: {key: value}}."""
        return {
            "server": {"hostname": "bench.example.com", "listen": [f"127.0.0.1:{place.port}"], "cores": 1},
            "accept": {"domains": ["*"]},
            "storage": {"backend": self.backend, "host": self.host},
            "storage.spool": {"path": f"{place.folder}/spool"},
            "storage.maildir": {"path": f"{place.folder}/maildir"},
            "log": {"transactions": place.log, "path": f"{place.folder}/ringmx.log"},
        }

    def launch(self, place):
        path = place.folder / "ringmx.toml"
        path.write_text(toml(self.sections(place)))
        return Launch([place.bin / "ringmx", "serve", "--config", path])

    def check(self, running, least, most=None):
        if (code := running.stop()) != 0:
            raise Failed(f"ringmx ended with {code} after SIGTERM:\n{running.output()}")
        super().check(running, least, most)


class Discard(Ringmx):
    name = "discard"
    title = "ringmx, discard"
    backend = "discard"
    promise = "nothing: the whole protocol, and a backend that keeps nothing"
    setup = "one core, the backend on the core's own thread; a log line for each transaction, as in all that follow"


class DiscardWorker(Discard):
    name = "discard-worker"
    title = "ringmx, discard, worker"
    variant = True
    host = "worker"
    promise = "nothing; the message went to a storage worker and back"
    setup = 'the same with `storage.host = "worker"`: two threads on one CPU'


class DiscardPlugin(Ringmx):
    name = "discard-plugin"
    title = "ringmx, discard, plugin"
    variant = True
    backend = "plugin"
    promise = "nothing; the message went through the plugin interface"
    setup = "`bench/plugins/discard_plugin.cpp`, which answers stored at once; plugins run on a worker"

    @staticmethod
    def library(place):
        return place.bin.parent / "lib/ringmx-bench/discard.so"

    def programs(self, place):
        return (*super().programs(place), self.library(place))

    def sections(self, place):
        return super().sections(place) | {"storage.plugin": {"path": str(self.library(place))}}


class Spool(Ringmx):
    name = "spool"
    title = "ringmx, spool"
    backend = "spool"
    stores = "mail, synced"
    promise = "wrote envelope and mail into its log, with checksums, and synced them (`O_DIRECT`, `RWF_DSYNC`)"
    setup = "one core, the spool on the core's own thread"

    def programs(self, place):
        return (*super().programs(place), place.bin / "ringmxctl")

    def check(self, running, least, most=None):
        """The spool holds exactly what was acknowledged, all different, and every checksum in it is right."""
        super().check(running, least, most)
        verify = self.ctl(running.place, "verify")
        if verify.returncode != 0:
            raise Failed(f"ringmxctl spool verify ended with {verify.returncode}:\n{verify.stdout.decode()[-2000:]}")

    @staticmethod
    def ctl(place, *arguments):
        return subprocess.run([place.bin / "ringmxctl", "spool", *arguments, "--path", place.folder / "spool"],
                              stdout=subprocess.PIPE, check=False)

    def kept(self, place):
        listing = self.ctl(place, "ls", "--json")
        if listing.returncode != 0:
            raise Failed(f"ringmxctl spool ls ended with {listing.returncode}")
        try:
            ids = [json.loads(line)["id"] for line in listing.stdout.splitlines()]
        except (ValueError, KeyError) as error:
            raise Failed(f"ringmxctl spool ls --json: a line without an id: {error!r}") from error
        if len(set(ids)) != len(ids):
            raise Failed(f"the spool lists {len(ids)} messages, but only {len(set(ids))} different ones")
        return len(ids)


class SpoolWorker(Spool):
    name = "spool-worker"
    title = "ringmx, spool, worker"
    variant = True
    host = "worker"
    setup = 'the same with `storage.host = "worker"`: two threads on one CPU'


class Maildir(Ringmx):
    name = "maildir"
    title = "ringmx, maildir"
    backend = "maildir"
    stores = "a file each, synced"
    promise = "wrote a file, and synced it and the folder (one sync for the folder for many messages)"
    setup = "one core, and the worker that the backend runs on"
    pace = 0.1

    def kept(self, place):
        return sum(1 for _ in (place.folder / "maildir/new").iterdir())
