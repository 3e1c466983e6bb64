"""Every backend and host keeps, or does not keep, what it says."""

import mailgen
from harness import Server, TestCase, scaled, without_trace
from raw_client import RawClient

HEADER = b"Subject: test\r\n\r\n"


def deliver_all(server, bodies):
    with RawClient(server.port) as client:
        client.greet()
        for body in bodies:
            client.deliver(mailgen.stuffed(body))
        client.quit()


class Backends(TestCase):
    def setUp(self):
        self.bodies = [mailgen.message(number, mailgen.size_of(number)) for number in range(1, scaled(60, 12))]

    def check_spool(self, overrides):
        with Server(overrides) as server:
            deliver_all(server, self.bodies)
            stored = [without_trace(message) for _, message in server.stored()]
            self.assertEqual(len(stored), len(self.bodies))
            for got, sent in zip(sorted(stored), sorted(self.bodies)):
                self.assert_same_bytes(got, sent)

    def test_the_spool_on_the_cores(self):
        self.check_spool({"storage": {"host": "core"}})

    def test_the_spool_behind_a_worker(self):
        self.check_spool({"storage": {"host": "worker"}})

    def test_the_spool_behind_two_workers(self):
        self.check_spool({"storage": {"host": "worker", "workers": 2}})

    def test_one_core_alone(self):
        self.check_spool({"server": {"cores": 1}})

    def test_messages_larger_than_a_segment_are_kept_whole(self):
        self.bodies = [mailgen.message(7, 5 * mailgen.MIB), mailgen.message(8), mailgen.message(9, 3 * mailgen.MIB)]
        self.check_spool({"storage.spool": {"segment_size": "1MiB"}})

    def test_both_cores_serve(self):
        """With two cores, connections are spread; whatever core a message comes to, it is listed once."""
        with Server({"server": {"cores": 2}}) as server:
            for body in self.bodies:
                deliver_all(server, [body])
            stored = {without_trace(message) for _, message in server.stored()}
            self.assertEqual(len(stored), len(set(self.bodies)))
            cursors = {str(entry["cursor"]) for entry in server.listing()}
            self.assertEqual(len(cursors), len(self.bodies))

    def test_maildir_has_one_whole_file_for_each_message(self):
        with Server({"storage": {"backend": "maildir"}, "storage.maildir": {"path": "mail", "min_free": "16MiB"}}) as server:
            deliver_all(server, self.bodies)
            maildir = server.folder / "mail"
            self.assertEqual(list((maildir / "tmp").iterdir()), [])
            self.assertEqual(list((maildir / "cur").iterdir()), [])
            files = [path.read_bytes() for path in (maildir / "new").iterdir()]
            self.assertEqual(len(files), len(self.bodies))
            below = sorted(file[file.index(b"Received: "):] for file in files)
            for got, sent in zip(sorted(without_trace(file) for file in below), sorted(self.bodies)):
                self.assert_same_bytes(got.replace(b"\r\n", b"\n"), sent.replace(b"\r\n", b"\n"))

    def test_discard_answers_250_and_keeps_nothing(self):
        with Server({"storage": {"backend": "discard"}}) as server:
            deliver_all(server, self.bodies)
            self.assertFalse((server.folder / "spool").exists())


class Consumers(TestCase):
    """What ringmxctl does with a spool, running and stopped."""

    def test_acknowledged_messages_are_gone_and_the_others_stay(self):
        with Server() as server:
            deliver_all(server, [HEADER + b"message %d\r\n" % number for number in range(10)])
            before = server.listing()
            self.assertEqual(len(before), 10)
            server.spool("ack", *(str(entry["cursor"]) for entry in before[:4]))
            left = server.listing()
            self.assertTrue({entry["id"] for entry in left} <= {entry["id"] for entry in before[4:]}, left)
            self.assertEqual(len(left), 6)

    def test_a_stopped_spool_is_verified_and_exported_as_a_maildir_and_an_mbox(self):
        bodies = [mailgen.message(number) for number in range(1, 21)]
        with Server() as server:
            deliver_all(server, bodies)
            server.stop()
            server.spool("verify")
            maildir, mbox = server.folder / "out", server.folder / "out.mbox"
            server.spool("export", "--to", str(maildir))
            files = [path.read_bytes() for path in (maildir / "new").iterdir()]
            self.assertEqual(len(files), 20)
            server.spool("export", "--to", str(mbox))
            text = mbox.read_bytes()
            self.assertEqual(text.count(b"X-Test-Number: "), 20)
            self.assertTrue(text.startswith(b"From "))

    def test_a_flipped_bit_is_found(self):
        with Server() as server:
            deliver_all(server, [mailgen.message(number, 20000) for number in range(1, 11)])
            server.stop()
            self.assertEqual(server.spool("verify", check=False).returncode, 0)
            marker = b"X-Test-Number: 5\r\n"
            for path in sorted((server.folder / "spool").rglob("*")):
                if path.is_file() and marker in (octets := path.read_bytes()):
                    at = octets.index(marker)
                    path.write_bytes(octets[:at] + b"Y" + octets[at + 1:])
                    break
            else:
                self.fail("message 5 is in no segment file")
            result = server.spool("verify", check=False)
            self.assertNotEqual(result.returncode, 0)
            self.assertTrue(result.stdout + result.stderr)
