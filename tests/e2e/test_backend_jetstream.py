"""The jetstream backend against real nats-server processes: one, and a cluster of three with three replicas."""

import collections
import shutil
import subprocess
import time
import unittest

import harness
from driver import Driver, write_mails
from nats import AckDropper, NatsCluster, Tap


MAILS = 1000
MAILS_SHORT = 120


def crc32c(octets):
    crc = 0xFFFFFFFF
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def setUpModule():
    global mails, count
    count = harness.scaled(MAILS, MAILS_SHORT)
    mails = harness.new_folder("jetstream-mails")
    write_mails(mails, count)


def tearDownModule():
    shutil.rmtree(mails, ignore_errors=True)


class JetStreamCase(unittest.TestCase):
    def setUp(self):
        self.folder = harness.new_folder("jetstream")
        self.runs = 0
        self.addCleanup(shutil.rmtree, self.folder, True)

    def drive(self, cluster, folder=None, **keywords):
        options = {"servers": cluster.urls, "stream": "MAIL", **keywords.pop("options", {})}
        self.runs += 1
        driver = Driver("jetstream", folder or mails, options, errors_path=self.folder / f"stderr-{self.runs}", **keywords)
        self.addCleanup(driver.__exit__)
        return driver

    def stored(self, driver):
        """{id: file}, each of which was completed as stored once, and none another way for good."""
        stored = [done for done in driver.done if done.status == "stored"]
        self.assertEqual(collections.Counter(done.id for done in stored).most_common(1)[0][1], 1)
        self.assertEqual(driver.false, [])
        self.assertEqual(driver.unfinished, [])
        self.assertEqual(driver.count("reject"), 0)
        return {done.id: done.file for done in stored}

    def read(self, cluster, *arguments):
        """Reads the stream into a Maildir: {id: octets}."""
        return cluster.read(self.folder / "Maildir", *arguments)

    def check_exact(self, expected, found):
        self.assertEqual(sorted(expected), sorted(found))
        for name, file in expected.items():
            self.assertEqual(found[name], (mails / file).read_bytes(), file)


class JetStreamOneServer(JetStreamCase):
    def test_MailsArriveByteExactAndOnce(self):
        with NatsCluster() as cluster:
            cluster.create()
            first = self.drive(cluster)
            self.assertEqual(first.finish(), 0, first.report())
            expected = self.stored(first)
            self.assertEqual(len(expected), count)
            records = cluster.info()["records"]
            self.assertGreater(records, count)  # some were cut into chunks
            # The same ids again, within the time that the stream remembers: stored, and nothing new.
            again = self.drive(cluster)
            self.assertEqual(again.finish(), 0, again.report())
            self.assertEqual(self.stored(again), expected)
            self.assertEqual(cluster.info()["records"], records)
            self.assertEqual(again.counters["records_duplicate"], records)
            self.check_exact(expected, self.read(cluster))

    def test_ServerKilledUnderLoadLosesNothingAcknowledged(self):
        with NatsCluster() as cluster:
            cluster.create()
            driver = self.drive(cluster, options={"timeout": 3}, in_flight=16)
            driver.wait_for(lambda d: len(d.done) >= count // 4, "first quarter")
            cluster.kill()
            driver.wait_for(lambda d: d.count("retry") > 0, "retry while the server is away")
            cluster.start()
            self.assertEqual(driver.finish(), 0, driver.report())
            expected = self.stored(driver)
            self.assertEqual(len(expected), count)
            self.check_exact(expected, self.read(cluster))


class JetStreamCluster(JetStreamCase):
    def start(self, cluster):
        cluster.create("MAIL", "--replicas", 3)
        self.assertEqual(cluster.info()["durability"], "replicated")

    def test_OneNodeKilledUnderLoadLosesNothing(self):
        with NatsCluster(3) as cluster:
            self.start(cluster)
            # Much time for each message: what a dead server did not acknowledge is published again before it is over.
            driver = self.drive(cluster, options={"timeout": 120}, in_flight=32, deadline_s=500)
            driver.wait_for(lambda d: d.opened is not None, "open")
            self.assertEqual(driver.opened[3], "3")
            for part, node in zip((1, 2, 3), cluster.nodes):  # each in turn: one of them is the leader
                driver.wait_for(lambda d, part=part: d.count("stored") >= part * count // 5, f"part {part}")
                node.kill()
                driver.wait_for(lambda d, part=part: d.count("stored") >= part * count // 5 + count // 10,
                                f"storing without node {part}")
                node.start()
            self.assertEqual(driver.finish(), 0, driver.report())
            self.assertEqual(driver.count("retry"), 0)
            expected = self.stored(driver)
            self.assertEqual(len(expected), count)
            self.check_exact(expected, self.read(cluster))

    def test_OfTwoWritersOneIsKilledAndWhatBothHadAcknowledgedIsThere(self):
        with NatsCluster(3) as cluster:
            self.start(cluster)
            lost = self.drive(cluster, seed=1, in_flight=32)
            other = self.drive(cluster, seed=2, in_flight=32)
            lost.wait_for(lambda d: d.count("stored") >= count // 3, "first third")
            lost.kill()
            self.assertEqual(other.finish(), 0, other.report())
            expected = self.stored(other)
            self.assertEqual(len(expected), count)
            acknowledged = {done.id: done.file for done in lost.done if done.status == "stored"}
            found = self.read(cluster, "--give-up", 5)  # chunks of what the killed writer did not finish are dropped
            self.assertLessEqual(len(found), 2 * count)
            for name, file in {**expected, **acknowledged}.items():
                self.assertEqual(found[name], (mails / file).read_bytes(), file)

    def test_WholeClusterAwayThenEverythingIsStoredOnce(self):
        with NatsCluster(3) as cluster:
            self.start(cluster)
            driver = self.drive(cluster, options={"timeout": 3}, in_flight=32)
            driver.wait_for(lambda d: d.count("stored") >= count // 3, "first third")
            cluster.kill()
            with driver.changed:
                before = driver.count("retry")
            driver.wait_for(lambda d: d.count("retry") >= before + 64, "two rounds of retries")
            cluster.start()
            self.assertEqual(driver.finish(), 0, driver.report())
            expected = self.stored(driver)
            self.assertEqual(len(expected), count)
            self.check_exact(expected, self.read(cluster))


class JetStreamRules(JetStreamCase):
    def mail(self, name, env, octets=b"Subject: x\r\n\r\nbody\r\n"):
        (self.folder / "in").mkdir(exist_ok=True)
        (self.folder / "in" / f"{name}.eml").write_bytes(octets)
        (self.folder / "in" / f"{name}.env").write_text("\n".join(env) + "\n")
        return self.folder / "in"

    def publish(self, cluster, folder, **keywords):
        tap = Tap(cluster.nodes[0].port, "mail.>")
        try:
            driver = self.drive(cluster, folder, **keywords)
            self.assertEqual(driver.finish(), 0, driver.report())
        finally:
            tap.close()
        return tap.seen, driver

    def test_HostileDomainNamesOneTokenOfItsSubject(self):
        domains = ["*", ">", "a.>", "a.*.b", "$JS.API", "x y", "x\ty", "A.Example.COM", "a_b", "a..b", "[127.0.0.1]",
                   "münchen.example"]
        with NatsCluster() as cluster:
            cluster.create()
            for number, domain in enumerate(domains):
                address = f"u@{domain}"
                folder = self.mail(f"{number:02d}", ["from s@client.test"] + (
                    [] if " " in domain else [f"to {address}"]))
            seen, _ = self.publish(cluster, folder, to=("u@x y",))
            subjects = [subject for subject, _, _ in seen]
            self.assertEqual(len(subjects), len(domains))
            for subject in subjects:
                self.assertRegex(subject, r"\Amail\.[A-Za-z0-9_-]+\Z")
            self.assertEqual(len(set(subjects)), len(set(domains)))
            self.assertIn("mail.a_example_com", subjects)

    def test_EnvelopeIsInHeadersAndCannotAddOne(self):
        with NatsCluster() as cluster:
            cluster.create()
            folder = self.mail("m", [
                "from s@client.test\rRingmx-Id: forged", "envid QQ=3D", "ret hdrs", "flags esmtp,8bitmime,tls",
                "helo evil\rX: y%", "address 2001:db8::7 4711", "received_us 1790000000000001",
                "to u@example.com notify=success,delay orcpt=rfc822;u@example.com"])
            seen, driver = self.publish(cluster, folder)
            ((subject, headers, payload),) = seen
            ident = driver.done[0].id
            self.assertEqual(subject, "mail.example_com")
            self.assertEqual(payload, b"Subject: x\r\n\r\nbody\r\n")
            self.assertEqual(sorted(headers), sorted([
                ("Ringmx-Id", ident), ("Ringmx-Unit", ident), ("Nats-Msg-Id", ident),
                ("Nats-Expected-Stream", "MAIL"), ("Ringmx-Octets", str(len(payload))),
                ("Ringmx-Crc32c", f"{crc32c(payload):08x}"),
                ("Ringmx-Mail-From", "<s@client.test%0DRingmx-Id:%20forged> BODY=8BITMIME RET=HDRS ENVID=QQ=3D"),
                ("Ringmx-Rcpt-To", "<u@example.com> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;u@example.com"),
                ("Ringmx-Received", "1790000000000001"), ("Ringmx-Client", "[2001:db8::7]:4711"),
                ("Ringmx-Helo", "EHLO evil%0DX:%20y%25"), ("Ringmx-Tls", "yes")]))

    def test_RecipientsInSeveralDomainsGiveOneUnitForEachSubject(self):
        with NatsCluster() as cluster:
            cluster.create()
            folder = self.mail("m", ["to a@one.example", "to b@two.example", "to c@ONE.example"])
            seen, driver = self.publish(cluster, folder)
            ident = driver.done[0].id
            got = {dict(headers)["Nats-Msg-Id"]: (subject, [v for k, v in headers if k == "Ringmx-Rcpt-To"])
                   for subject, headers, _ in seen}
            self.assertEqual(got, {
                f"{ident}/mail.one_example": ("mail.one_example", ["<a@one.example>", "<c@ONE.example>"]),
                f"{ident}/mail.two_example": ("mail.two_example", ["<b@two.example>"])})

    def test_VeryManyRecipientsAreSpreadOverSeveralUnits(self):
        with NatsCluster() as cluster:
            cluster.create()
            addresses = [f"{'u' * 50}{number:04d}@example.com" for number in range(800)]
            folder = self.mail("m", [f"to {address}" for address in addresses])
            seen, driver = self.publish(cluster, folder)
            self.assertGreater(len(seen), 1)
            self.assertEqual(len({dict(headers)["Nats-Msg-Id"] for _, headers, _ in seen}), len(seen))
            got = [v for _, headers, _ in seen for k, v in headers if k == "Ringmx-Rcpt-To"]
            self.assertEqual(got, [f"<{address}>" for address in addresses])
            self.assertEqual(len(self.read(cluster)), len(seen))

    def test_OpenDeclaresWhatTheStreamGives(self):
        process, machine = "1", "2"
        folder = self.mail("m", ["to u@example.com"])
        with NatsCluster() as cluster:
            cluster.create("DISK", "--subject", "disk.>")
            cluster.create("MEMORY", "--subject", "memory.>", "--storage", "memory")
            for stream, options, wanted in (("DISK", {}, process), ("DISK", {"sync_always": "true"}, machine),
                                            ("MEMORY", {"sync_always": "true"}, process)):
                options = {"stream": stream, "subject": stream.lower() + ".x", **options}
                driver = self.drive(cluster, folder, options=options)
                self.assertEqual(driver.finish(), 0, driver.report())
                self.assertEqual(driver.opened[3], wanted, (stream, options))
            for options, text in (({"stream": "NONE"}, "there is no stream NONE"),
                                  ({"stream": "DISK", "durability": "replicated"}, "gives process, not replicated"),
                                  ({"stream": "DISK", "subject": "mail.*"}, "option subject"),
                                  ({"stream": "DISK", "tiemout": 5}, "unknown option tiemout"),
                                  ({"stream": "DISK", "timeout": "5 weeks"}, "option timeout")):
                driver = self.drive(cluster, folder, options=options)
                self.assertEqual(driver.finish(), 2)
                self.assertIn(text, driver.errors())

    def test_StartsWithoutServersWhenTheDurabilityIsStated(self):
        folder = self.mail("m", ["to u@example.com"])
        cluster = NatsCluster()
        self.addCleanup(cluster.remove)
        without = self.drive(cluster, folder)
        self.assertEqual(without.finish(), 2)
        driver = self.drive(cluster, folder, options={"durability": "process", "timeout": 1})
        driver.wait_for(lambda d: d.count("retry") >= 2, "retries")
        cluster.start()
        driver.wait_for(lambda d: d.count("retry") >= 3, "retry for want of a stream")
        cluster.create()
        self.assertEqual(driver.finish(), 0, driver.report())
        self.assertEqual(driver.count("stored"), 1)

    def test_StreamThatGivesLessThanWasPromisedGetsNoMail(self):
        folder = self.mail("m", ["to u@example.com"])
        cluster = NatsCluster()
        self.addCleanup(cluster.remove)
        driver = self.drive(cluster, folder, options={"durability": "replicated", "timeout": 1})
        driver.wait_for(lambda d: d.opened is not None, "open")
        cluster.start()
        cluster.create()
        driver.wait_for(lambda d: any("gives process, not replicated" in done.text for done in d.done), "refusal")
        self.assertEqual(driver.count("stored"), 0)
        self.assertEqual(cluster.info()["records"], 0)

    def test_RecordWhoseAcknowledgementIsLostIsPublishedAgain(self):
        folder = self.folder / "in"
        write_mails(folder, 12)
        with NatsCluster() as cluster:
            cluster.create()
            between = AckDropper(cluster.nodes[0].port, 5)
            self.addCleanup(between.close)
            driver = self.drive(cluster, folder, options={"servers": [between.url], "timeout": 200})
            self.assertEqual(driver.finish(), 0, driver.report())
            self.assertEqual(between.dropped, 5)
            self.assertEqual(driver.count("stored"), 12)
            self.assertEqual(driver.count("retry"), 0)
            self.assertGreaterEqual(driver.counters["records_duplicate"], 5)

    def test_LoginAndTls(self):
        certificate, key = self.folder / "cert.pem", self.folder / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                       check=True, capture_output=True)
        folder = self.mail("m", ["to u@example.com"])
        extra = (f'tls {{ cert_file: "{certificate}", key_file: "{key}" }}\n'
                 'authorization { user: "mx", password: "s3cret" }')
        good = {"user": "mx", "password": "s3cret", "tls_ca": certificate}
        with NatsCluster(extra=extra, login=("--user", "mx", "--password", "s3cret", "--tls-ca", certificate)) as cluster:
            cluster.create()
            driver = self.drive(cluster, folder, options=good)
            self.assertEqual(driver.finish(), 0, driver.report())
            for change in ({"password": "wrong"}, {"user": None, "password": None}, {"tls_ca": None}):
                options = {name: value for name, value in {**good, **change}.items() if value}
                driver = self.drive(cluster, folder, options=options)
                self.assertEqual(driver.finish(), 2, driver.report())
                self.assertIn("NATS", driver.errors())
            # A server that knows the password later only, as far as this client can tell.
            options = {**good, "password": "wrong", "durability": "process", "timeout": 1}
            driver = self.drive(cluster, folder, options=options)
            driver.wait_for(lambda d: d.count("retry") > 0, "retry")
            config = cluster.nodes[0].config_path
            config.write_text(config.read_text().replace("s3cret", "wrong"))
            cluster.kill()
            cluster.start()
            self.assertEqual(driver.finish(), 0, driver.report())

    def test_FullStreamIsRetriedAndNothingIsDeleted(self):
        with NatsCluster() as cluster:
            cluster.create("MAIL", "--octets-max", 50000)
            for number in range(8):
                folder = self.mail(f"{number}", ["to u@example.com"], b"x" * 15000 + b"\r\n")
            driver = self.drive(cluster, folder, retry=False)
            self.assertEqual(driver.finish(), 0, driver.report())
            self.assertGreater(driver.count("retry"), 0)
            self.assertEqual(driver.count("stored"), cluster.info()["records"])
            self.assertEqual(driver.count("stored") + driver.count("retry"), 8)

    def test_ReaderThatIsKilledReadsOnWithoutLossOrDouble(self):
        with NatsCluster() as cluster:
            cluster.create()
            driver = self.drive(cluster)
            self.assertEqual(driver.finish(), 0, driver.report())
            maildir = self.folder / "Maildir"
            cat = ["cat", "MAIL", "--maildir", str(maildir), "--raw", "--ack-wait", "2"]
            for part in (1, 2, 3):
                self.kill_reader_at(cluster, cat, maildir / "new", part * count // 4)
            self.check_exact(self.stored(driver), self.read(cluster, "--ack-wait", "2"))

    def kill_reader_at(self, cluster, arguments, folder, files):
        process = subprocess.Popen([harness.program("ringmx-jetstream"), "--server", cluster.urls[0], *arguments])
        try:
            deadline = time.monotonic() + 300
            while not folder.exists() or sum(1 for _ in folder.iterdir()) < files:
                self.assertLess(time.monotonic(), deadline)
                self.assertIsNone(process.poll())
                time.sleep(0.005)
        finally:
            process.kill()
            process.wait()
