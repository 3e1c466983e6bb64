"""The backend http in the real server, in front of a webhook."""

from harness import TestCase
from through_server import ThroughServer, split_trace
from webhook import Webhook


class HttpServer(ThroughServer, TestCase):
    backend = "http"
    refusal = r"^HTTP 422: no such mailbox$"

    def counterpart(self):
        return Webhook()

    def options(self, counterpart):
        return {"url": counterpart.url, "reject_on": [422]}

    def copies(self, counterpart):
        found = []
        for fields, mail in counterpart.requests():
            self.assertEqual(fields["idempotency-key"], [split_trace(mail)[0]])
            found += [(recipient, mail) for recipient in fields["x-ringmx-rcpt-to"]]
        return found

    def refuse_late(self, counterpart):
        counterpart.answer_otherwise("late@example.com 422 no such mailbox")

    def accept_late(self, counterpart):
        counterpart.answer_otherwise()
