"""What a message costs a server that runs steadily: no allocation, and about half a system call or less.

Connections stay open and send one message after the other. The counts are taken when the server has warmed up, and again some
thousands of messages later. docs/benchmarks.md has the figures ("System calls and allocations").
"""

import collections
import time

import harness
from counted import CountedServer, Trace, steady_load
from harness import TestCase, need_root, scaled

MODES = ("single", "pipelined", "bdat")
WARM_UP = scaled(10_000, 4_000)
MESSAGES = scaled(20_000, 8_000)
# The aim is half a call. One command at a time is nine events for a message: there it depends on how many clients meet
# (docs/benchmarks.md), and the test wants to see no more than twice as many calls as the aim.
CALLS_PER_MESSAGE_MAX = {"single": 1.0, "pipelined": 0.5, "bdat": 0.5}
MESSAGES_PER_LOG_WAKE_MIN = 250  # 128 KiB of lines of these messages

# Segments of the default size have room for all messages of a test, but for a disk that is far too fast for its clients.
BACKENDS = {
    "discard": {"storage": {"backend": "discard"}},
    "spool": {"storage.spool": {"segment_size": "64MiB"}},
    "spool behind a worker": {"storage": {"host": "worker"}, "storage.spool": {"segment_size": "64MiB"}},
}
SEGMENTS_AT_REST = 3  # one that is written, and two in stock
# What a core may allocate for a segment that it begins: its entry in the table of segments.
ALLOCATIONS_PER_SEGMENT = 4


def per_backend_and_mode(test):
    """Runs test(self, name, server, mode), with a server of its own for each backend and mode."""
    def each(self):
        for name, overrides in BACKENDS.items():
            for mode in MODES:
                with self.subTest(backend=name, mode=mode), self.server(overrides) as server, \
                        steady_load(server.port, mode, *self.LOAD):
                    server.wait_for_messages(WARM_UP)
                    if name != "discard":
                        server.wait_for("segments in stock", lambda: server.segments() >= SEGMENTS_AT_REST)
                    test(self, name, server, mode)
    each.__name__, each.__doc__ = test.__name__, test.__doc__
    return each


class Allocations(TestCase):
    LOAD = (50,)

    def server(self, overrides):
        return CountedServer(overrides, allocations=True)

    @per_backend_and_mode
    def test_a_message_costs_no_allocation(self, name, server, mode):
        threads = server.message_threads()
        server.note_callers(threads)
        segments = server.segments() if name != "discard" else 0
        before = server.allocations()
        until = server.messages() + MESSAGES
        messages = server.wait_for_messages(until) - until + MESSAGES
        after = server.allocations()
        begun = server.segments() - segments if name != "discard" else 0
        allowed = begun * ALLOCATIONS_PER_SEGMENT
        names = server.thread_names()
        others = {names.get(thread, str(thread)): count - before.get(thread, 0) for thread, count in after.items()
                  if thread not in threads}
        print(f"{name}, {mode}: {messages} messages, others {others} ...", end=" ", flush=True)
        for thread, of in threads.items():
            self.assertGreater(before.get(thread, 0), 0, f"{of} allocated nothing when it started: nothing is counted")
            self.assertLessEqual(after[thread] - before[thread], allowed,
                                 f"{of}, {messages} messages\n{server.callers(thread)}")


class SystemCalls(TestCase):
    """How much a turn of the server finds to do is also up to how its clients get along, and other programs with them. So
    there are many clients, which send in bursts; and the least of a few counts is the one that counts: what a message costs
    is in each of them."""

    LOAD = (200, "--batch-wait", "1000")
    COUNTS_MAX = 3

    def setUp(self):
        need_root("attaching strace to a server that has no core files")

    def server(self, overrides):
        return CountedServer(overrides)

    def count(self, server):
        """Messages, seconds, and the calls of each thread by name."""
        with Trace(server.process.pid, server.folder) as trace:
            begun = time.monotonic()
            first = server.messages()
            messages = server.wait_for_messages(first + MESSAGES) - first
            seconds = time.monotonic() - begun
            names = server.thread_names()
        calls = {names.get(thread, "?"): counter for thread, counter in trace.calls().items()}
        calls.pop("ringmx-status", None)  # answers this test
        return messages, seconds, calls

    @per_backend_and_mode
    def test_a_message_costs_half_a_system_call_or_less(self, name, server, mode):
        for _ in range(self.COUNTS_MAX):
            messages, seconds, calls = self.count(server)
            everything = sum(counter.total() for counter in calls.values())
            if everything / messages < CALLS_PER_MESSAGE_MAX[mode]:
                break
        of_messages = sum((calls[of] for of in server.message_threads().values()), collections.Counter())
        enters = of_messages.pop("io_uring_enter")
        print(f"{name}, {mode}: {messages} messages in {seconds:.1f} s, {enters / messages:.3f} io_uring_enter and "
              f"{(everything - enters) / messages:.3f} other calls a message ...", end=" ", flush=True)
        self.assertLess(everything / messages, CALLS_PER_MESSAGE_MAX[mode], calls)
        # The log thread is woken when an eighth of the ring of log lines is full.
        wakes = of_messages.pop("write", 0)
        self.assertLess(wakes, 10 + messages / MESSAGES_PER_LOG_WAKE_MIN, calls)
        # Looks at the free space, and memory given back: by the clock, whatever the messages.
        self.assertLess(of_messages.total(), 10 + 10 * seconds, f"{messages} messages in {seconds:.1f} s: {calls}")
