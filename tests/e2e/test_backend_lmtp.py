"""The backend lmtp against a real Dovecot LMTP server."""

import collections
import shutil

from backend_driver import Driver, mixed_messages, number_of, write_messages
from dovecot import Dovecot
from harness import TestCase, need_root, new_folder, scaled


class Lmtp(TestCase):
    def setUp(self):
        need_root("Dovecot, which changes users,")
        self.folder = new_folder("messages")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def driver(self, dovecot, options=None, *arguments, **keywords):
        return Driver("lmtp", self.folder, {"address": dovecot.address, **(options or {})}, *arguments, **keywords)

    def envelope(self, number, *lines):
        (self.folder / f"{number:05}.env").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def check_contents(self, delivered, messages):
        """Behind the headers that Dovecot puts in front, each is one of ours, octet by octet. Returns how often each
        number was delivered."""
        counts = collections.Counter()
        for content in delivered:
            number = number_of(content)
            counts[number] += 1
            self.assert_same_bytes(content[content.index(b"X-Test-Number: "):], messages[number], f"message {number}")
        return counts

    def check_all_once(self, options):
        messages = mixed_messages(self.folder)
        with Dovecot() as dovecot:
            with self.driver(dovecot, options, "--deadline", 900) as driver:
                driver.finish(1000)
                self.assertEqual(len(driver.files("stored")), len(messages), driver.report())
            counts = self.check_contents(dovecot.delivered(), messages)
            self.assertEqual(counts, collections.Counter(messages.keys()))

    def test_every_message_arrives_once_and_byte_exact(self):
        self.check_all_once({"connections": 4})

    def test_with_data_and_dots_instead_of_chunks(self):
        self.check_all_once({"connections": 2, "chunking": False})

    def test_one_command_at_a_time(self):
        messages = write_messages(self.folder, range(1, scaled(60, 12)))
        with Dovecot() as dovecot:
            for chunking in (True, False):
                with self.driver(dovecot, {"pipelining": False, "chunking": chunking}) as driver:
                    driver.finish()
            counts = self.check_contents(dovecot.delivered(), messages)
            self.assertEqual(counts, collections.Counter({number: 2 for number in messages}))

    def test_a_unix_socket(self):
        messages = write_messages(self.folder, range(1, 6))
        with Dovecot() as dovecot:
            with self.driver(dovecot, {"address": dovecot.socket_path}) as driver:
                driver.finish()
            self.assertEqual(self.check_contents(dovecot.delivered(), messages), collections.Counter(messages.keys()))

    def test_what_is_said_of_each_recipient_makes_the_one_answer(self):
        messages = write_messages(self.folder, range(1, 4))
        self.envelope(1, "to user@example.com", "to nobody-here@example.com", "to other@example.com")
        self.envelope(2, "to nobody-here@example.com", "to nor-here@example.com")
        self.envelope(3, "from ", "to third@example.com", "to user@example.com")
        with Dovecot() as dovecot:
            with self.driver(dovecot) as driver:
                driver.finish()
            by_file = {done.file: done for done in driver.done}
            self.assertEqual([by_file[f"{n:05}.eml"].status for n in (1, 2, 3)], ["stored", "reject", "stored"])
            self.assertRegex(by_file["00002.eml"].text, r"^550 5\.1\.1 <nobody-here@example\.com>")
            warnings = [text for level, text in driver.logs if level == "warning"]
            self.assertEqual(len(warnings), 1, driver.logs)
            self.assertRegex(warnings[0], f"^{by_file['00001.eml'].id}: refused for <nobody-here@example.com>: 550 ")
            self.assertEqual(driver.counters["recipients_delivered"], 4)
            self.assertEqual(driver.counters["recipients_refused"], 3)
            self.assertEqual(driver.counters["messages_stored_in_part"], 1)
            self.assertEqual(self.check_contents(dovecot.delivered("user"), messages), {1: 1, 3: 1})
            self.assertEqual(self.check_contents(dovecot.delivered("other"), messages), {1: 1})
            self.assertEqual(self.check_contents(dovecot.delivered("third"), messages), {3: 1})

    def test_a_recipient_that_waits_does_not_give_the_others_a_second_copy(self):
        """The mail folder of `other` cannot be opened for now, a temporary failure, until somebody mends it."""
        messages = write_messages(self.folder, [1])
        self.envelope(1, "to user@example.com", "to other@example.com", "to nobody-here@example.com")
        with Dovecot() as dovecot:
            blocked = dovecot.mail / "other"
            blocked.write_text("not a folder")  # a delivery for `other` ends with 451
            with self.driver(dovecot, {}, "--retry") as driver:
                driver.wait_for(lambda driver: len(driver.done) >= 3)
                self.assertEqual({done.status for done in driver.done}, {"retry"}, driver.report())
                blocked.unlink()
                driver.finish()
                self.assertEqual(driver.done[-1].status, "stored")
            self.assertEqual(self.check_contents(dovecot.delivered("user"), messages), {1: 1})
            self.assertEqual(self.check_contents(dovecot.delivered("other"), messages), {1: 1})
            self.assertEqual(driver.counters["recipients_refused"], 1)

    def test_killed_and_restarted_in_the_middle_nothing_acknowledged_is_missing(self):
        messages = mixed_messages(self.folder)
        for number in list(messages)[::10]:
            self.envelope(number, "to user@example.com", "to other@example.com")
        with Dovecot() as dovecot:
            with self.driver(dovecot, {}, "--retry", "--backoff-max", 500, "--deadline", 900) as driver:
                for part in (0.2, 0.5):
                    driver.wait_for_stored(int(len(messages) * part))
                    dovecot.kill()
                    driver.wait_for(lambda driver: any("cannot" in done.text for done in driver.done[-20:]))
                    dovecot.start()
                driver.finish(1000)
                self.assertEqual(len(driver.files("stored")), len(messages))
            retried = {int(done.file[:5]) for done in driver.done if done.status == "retry"}
            for user, expected in (("user", set(messages)), ("other", set(list(messages)[::10]))):
                counts = self.check_contents(dovecot.delivered(user), messages)
                self.assertEqual(set(counts), expected)
                twice = {number for number, count in counts.items() if count > 1}
                self.assertLessEqual(twice, retried, "a message was delivered twice that was never submitted again")

    def test_messages_that_the_server_cannot_take_are_refused(self):
        """Dovecot offers neither BINARYMIME nor SMTPUTF8 over LMTP."""
        header = b"X-Test-Number: 1\r\nSubject: test\r\n\r\n"
        contents = {1: header + b"binary\0body\r\n", 2: "X-Test-Number: 2\r\nSubject: Gr\u00fc\u00dfe\r\n\r\nx\r\n".encode(),
                    3: header.replace(b"1", b"3", 1) + b"plain\r\n"}
        for number, content in contents.items():
            (self.folder / f"{number:05}.eml").write_bytes(content)
        self.envelope(1, "flags esmtp,binarymime")
        self.envelope(2, "flags esmtp,smtputf8,8bitmime")
        self.envelope(3, "flags esmtp,smtputf8,8bitmime", "to user@example.com", "to gr\u00fc\u00dfe@example.com")
        with Dovecot() as dovecot:
            with self.driver(dovecot) as driver:
                driver.finish()
            by_file = {done.file: done for done in driver.done}
            self.assertIn("BINARYMIME", by_file["00001.eml"].text)
            self.assertIn("SMTPUTF8", by_file["00002.eml"].text)
            self.assertEqual([by_file[f"{n:05}.eml"].status for n in (1, 2, 3)], ["reject", "reject", "stored"])
            self.assertEqual(self.check_contents(dovecot.delivered(), contents), {3: 1})

    def test_bare_line_ends_go_by_chunk_only(self):
        content = b"X-Test-Number: 1\r\nSubject: test\r\n\r\nbare\n.\r\nMAIL FROM:<smuggled@example.com>\r\n"
        (self.folder / "00001.eml").write_bytes(content)
        with Dovecot() as dovecot:
            with self.driver(dovecot, {"chunking": False}) as driver:
                driver.finish()
            self.assertEqual(driver.done[0].status, "reject")
            self.assertEqual(dovecot.delivered(), [])
            with self.driver(dovecot) as driver:
                driver.finish()
            self.assertEqual(driver.done[0].status, "stored")
            self.assertEqual(len(dovecot.delivered()), 1)

    def test_no_server_is_retry_at_once(self):
        write_messages(self.folder, range(1, 11))
        with Driver("lmtp", self.folder, {"address": str(self.folder / "no.sock")}) as driver:
            driver.finish()
        self.assertEqual([done.status for done in driver.done], ["retry"] * 10)
        self.assertIn("cannot reach", driver.done[0].text)


class Options(TestCase):
    def test_what_cannot_be_is_refused_with_a_sentence(self):
        folder = new_folder("messages")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        for options, word in (({}, "address is missing"), ({"address": "nowhere"}, "HOST:PORT"),
                              ({"address": "h:1", "connections": 0}, "connections"),
                              ({"address": "h:1", "timeout": "soon"}, "timeout"),
                              ({"address": "h:1", "durability": "perhaps"}, "durability"),
                              ({"address": "h:1", "adress": "x"}, "unknown option adress")):
            with Driver("lmtp", folder, options, expect_exit=2) as driver:
                driver.finish()
            self.assertIn(word, driver.errors)
