"""The yardsticks: ringmx-load's sink, and Postfix's smtp-sink."""

import os
import subprocess

from ..common import SMTP_SINK
from .base import Launch, Server


class Floor(Server):
    name = "floor"
    title = "floor"
    promise = "nothing: looks at the first letter of each line, searches mail data for its end, answers"
    setup = "`ringmx-load sink`: one thread, one io_uring"
    chunking = True

    def programs(self, place):
        return (place.bin / "ringmx-load",)

    def launch(self, place):
        return Launch([place.bin / "ringmx-load", "sink", "--listen", f"127.0.0.1:{place.port}"])


class DurableFloor(Floor):
    name = "durable-floor"
    title = "floor, durable"
    stores = "bodies, synced"
    promise = "wrote the body into a file that is overwritten round and round (`O_DIRECT`, `RWF_DSYNC`): no format, no recovery"
    setup = "`ringmx-load sink --durable`: the same, with two batches in flight"

    def launch(self, place):
        return Launch([*super().launch(place).command, "--durable", place.folder / "bodies"])


class SmtpSink(Server):
    name = "smtp-sink"
    title = "smtp-sink"
    promise = "nothing: parses commands, throws the mail away"
    setup = "as it comes; a test server, one process"

    def programs(self, _place):
        return (SMTP_SINK,)

    def version(self, _place):
        return subprocess.run(["dpkg-query", "-W", "-f", "Postfix ${Version}", "postfix"], capture_output=True,
                              text=True, check=False).stdout

    def launch(self, place):
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        return Launch([SMTP_SINK, *user, f"127.0.0.1:{place.port}", "1000"])
