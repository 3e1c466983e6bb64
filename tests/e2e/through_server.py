"""Mail through the real server to a counterpart that is killed and started again, in each arrangement of storage: the
backend itself, with the spool to fall back on, and behind the spool. What arrives is compared copy by copy, by id, with
what was sent, with what the clients saw acknowledged and with what the server's log says.

A test case of one backend is a subclass of ThroughServer and harness.TestCase.
"""

import collections
import re
import time

import mailgen
from backend_driver import number_of
from harness import scaled, without_trace
from observed import ObservedServer
from senders import Senders, sender_of

DRAIN_S_MAX = 300
TRACE_ID = re.compile(rb"\sid ([^\s;]+)")


def mails(count, short):
    """{number: octets}: a mixture with at least one of 10 MiB, which every 200th of mailgen has."""
    numbers = range(1, scaled(count, short) + 1) if scaled(1, 0) else [*range(1, short - 1), 50, 200]
    return {number: mailgen.message(number, mailgen.size_of(number)) for number in numbers}


def recipients(number):
    """One of three mailboxes; now and then two."""
    names = ("user", "other", "third")
    return [f"{names[(number + i) % 3]}@example.com" for i in range(2 if number % 10 == 5 else 1)]


def split_trace(mail):
    """(id in ringmx's Received header, mail data). A counterpart may have put headers in front."""
    mail = mail[mail.index(b"Received: from client.test "):]
    content = without_trace(mail)
    return TRACE_ID.search(mail, 0, len(mail) - len(content)).group(1).decode(), content


class ThroughServer:
    backend = None

    def counterpart(self):
        """One that has not been started."""
        raise NotImplementedError

    def options(self, counterpart):
        """The table [storage.BACKEND]."""
        raise NotImplementedError

    def copies(self, counterpart):
        """What it has kept: [(recipient, mail)], a copy for each recipient."""
        raise NotImplementedError

    def refuse_late(self, counterpart):
        """Has it refuse late@example.com for good."""
        raise NotImplementedError

    def accept_late(self, counterpart):
        raise NotImplementedError

    # What a refusal of late@example.com reads like in a dead letter.
    refusal = None

    def begin(self, started=True):
        counterpart = self.counterpart()
        self.addCleanup(counterpart.__exit__, None, None, None)
        return counterpart.start() if started else counterpart

    def server(self, counterpart, storage):
        return ObservedServer({
            "server": {"memory": "512MiB"}, "smtp": {"message_size": "16MiB"}, "storage": storage,
            "storage.delivery": {"backoff_least": 1, "backoff_most": 2, "window": "16MiB"},
            f"storage.{self.backend}": self.options(counterpart)})

    def check_copies(self, counterpart, messages, acknowledged, others=frozenset()):
        """Every copy is byte-exact, for a recipient of that message, and of an id that was acknowledged for it, or is in
        `others` as (id, number); no acknowledged one is missing. Returns how often each (id, recipient) came."""
        counts = collections.Counter()
        known = set(acknowledged.items())
        for recipient, mail in self.copies(counterpart):
            name, content = split_trace(mail)
            number = number_of(content)
            self.assert_same_bytes(content, messages[number], f"message {number}")
            self.assertIn(recipient, recipients(number))
            if (name, number) not in known:
                self.assertIn((name, number), others, "a copy with an id that nobody was told")
            counts[name, recipient] += 1
        expected = {(name, recipient) for name, number in known for recipient in recipients(number)}
        self.assertEqual(expected - set(counts), set(), "acknowledged, and missing")
        return counts

    def deferred_ids(self, server, sent):
        """{(id, number)} of the transactions that the log says were answered 4xx, as often as the clients saw it."""
        number_by_sender = {sender_of(number): number for number in sent.messages}
        count = sent.deferred.total()
        server.wait_for("the log", lambda: len(server.events("refused")) >= count)
        refused = server.events("refused")
        self.assertEqual({entry["code"] // 100 for entry in refused} - {4}, set())
        return {(entry["id"], number_by_sender[entry["from"]]) for entry in refused}

    # --- the backend itself -----------------------------------------------------------------------------------------
    def test_a_thousand_messages_while_the_counterpart_is_killed_and_started_again(self):
        messages = mails(1000, 40)
        counterpart = self.begin()
        with self.server(counterpart, {"backend": self.backend}) as server:
            count = len(messages)
            with Senders(server.port, messages, recipients, released=count * 4 // 10) as sent:
                for acknowledged, released in ((3, 7), (6, 10)):
                    sent.wait_acknowledged(count * acknowledged // 10)
                    counterpart.kill()
                    sent.release(count * released // 10)
                    sent.wait_retry()
                    counterpart.start()
                sent.finish()
            deferred = self.deferred_ids(server, sent)
            self.assertEqual({entry["backend"] for entry in server.events("message")}, {self.backend})
        counts = self.check_copies(counterpart, messages, sent.acknowledged, deferred)
        self.check_direct(counts)

    def check_direct(self, counts):
        """What a backend promises of one id beyond that, where nothing was sent again under it."""

    # --- the spool to fall back on ----------------------------------------------------------------------------------
    def test_with_a_fallback_mail_is_taken_while_the_counterpart_is_away_and_drained_when_it_is_back(self):
        messages = mails(200, 40)
        first = {number: octets for number, octets in messages.items() if number <= len(messages) // 4}
        rest = {number: octets for number, octets in messages.items() if number not in first}
        counterpart = self.begin(started=False)
        storage = {"backend": self.backend, "fallback": "spool", "fallback_after": 30}
        with self.server(counterpart, storage) as server:
            with Senders(server.port, first, recipients) as early:  # it has never been there
                early.finish()
            self.assertEqual(server.counters()["spilled"], len(first))
            counterpart.start()
            server.wait_drained(DRAIN_S_MAX)
            with Senders(server.port, rest, recipients, released=0) as sent:
                tried = self.until_it_is_tried_again(server, sent)
                sent.release((tried + len(rest)) // 2)
                sent.wait_acknowledged(tried + (len(rest) - tried) // 4)
                counterpart.kill()
                sent.release(len(rest))
                sent.finish()
                self.assertGreater(server.counters()["delivery_backlog_messages"], 0)
            counterpart.start()
            server.wait_drained(DRAIN_S_MAX)
            server.wait_for("the log", lambda: len(server.events("message")) == len(messages))
            kept_by = collections.Counter(entry["backend"] for entry in server.events("message"))
            self.assertEqual(kept_by["spool"], server.counters()["spilled"])
            self.assertEqual(set(kept_by), {"spool", self.backend})
            self.assertEqual(server.listing(), [])
            self.assertEqual(server.letters(), [])
        self.assertEqual(early.retries() + sent.retries(), 0)
        self.check_copies(counterpart, messages, {**early.acknowledged, **sent.acknowledged})

    def until_it_is_tried_again(self, server, sent):
        """Releases one message after another until the fallback has found that the counterpart is there; how many."""
        for released in range(1, len(sent.messages) // 2):
            sent.release(released)
            sent.wait_acknowledged(released)
            if server.counters()["fallback_away"] == 0:
                return released
            time.sleep(0.5)  # it tries one about every two seconds
        raise AssertionError(f"the fallback does not try it any more: {server.counters()}")

    # --- behind the spool -------------------------------------------------------------------------------------------
    def test_store_and_forward_while_the_counterpart_is_killed_and_started_again(self):
        messages = mails(200, 40)
        counterpart = self.begin()
        with self.server(counterpart, {"backend": "spool", "deliver": self.backend}) as server:
            with Senders(server.port, messages, recipients, released=len(messages) // 2) as sent:
                server.wait_for("a part", lambda: server.counters()["delivery_delivered"] >= len(messages) // 4)
                counterpart.kill()
                sent.release(len(messages))
                sent.finish()
                server.wait_for("an attempt", lambda: server.counters()["delivery_retries"] > 0)
            counterpart.start()
            server.wait_drained(DRAIN_S_MAX)
            self.assertEqual(server.counters()["delivery_delivered"], len(messages))
            self.assertEqual(server.listing(), [])
            self.assertEqual(server.letters(), [])
        self.assertEqual(sent.retries(), 0)
        self.check_copies(counterpart, messages, sent.acknowledged)

    def test_a_recipient_refused_for_good_is_a_dead_letter_and_is_delivered_once_it_exists(self):
        messages = {number: mailgen.message(number) for number in range(1, 7)}
        late = {number for number in messages if number % 2 == 0}

        def to_whom(number):
            return ["late@example.com"] if number in late else ["user@example.com"]

        counterpart = self.begin()
        self.refuse_late(counterpart)
        with self.server(counterpart, {"backend": "spool", "deliver": self.backend}) as server:
            with Senders(server.port, messages, to_whom) as sent:
                sent.finish()
            server.wait_drained()
            letters = {letter["id"]: letter for letter in server.letters()}
            self.assertEqual(set(letters), {name for name, number in sent.acknowledged.items() if number in late})
            for letter in letters.values():
                self.assertEqual(letter["recipients"], ["late@example.com"])
                self.assertRegex(letter["dead"]["reason"], self.refusal)
            self.assertEqual({recipient for recipient, _ in self.copies(counterpart)}, {"user@example.com"})
            self.accept_late(counterpart)
            server.dead("requeue", "--all")
            server.wait_for("the letters", lambda: server.letters() == [])
            self.assertEqual(server.counters()["delivery_dead"], len(late))
        arrived = [(recipient, *split_trace(mail)) for recipient, mail in self.copies(counterpart)]
        self.assertEqual({(recipient, name, number_of(content)) for recipient, name, content in arrived},
                         {(to_whom(number)[0], name, number) for name, number in sent.acknowledged.items()})
        self.assertEqual(len(arrived), len(messages))
        for _, _, content in arrived:
            self.assert_same_bytes(content, messages[number_of(content)])
