"""Thousands of scripted SMTP clients in one thread, on epoll.

A script is a generator. It yields one step at a time and is resumed with the step's result:

    code, text = yield Reply()            the next whole reply
    early = yield Send(octets, ...)       sent, in pieces if asked; an early 4xx or 5xx reply ends it and is returned
    yield Wait(seconds)                   nothing but time
    yield Gate("name")                    until the test opens the gate

What the script returns is the client's result; a broken connection is the result ("broken", reason).
"""

import dataclasses
import heapq
import selectors
import socket
import time

SOURCES = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")  # one address has 28,000 ephemeral ports


@dataclasses.dataclass
class Reply:
    pass


@dataclasses.dataclass
class Send:
    octets: bytes
    piece: int = 0        # 0: all that the socket takes
    interval_s: float = 0


@dataclasses.dataclass
class Wait:
    seconds: float


@dataclasses.dataclass
class Gate:
    name: str


def one_message(body, piece, interval_s):
    """A script: one message. Returns the code that decided over it: 250, or the first 4xx or 5xx."""
    for octets, wanted in ((None, 220), (b"EHLO client.test\r\n", 250), (b"MAIL FROM:<a@client.test>\r\n", 250),
                           (b"RCPT TO:<user@example.com>\r\n", 250), (b"DATA\r\n", 354)):
        if octets:
            yield Send(octets)
        code, _ = yield Reply()
        if code != wanted:
            return code
    early = yield Send(body, piece, interval_s)
    code, _ = early or (yield Reply())
    return code


class Client:
    __slots__ = ("fleet", "socket", "script", "step", "view", "sent", "buffer", "result", "events", "piece_left")

    def __init__(self, fleet, script, address, source):
        self.fleet = fleet
        self.script = script
        self.step = None
        self.buffer = b""
        self.result = None
        self.socket = socket.socket()
        self.socket.setblocking(False)
        if source != "127.0.0.1":
            self.socket.setsockopt(socket.SOL_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: ports are shared between pairs
            self.socket.bind((source, 0))
        self.socket.connect_ex(address)
        self.events = selectors.EVENT_READ
        fleet.selector.register(self.socket, self.events, self)
        self.advance(None)

    def watch(self, events):
        if events != self.events:
            self.events = events
            self.fleet.selector.modify(self.socket, events, self)

    def finish(self, result):
        if self.result is None:
            self.result = result
            self.fleet.open -= 1
            self.fleet.selector.unregister(self.socket)
            self.socket.close()

    def advance(self, value):
        """Resumes the script with the result of its step, until it has to wait for something."""
        while self.result is None:
            try:
                self.step = self.script.send(value)
            except StopIteration as end:
                self.finish(end.value)
                return
            if isinstance(self.step, Reply):
                value = self.take_reply()
                if value is None:
                    return
            elif isinstance(self.step, Send):
                self.view = memoryview(self.step.octets)
                self.sent = 0
                self.next_piece()
                return
            elif isinstance(self.step, Wait):
                self.fleet.after(self.step.seconds, self, self.step)
                return
            else:
                self.fleet.gates.setdefault(self.step.name, []).append(self)
                return

    def take_reply(self):
        """The next whole reply in the buffer, or None."""
        at = 0
        while (end := self.buffer.find(b"\n", at)) >= 0:
            if self.buffer[at + 3:at + 4] != b"-":
                reply, self.buffer = self.buffer[:end + 1], self.buffer[end + 1:]
                return int(reply[:3]), reply.decode()
            at = end + 1
        return None

    def next_piece(self):
        self.piece_left = self.step.piece or len(self.view)
        self.watch(selectors.EVENT_READ | selectors.EVENT_WRITE)

    def on_timer(self, step):
        if self.result is not None or step is not self.step:
            return
        if isinstance(step, Wait):
            self.advance(None)
        else:
            self.next_piece()

    def on_event(self, mask):
        try:
            if mask & selectors.EVENT_READ:
                octets = self.socket.recv(65536)
                if not octets:
                    self.finish(("broken", f"closed in {self.step} after {self.buffer!r}"[:300]))
                    return
                self.buffer += octets
                self.fleet.octets += len(octets)
                self.on_input()
            if mask & selectors.EVENT_WRITE and self.result is None and self.events & selectors.EVENT_WRITE:
                self.on_room()
        except BlockingIOError:
            pass
        except OSError as error:
            self.finish(("broken", f"{error} in {type(self.step).__name__}"))

    def on_input(self):
        if isinstance(self.step, Reply):
            reply = self.take_reply()
            if reply is not None:
                self.advance(reply)
        elif isinstance(self.step, Send) and self.buffer[:1] in (b"4", b"5"):
            reply = self.take_reply()
            if reply is not None:
                self.watch(selectors.EVENT_READ)
                self.advance(reply)

    def on_room(self):
        size = min(self.piece_left, len(self.view) - self.sent, 1 << 18)
        done = self.socket.send(self.view[self.sent:self.sent + size])
        self.sent += done
        self.fleet.octets += done
        self.piece_left -= done
        if self.sent == len(self.view):
            self.watch(selectors.EVENT_READ)
            self.advance(None)
        elif self.piece_left == 0:
            if self.step.interval_s:
                self.watch(selectors.EVENT_READ)
                self.fleet.after(self.step.interval_s, self, self.step)
            else:
                self.piece_left = self.step.piece


class Fleet:
    def __init__(self, port):
        self.address = ("127.0.0.1", port)
        self.selector = selectors.EpollSelector()
        self.clients = []
        self.timers = []
        self.gates = {}
        self.open = 0
        self.octets = 0  # sent and received, by all
        self.count = 0

    def add(self, script):
        source = SOURCES[len(self.clients) % len(SOURCES)]
        self.open += 1
        self.clients.append(Client(self, script, self.address, source))

    def after(self, seconds, client, step):
        self.count += 1
        heapq.heappush(self.timers, (time.monotonic() + seconds, self.count, client, step))

    def waiting_at(self, gate):
        return sum(client.result is None for client in self.gates.get(gate, ()))

    def open_gate(self, gate):
        for client in self.gates.pop(gate, ()):
            client.advance(None)

    def poll(self, timeout_s=0.1):
        now = time.monotonic()
        while self.timers and self.timers[0][0] <= now:
            _, _, client, step = heapq.heappop(self.timers)
            client.on_timer(step)
        if self.timers:
            timeout_s = max(0, min(timeout_s, self.timers[0][0] - now))
        for key, mask in self.selector.select(timeout_s):
            key.data.on_event(mask)

    def run_until(self, condition, limit_s):
        """Polls until condition() holds; returns whether it did in time."""
        deadline = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.poll()
        return True

    def run_to_end(self, standstill_s):
        """Until every client has its result; False: for so long not an octet has moved. However slow the machine is."""
        while self.open > 0:
            octets = self.octets
            if not self.run_until(lambda: self.open == 0, standstill_s) and self.octets == octets:
                return False
        return True

    def results(self):
        return [client.result for client in self.clients]

    def close(self):
        for client in self.clients:
            client.finish(("broken", "given up"))
        self.selector.close()
