"""The backend lmtp in the real server, in front of a real Dovecot."""

from dovecot import Dovecot
from harness import TestCase, need_root
from senders import Senders
from through_server import ThroughServer, split_trace


class LmtpServer(ThroughServer, TestCase):
    backend = "lmtp"
    refusal = r"^550 5\.1\.1 <late@example\.com>"

    def setUp(self):
        need_root("Dovecot, which changes users,")

    def counterpart(self):
        return Dovecot()

    def options(self, counterpart):
        return {"address": counterpart.address}

    def copies(self, counterpart):
        return [(f"{user}@example.com", mail) for user in (*Dovecot.USERS, "late") for mail in counterpart.delivered(user)]

    def check_direct(self, counts):
        # Nothing is sent again behind its content, so one id never comes twice: only the client's next attempt does.
        self.assertEqual({copy: count for copy, count in counts.items() if count > 1}, {})

    def refuse_late(self, counterpart):
        pass  # nobody knows that user yet

    def accept_late(self, counterpart):
        counterpart.add_user("late")

    def check_waiting_recipient(self, storage):
        """Mail for `other` cannot be opened for now, a temporary failure; the other two recipients have their answers."""
        messages = {number: b"X-Test-Number: %d\r\n\r\nbody\r\n" % number for number in (1, 2)}
        counterpart = self.begin()
        blocked = counterpart.mail / "other"
        blocked.write_text("not a folder")  # a delivery for `other` ends with 451

        def everybody(_):
            return ["user@example.com", "other@example.com", "third@example.com"]

        with self.server(counterpart, storage) as server:
            with Senders(server.port, messages, everybody) as sent:
                sent.finish()
            server.wait_for("another attempt", lambda: server.counters()["delivery_retries"] >= 2)
            blocked.unlink()
            server.wait_drained()
        self.assertEqual(sent.retries(), 0)
        expected = sorted((recipient, name, messages[number]) for name, number in sent.acknowledged.items()
                          for recipient in everybody(number))
        self.assertEqual(sorted((recipient, *split_trace(mail)) for recipient, mail in self.copies(counterpart)), expected)

    def test_behind_the_spool_a_recipient_that_waits_does_not_give_the_others_a_second_copy(self):
        self.check_waiting_recipient({"backend": "spool", "deliver": "lmtp"})

    def test_nor_with_a_fallback_where_another_instance_tries_first(self):
        self.check_waiting_recipient({"backend": "lmtp", "fallback": "spool", "fallback_after": 30})
