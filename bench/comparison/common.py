"""What every part of the comparison shares: where things are, how a run fails, and the ends of a run that are not an error."""

import pathlib
import signal
import socket

ROOT = pathlib.Path(__file__).resolve().parents[2]
SMTP_SOURCE = pathlib.Path("/usr/sbin/smtp-source")
SMTP_SINK = pathlib.Path("/usr/sbin/smtp-sink")
SENDER, RECIPIENT = "sender@example.net", "recipient@example.com"
DOMAIN = "example.com"


class Failed(Exception):
    """A measurement cannot be trusted or cannot go on; the text says why."""


class NotStarted(Failed):
    """A server does not run here at all."""


class Interrupted(BaseException):
    """Somebody wants the run to end: Ctrl-C, SIGTERM, SIGHUP."""

    def __init__(self, number):
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def end_on_signals():
    """The first signal ends the run in order; later ones do not disturb the cleaning up."""
    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(number, _frame):
        for each in ends:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    for each in ends:
        signal.signal(each, interrupt)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def size_text(octets):
    """1024 as "1 KiB"."""
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if octets >= unit and octets % unit == 0:
            return f"{octets // unit} {name}"
    return f"{octets} octets"
