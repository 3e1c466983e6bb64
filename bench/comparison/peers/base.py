"""What a server of the comparison is to the rest of it."""

import dataclasses
import os
import pathlib

from ..common import Failed


@dataclasses.dataclass
class Place:
    """Where one run of a server happens. `folder` is its own and empty, on the disk that is measured."""
    folder: pathlib.Path
    port: int
    bin: pathlib.Path          # ringmx's programs
    downloads: pathlib.Path    # what bench/compare fetched: debian/NAME, npm
    log: str = "all"           # ringmx's log.transactions


@dataclasses.dataclass
class Launch:
    command: list
    environment: dict = dataclasses.field(default_factory=dict)


class Server:
    """Constants that describe a server, and what it needs to run."""
    name = ""                  # on the command line
    title = ""                 # in tables
    stores = "nothing"         # in tables, short
    promise = ""               # what it has done when it says 250
    setup = ""                 # its configuration, in a sentence or two
    variant = False            # another way to set up one that is there, too: not in every plot
    pace = 1.0                 # share of the messages that the fastest get: what fits its speed
    warm_up = 0.1              # before the clock is read: a share of the messages of a round
    sessions_max = 1000        # connections that it can be sent at once
    chunking = False           # takes BDAT (RFC 3030)
    needs_root = False
    log_files = ()             # below its folder, for error reports

    def launch(self, place):
        """Writes its files below place.folder; the command that starts it in the foreground."""
        raise NotImplementedError

    def missing(self, place):
        """Why it cannot run here, or None."""
        for program in self.programs(place):
            if not os.access(program, os.X_OK if program.suffix not in (".so", ".js", ".py") else os.R_OK):
                return f"{program.name} is missing"
        return None

    def programs(self, _place):
        return ()

    def version(self, _place):
        return ""

    def kept(self, _place):
        """How many messages its folder holds now, or None if it keeps none."""
        return None

    def check(self, running, least, most=None):
        """Everything that was acknowledged is there: between `least` and `most` messages (`least` alone: exactly)."""
        kept = self.kept(running.place)
        most = least if most is None else most
        if kept is not None and not least <= kept <= most:
            raise Failed(f"{least} messages were acknowledged, {self.title} holds {kept}")


def files_below(folder, pattern="*"):
    return sum(1 for path in folder.rglob(pattern) if path.is_file())
