"""Mail through the server into streams of real nats-server processes that are killed and come back."""

import re
import shutil
import subprocess
import time

import harness
import mailgen
from harness import TestCase, new_folder, scaled, without_trace
from nats import NatsCluster
from observed import ObservedServer
from senders import Senders

BAD_CONFIG, STORAGE_FAILED = 78, 84  # exit codes
OUTAGE_S, OUTAGE_SHORT_S = 60, 4
OUTAGE_STEPS = 10


def setUpModule():
    global mails
    numbers = scaled(range(1, 1001), range(101, 201))  # of sizes up to 10 MiB, in both
    mails = {number: mailgen.message(number, mailgen.size_of(number)) for number in numbers}


def tearDownModule():
    mails.clear()


def jetstream_server(cluster, storage=None, options=None, **keywords):
    return ObservedServer({
        "server": {"memory": "512MiB"},
        "smtp": {"message_size": "16MiB"},
        "storage": {"backend": "jetstream", **(storage or {})},
        "storage.jetstream": {"servers": cluster.urls, "stream": "MAIL", "timeout": 3, **(options or {})},
        "storage.delivery": {"backoff_least": 1, "backoff_most": 2, "window": "32MiB"},
    }, **keywords)


class JetStreamServerCase(TestCase):
    def read(self, cluster, *arguments):
        """What the stream has, each id once: {id: octets}."""
        folder = new_folder("read")
        self.addCleanup(shutil.rmtree, folder, True)
        return cluster.read(folder / "Maildir", *arguments)

    def check_exact(self, senders, found):
        """Every mail was acknowledged once, and what was acknowledged is in the stream, byte for byte."""
        self.assertEqual(sorted(senders.acknowledged.values()), sorted(mails))
        self.assertEqual(set(senders.acknowledged) - set(found), set(), "acknowledged, and not in the stream")
        for name, number in senders.acknowledged.items():
            self.assert_same_bytes(without_trace(found[name]), mails[number], f"mail {number}")

    def check_explained(self, server, senders, found):
        """What is in the stream besides was answered 4xx, under that id, and is what was sent."""
        answers = {entry["id"]: entry["code"] for entry in server.events("refused")}
        for name in set(found) - set(senders.acknowledged):
            self.assertEqual(answers.get(name), 451, name)
            body = without_trace(found[name])
            number = int(re.match(rb"X-Test-Number: (\d+)\r\n", body)[1])
            self.assert_same_bytes(body, mails[number], f"mail {number}")


class OneServer(JetStreamServerCase):
    def test_mails_arrive_byte_exact_and_once(self):
        with NatsCluster() as cluster:
            cluster.create()
            with jetstream_server(cluster) as server:
                with Senders(server.port, mails) as senders:
                    senders.wait_acknowledged(len(mails))
                self.assertEqual(senders.retries(), 0)
                counters = server.counters()
                server.stop()
                self.assertEqual({(entry["backend"], entry["durability"]) for entry in server.events("message")},
                                 {("jetstream", "process")})
            self.assertEqual(counters["plugin_stored"], len(mails))
            self.assertEqual(counters["jetstream.records_stored"], cluster.info()["records"])
            found = self.read(cluster)
            self.check_exact(senders, found)
            self.assertEqual(len(found), len(mails))

    def test_killed_and_restarted_in_the_middle_nothing_acknowledged_is_missing(self):
        with NatsCluster() as cluster:
            cluster.create()
            with jetstream_server(cluster) as server:
                with Senders(server.port, mails) as senders:
                    for part in (1, 2):
                        senders.wait_acknowledged(part * len(mails) // 3)
                        cluster.kill()
                        senders.wait_retry()
                        cluster.start()
                    senders.wait_acknowledged(len(mails))
                server.stop()
                found = self.read(cluster, "--give-up", 5)
                self.check_exact(senders, found)
                self.check_explained(server, senders, found)


class Cluster(JetStreamServerCase):
    def test_a_node_killed_under_load_and_brought_back_loses_nothing(self):
        with NatsCluster(3) as cluster:
            cluster.create("MAIL", "--replicas", 3)
            leader = cluster.leader()  # whose loss costs most
            self.assertIsNotNone(leader)
            with jetstream_server(cluster, {"durability": "replicated"}, {"timeout": 10}) as server:
                with Senders(server.port, mails) as senders:
                    senders.wait_acknowledged(len(mails) // 4)
                    leader.kill()
                    senders.wait_acknowledged(len(mails) // 2)
                    leader.start()
                    senders.wait_acknowledged(len(mails))
                server.stop()
                self.assertEqual({(entry["backend"], entry["durability"]) for entry in server.events("message")},
                                 {("jetstream", "replicated")})
                found = self.read(cluster, "--give-up", 5)
                self.check_exact(senders, found)
                self.check_explained(server, senders, found)

    def test_while_the_cluster_is_gone_mail_is_accepted_and_drained_afterwards_and_the_counts_match(self):
        quarter, most = len(mails) // 4, len(mails) * 3 // 4
        with NatsCluster(3) as cluster:
            cluster.create("MAIL", "--replicas", 3, "--duplicates", 3600)
            with jetstream_server(cluster, {"fallback": "spool", "fallback_after": 2}) as server:
                with Senders(server.port, mails, released=quarter) as senders:
                    senders.wait_acknowledged(quarter // 2)
                    cluster.kill()  # under load
                    self.send_meanwhile(senders, quarter, most)
                    self.assertGreater(server.counters()["delivery_backlog_messages"], 0)
                    cluster.start()
                    senders.release(len(mails))  # while the spool is drained
                    senders.wait_acknowledged(len(mails))
                    self.assertEqual(senders.retries(), 0, "every mail was accepted at once")
                server.wait_drained(300)
                server.wait_for_counter("fallback_tried", 0)
                counters = server.counters()
                self.assertEqual(server.listing(), [])
                server.stop()
                how = {entry["id"]: entry["backend"] for entry in server.events("message")}
            self.assertEqual(set(how), set(senders.acknowledged))
            self.assertEqual(set(how.values()), {"jetstream", "spool"})
            self.assertEqual(list(how.values()).count("spool"), counters["spilled"])
            self.assertGreaterEqual(counters["spilled"], most - quarter)
            self.assertEqual(counters["delivery_dead"], 0)
            found = self.read(cluster)
            self.check_exact(senders, found)
            self.assertEqual(set(found), set(senders.acknowledged))

    def test_a_server_that_starts_while_the_cluster_is_gone_keeps_mail_in_the_spool(self):
        few = dict(list(mails.items())[:20])
        with NatsCluster() as cluster:
            cluster.create()
            cluster.kill()
            storage = {"fallback": "spool", "fallback_after": 2}
            with jetstream_server(cluster, storage, {"durability": "process"}) as server:
                with Senders(server.port, few) as senders:
                    senders.wait_acknowledged(len(few))
                self.assertEqual(server.counters()["spilled"], len(few))
                cluster.start()
                server.wait_drained(300)
            self.assertEqual(set(self.read(cluster)), set(senders.acknowledged))

    def send_meanwhile(self, senders, first, last):
        """Mails first..last, a few at a time, for as long as the outage lasts at least."""
        for step in range(1, OUTAGE_STEPS + 1):
            senders.release(first + (last - first) * step // OUTAGE_STEPS)
            senders.wait_acknowledged(senders.released)
            time.sleep(scaled(OUTAGE_S, OUTAGE_SHORT_S) / OUTAGE_STEPS)


class Durability(JetStreamServerCase):
    def test_replicated_is_enforced_when_the_server_starts(self):
        with NatsCluster(3) as cluster:
            cluster.create("MAIL", "--replicas", 3)
            cluster.create("MEMORY", "--replicas", 3, "--storage", "memory", "--subject", "memory.>")
            cluster.create("ONE", "--subject", "one.>")
            replicated = {"durability": "replicated"}
            with jetstream_server(cluster, replicated) as server:
                with Senders(server.port, dict(list(mails.items())[:3])) as senders:
                    senders.wait_acknowledged(3)
                server.wait_for("the log", lambda: server.events("start"))
                self.assertEqual(server.events("start")[0]["durability"], "replicated")
            for stream in ("MEMORY", "ONE"):
                options = {"stream": stream, "subject": stream.lower() + ".{domain}"}
                for promise, code in (({}, BAD_CONFIG), (replicated, STORAGE_FAILED)):
                    with self.subTest(stream=stream, promise=promise):
                        self.refused(jetstream_server(cluster, replicated, {**options, **promise}), code)

    def refused(self, server, code):
        self.addCleanup(server.remove)
        server.write_config()
        done = subprocess.run([harness.program("ringmx"), "serve", "--config", str(server.config_path)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        for word in ("process", "replicated"):
            self.assertIn(word, done.stderr.splitlines()[-1])
