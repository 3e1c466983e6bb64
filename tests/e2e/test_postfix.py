"""A real Postfix relays a thousand different mails through ringmx; what is stored is what was sent, octet for octet,
under the Received headers of both."""

import concurrent.futures
import re
import smtplib
import time

import mailgen
from harness import Server, TestCase, need_root, scaled, without_trace
from postfix import Postfix

SESSIONS = 4
RELAY_S_MAX = 300


def inject(port, numbers):
    with smtplib.SMTP("127.0.0.1", port, "client.test", timeout=120) as client:
        for number in numbers:
            body = mailgen.message(number, mailgen.size_of(number))
            client.sendmail(f"sender{number}@client.test", ["user@example.com"], body,
                            mail_options=["BODY=8BITMIME"])


class PostfixRelay(TestCase):
    def wait_until_stored(self, server, postfix, count):
        deadline = time.monotonic() + RELAY_S_MAX
        while time.monotonic() < deadline:
            if len(server.listing()) >= count:
                return
            time.sleep(0.5)
        self.fail(f"{len(server.listing())} of {count} mails after {RELAY_S_MAX} s\n{postfix.log()[-2000:]}")

    def test_relayed_mails_are_stored_octet_for_octet(self):
        need_root("starting a Postfix")
        count = scaled(1000, 60)
        with Server() as server, Postfix(server.port) as postfix:
            with concurrent.futures.ThreadPoolExecutor(SESSIONS) as pool:
                list(pool.map(lambda part: inject(postfix.port, range(1 + part, count + 1, SESSIONS)), range(SESSIONS)))
            self.wait_until_stored(server, postfix, count)
            self.assertNotIn("status=bounced", postfix.log())
            seen = set()
            for entry, message in server.stored():
                number = int(re.search(rb"^X-Test-Number: (\d+)\r$", message, re.M).group(1))
                seen.add(number)
                self.assertEqual(entry["from"], f"sender{number}@client.test")
                self.assert_same_bytes(without_trace(message, headers=2),
                                       mailgen.message(number, mailgen.size_of(number)), f"mail {number}")
            self.assertEqual(seen, set(range(1, count + 1)))
