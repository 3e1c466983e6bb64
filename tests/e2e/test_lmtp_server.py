"""The backend lmtp in the real server, in front of a real Dovecot."""

from dovecot import Dovecot
from harness import TestCase, need_root
from through_server import ThroughServer


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
