"""SMTP clients, each a thread, that do what clients do: what is answered 4xx they send again, until it is acknowledged."""

import smtplib
import threading

PAUSE_S = 0.2  # before a message is sent again


class Senders:
    """Sends `mails` ({number: octets}) in the order of their numbers; as many of them as were released. A context
    manager. `acknowledged` is {id of the 250: number}, `deferred` the texts of the answers 4xx."""

    def __init__(self, port, mails, clients=8, released=None):
        self.port, self.mails = port, mails
        self.acknowledged, self.deferred, self.errors = {}, [], []
        self.waiting = list(reversed(mails))
        self.released = len(mails) if released is None else released
        self.taken = 0
        self.ending = False
        self.changed = threading.Condition()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_error):
        with self.changed:
            self.ending = True
            self.changed.notify_all()
        for thread in self.threads:
            thread.join(60)

    def release(self, count):
        """The first `count` mails of all may be sent."""
        with self.changed:
            self.released = min(count, len(self.mails))
            self.changed.notify_all()

    def wait_for(self, what, happened, timeout_s=300):
        """Until happened(self) holds."""
        with self.changed:
            if not self.changed.wait_for(lambda: self.errors or happened(self), timeout_s):
                raise AssertionError(f"not within {timeout_s} s: {what}; {len(self.acknowledged)} acknowledged, "
                                     f"{len(self.deferred)} deferred: {self.deferred[-3:]}")
            if self.errors:
                raise AssertionError(f"before {what}: {self.errors}")

    def wait_acknowledged(self, count, timeout_s=300):
        self.wait_for(f"{count} acknowledged", lambda all: len(all.acknowledged) >= count, timeout_s)

    def _take(self):
        with self.changed:
            self.changed.wait_for(lambda: self.ending or not self.waiting or self.taken < self.released)
            if self.ending or not self.waiting:
                return None
            self.taken += 1
            return self.waiting.pop()

    def _run(self):
        try:
            with smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.test", timeout=300) as client:
                client.ehlo_or_helo_if_needed()
                while (number := self._take()) is not None:
                    self._deliver(client, number)
        except (OSError, smtplib.SMTPException, AssertionError) as error:
            with self.changed:
                self.errors.append(repr(error))
                self.changed.notify_all()

    def _deliver(self, client, number):
        while True:
            code, text = self._transaction(client, number)
            with self.changed:
                if code == 250:
                    self.acknowledged[text.split()[-1]] = number
                elif code // 100 == 4:
                    self.deferred.append(text)
                else:
                    raise AssertionError(f"mail {number}: {code} {text}")
                self.changed.notify_all()
                if code == 250 or self.changed.wait_for(lambda: self.ending, PAUSE_S):
                    return

    def _transaction(self, client, number):
        """The code and text of the first answer that is not what a transaction needs to go on, or of the last."""
        code, text = client.mail(f"<sender{number}@client.test>")
        if code == 250:
            code, text = client.rcpt("<user@example.com>")
        if code == 250:
            try:
                code, text = client.data(self.mails[number])
            except smtplib.SMTPDataError as refused:
                code, text = refused.smtp_code, refused.smtp_error
        if code != 250:
            client.rset()
        return code, text.decode()
