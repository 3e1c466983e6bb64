"""Ten thousand connections at once: some idle, some one octet a second, some pipelining. All are served in the end."""

import collections
import time

import harness
from harness import Server, TestCase, raise_file_limit, scaled
from load import Fleet, Gate, Reply, Send

LIMIT_S = 300
IDLE_BYTES_MAX = 1024  # of the process, for one idle connection
MESSAGES_PIPELINED = 5
DIALOGUE = b"MAIL FROM:<>\r\nRCPT TO:<postmaster>\r\nDATA\r\n"


def expect(*codes):
    for wanted in codes:
        code, text = yield Reply()
        if code != wanted:
            raise AssertionError(f"{text!r} instead of {wanted}")


def greet():
    yield from expect(220)
    yield Send(b"EHLO a\r\n")
    yield from expect(250)


def idle():
    """Says hello, is silent until all others are done, then delivers."""
    yield from greet()
    yield Gate("connected")
    yield Gate("others are done")
    yield Send(DIALOGUE)
    yield from expect(250, 250, 354)
    yield Send(b"idle\r\n.\r\nQUIT\r\n")
    yield from expect(250, 221)
    return 1


def dripping(interval_s):
    """One octet at a time, replies read as they come."""
    yield from greet()
    yield Gate("connected")
    for line, code in ((b"MAIL FROM:<>\r\n", 250), (b"RCPT TO:<postmaster>\r\n", 250), (b"DATA\r\n", 354),
                       (b"d\r\n.\r\n", 250)):
        yield Send(line, 1, interval_s)
        yield from expect(code)
    return 1


def pipelining():
    """Several transactions, each in as few writes as RFC 2920 allows."""
    yield from greet()
    yield Gate("connected")
    for _ in range(MESSAGES_PIPELINED):
        yield Send(DIALOGUE)
        yield from expect(250, 250, 354)
        yield Send(b"pipelined " * 200 + b"\r\n.\r\n")
        yield from expect(250)
    yield Send(b"QUIT\r\n")
    yield from expect(221)
    return MESSAGES_PIPELINED


def slab_kib():
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        return next(int(line.split()[1]) for line in meminfo if line.startswith("Slab:"))


class ManyConnections(TestCase):
    def test_all_of_ten_thousand_connections_are_served(self):
        count = scaled(10000, 600)
        if raise_file_limit(2 * count + 500) < count + 200:
            self.skipTest(f"the limit on open files does not allow {count} connections")
        with Server({"server": {"memory": "512MiB"}}, files_max=2 * count + 500) as server:
            fleet = Fleet(server.port)
            try:
                self.serve_all(server, fleet, count)
            finally:
                fleet.close()

    def serve_all(self, server, fleet, count):
        kinds = (idle, lambda: dripping(scaled(1.0, 0.05)), pipelining)
        # The second half is measured: by then every receive buffer has been used once.
        self.connect(fleet, kinds, 0, count // 2)
        rss, slab = server.memory_kib("VmRSS"), slab_kib()
        self.connect(fleet, kinds, count // 2, count)
        measured = count - count // 2
        ours = (server.memory_kib("VmRSS") - rss) * 1024 / measured
        kernels = (slab_kib() - slab) * 1024 / measured
        print(f"{measured} more idle connections: {ours:.0f} octets each in the process, {kernels:.0f} in kernel slabs "
              f"(both ends) ...", end=" ", flush=True)

        fleet.open_gate("connected")
        waiters = sum(number % len(kinds) == 0 for number in range(count))
        self.assertTrue(fleet.run_until(lambda: fleet.open == fleet.waiting_at("others are done") == waiters, LIMIT_S),
                        f"{fleet.open} still open; {self.broken(fleet)}")
        fleet.open_gate("others are done")
        self.assertTrue(fleet.run_until(lambda: fleet.open == 0, LIMIT_S), f"{fleet.open} still open")
        self.assertEqual(self.broken(fleet), {})
        self.assertEqual(len(server.listing()), sum(fleet.results()))
        if not harness.SANITIZED and not harness.SHORT:
            self.assertLess(ours, IDLE_BYTES_MAX)

    def connect(self, fleet, kinds, first, end):
        for number in range(first, end):
            fleet.add(kinds[number % len(kinds)]())
            if number % 100 == 0:
                fleet.poll(0)
        self.assertTrue(fleet.run_until(lambda: fleet.waiting_at("connected") == end, LIMIT_S),
                        f"{fleet.waiting_at('connected')} of {end} connected; {self.broken(fleet)}")
        time.sleep(0.5)

    @staticmethod
    def broken(fleet):
        return dict(collections.Counter(str(r) for r in fleet.results() if r is not None and not isinstance(r, int)))
