"""All servers of the comparison, in the order in which tables show them."""

from .peers.epoll_twin import EpollDiscard, EpollDiscardLevel, EpollSpool
from .peers.exim import Exim
from .peers.floor import DurableFloor, Floor, SmtpSink
from .peers.opensmtpd import OpenSmtpd
from .peers.postfix import Postfix
from .peers.ringmx import Discard, DiscardPlugin, DiscardWorker, Maildir, Spool, SpoolWorker
from .peers.scripted import Aiosmtpd, Haraka, SmtpServer

SERVERS = {server.name: server for server in (
    Floor(), DurableFloor(), Discard(), DiscardWorker(), DiscardPlugin(), EpollDiscard(), EpollDiscardLevel(),
    Spool(), SpoolWorker(), EpollSpool(), Maildir(), SmtpSink(), SmtpServer(), Aiosmtpd(), Haraka(),
    OpenSmtpd(), Postfix(), Exim())}

RINGMX = tuple(name for name in SERVERS if name.split("-")[0] in ("discard", "spool", "maildir"))
