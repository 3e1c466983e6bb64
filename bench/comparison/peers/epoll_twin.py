"""The epoll twin: ringmx's own session, messages, policy, storage and log over epoll in place of io_uring."""

from .base import Launch
from .ringmx import Discard, Spool


def twin(place, launch, trigger):
    """The twin with the configuration that `launch` has written."""
    return Launch([place.bin / "ringmx-epoll-twin", "--trigger", trigger, "--config", launch.command[-1]])


class EpollDiscard(Discard):
    name = "epoll-discard"
    title = "epoll twin, discard"
    variant = True
    trigger = "edge"
    setup = "`bench/epoll_twin`, edge-triggered: ringmx with another kind of I/O"

    def programs(self, place):
        return (*super().programs(place), place.bin / "ringmx-epoll-twin")

    def launch(self, place):
        return twin(place, super().launch(place), self.trigger)


class EpollDiscardLevel(EpollDiscard):
    name = "epoll-discard-level"
    title = "epoll twin, discard, level-triggered"
    trigger = "level"
    setup = "the same, level-triggered"


class EpollSpool(Spool):
    name = "epoll-spool"
    title = "epoll twin, spool"
    variant = True
    setup = "the same with the spool, whose writes go over a ring that epoll waits for"

    def programs(self, place):
        return (*super().programs(place), place.bin / "ringmx-epoll-twin")

    def launch(self, place):
        return twin(place, super().launch(place), "edge")
