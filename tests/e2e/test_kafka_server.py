"""Mail through the server into topics of librdkafka's mock brokers, which go away and come back. No broker of Apache
Kafka is in here."""

import os
from unittest import mock

import mailgen
from harness import BIN, TestCase, scaled, without_trace
from kafka import AHEAD_OCTETS_MAX, MockKafkaCluster
from observed import ObservedServer
from senders import Senders

LARGEST = 3 * mailgen.MIB  # in chunks


def mails_of(numbers, largest):
    return {number: mailgen.message(number, min(mailgen.size_of(number), largest)) for number in numbers}


class ServerWithKafka(ObservedServer):
    """ThreadSanitizer does not know the C11 threads of librdkafka: it gets POSIX threads in their place."""

    def launch(self):
        posix_threads = BIN.parent / "lib" / "ringmx-tests" / "c11_threads.so"
        with mock.patch.dict(os.environ, {"LD_PRELOAD": str(posix_threads)} if posix_threads.exists() else {}):
            super().launch()


def kafka_server(cluster, storage=None, options=None):
    return ServerWithKafka({
        "server": {"memory": "256MiB"},
        "smtp": {"message_size": "4MiB"},
        "storage": {"backend": "kafka", **(storage or {})},
        "storage.kafka": {"brokers": cluster.brokers, "timeout": "3s", '"kafka.reconnect.backoff.max.ms"': "200",
                          **(options or {})},
        "storage.delivery": {"backoff_least": 1, "backoff_most": 2, "window": "4MiB"},
    })


def batches(mails):
    """How many of the mails, counted from the first, are sent before the reader has to have them; again and again."""
    octets = 0
    for count, body in enumerate(mails.values()):
        if octets + len(body) > AHEAD_OCTETS_MAX:
            yield count
            octets = 0
        octets += len(body)
    yield len(mails)


class KafkaServer(TestCase):
    def check(self, cluster, mails, acknowledged, others=frozenset()):
        """What was acknowledged is there, byte for byte; whatever else is there has an id of `others`. Returns how many
        came more than once."""
        cluster.read()
        self.assertEqual(set(acknowledged) - set(cluster.units), set(), "acknowledged, and not in the topic")
        self.assertEqual(set(cluster.units) - set(acknowledged) - set(others), set(), "ids that nobody was told")
        for unit, copies in cluster.units.items():
            for headers, content in copies:
                number = int(headers["Ringmx-Mail-From"].split("@")[0].removeprefix("<sender"))
                if unit in acknowledged:
                    self.assertEqual(acknowledged[unit], number)
                self.assertEqual(headers["Ringmx-Rcpt-To"], "<user@example.com>")
                self.assertEqual(int(headers["Ringmx-Octets"]), len(content))
                self.assert_same_bytes(without_trace(content), mails[number], f"mail {number}")
        return sum(len(copies) > 1 for copies in cluster.units.values())

    def test_a_thousand_mails_arrive_byte_exact_and_once(self):
        mails = mails_of(scaled(range(1, 1001), range(101, 201)), LARGEST)
        with MockKafkaCluster() as cluster, kafka_server(cluster) as server:
            with Senders(server.port, mails, released=0) as senders:
                for count in batches(mails):
                    senders.release(count)
                    senders.wait_acknowledged(count)
                    cluster.wait_units(count)
            self.assertEqual(senders.retries(), 0)
            self.assertEqual(self.check(cluster, mails, senders.acknowledged), 0)
            self.assertEqual(server.counters()["kafka.records_stored"], cluster.records)
            self.assertGreater(cluster.records, len(mails), "some were in chunks")

    def test_brokers_that_go_away_and_come_back_lose_nothing_acknowledged(self):
        mails = mails_of(scaled(range(1, 1001), range(101, 201)), LARGEST)
        with MockKafkaCluster() as cluster, kafka_server(cluster) as server:
            with Senders(server.port, mails, released=0) as senders:
                for number, count in enumerate(batches(mails)):
                    if number in (1, 3):
                        cluster.kill()
                        senders.release(count)
                        senders.wait_retry()
                        cluster.start()
                    senders.release(count)
                    senders.wait_acknowledged(count)
                    cluster.wait_units(count)
            self.assertGreater(senders.retries(), 0)
            answered = {entry["id"] for entry in server.events("refused")}
            self.check(cluster, mails, senders.acknowledged, answered)

    def test_while_the_brokers_are_away_mail_goes_to_the_spool_and_to_the_topic_later(self):
        mails = mails_of(range(1, 150), 8000)
        third = len(mails) // 3
        self.assertLess(sum(map(len, mails.values())), AHEAD_OCTETS_MAX)
        with MockKafkaCluster() as cluster:
            with kafka_server(cluster, {"fallback": "spool", "fallback_after": 1}) as server:
                with Senders(server.port, mails, released=third) as senders:
                    senders.wait_acknowledged(third)
                    cluster.kill()
                    senders.release(2 * third)
                    senders.wait_acknowledged(2 * third)
                    self.assertGreater(server.counters()["delivery_backlog_messages"], 0)
                    cluster.start()
                    senders.release(len(mails))
                    senders.wait_acknowledged(len(mails))
                self.assertEqual(senders.retries(), 0, "every mail was accepted at once")
                server.wait_drained(120)
                server.wait_for_counter("fallback_tried", 0)
                counters = server.counters()
                self.assertEqual(server.listing(), [])
            self.assertGreaterEqual(counters["spilled"], third)
            self.assertEqual(counters["delivery_dead"], 0)
            cluster.wait_units(len(mails))
            self.check(cluster, mails, senders.acknowledged)
