"""Threads of smtplib clients which send each message until it is acknowledged, as MTAs do: after a 4xx, again."""

import collections
import smtplib
import socket
import threading
import time

PAUSE_S = 0.1          # after a 4xx
REPLY_S_MAX = 600


def sender_of(number):
    return f"sender{number}@client.test"


def to_user(_number):
    return ["user@example.com"]


class Senders:
    """`messages` is {number: octets}, `recipients` a function of the number. The first `released` are sent at once, more
    of them by release(). A 5xx, or a connection that breaks, is an error of the test. The `with` block starts the threads,
    and ends them."""

    def __init__(self, port, messages, recipients=to_user, released=None, threads=8):
        self.port = port
        self.messages = messages
        self.recipients = recipients
        self.changed = threading.Condition()
        self.waiting = collections.deque(messages)
        self.released = len(messages) if released is None else released
        self.acknowledged = {}                       # the id in a 250: the message's number
        self.deferred = collections.Counter()        # number: how often it got 4xx at its end of data
        self.turned_away = collections.Counter()     # number: how often before that
        self.last_4xx = None
        self.failure = None
        self.stopping = False
        self.clients = []
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(threads)]

    def run(self):
        try:
            with smtplib.SMTP("127.0.0.1", self.port, "client.test", timeout=REPLY_S_MAX) as client:
                self.clients.append(client)
                client.ehlo()
                while (number := self.next_number()) is not None:
                    self.send_until_acknowledged(client, number)
        except Exception as error:  # pylint: disable=broad-except  # raised again in the test's own thread
            with self.changed:
                self.failure = self.failure or error
                self.stopping = True
                self.changed.notify_all()

    def release(self, count):
        """From now on the first `count` messages are sent."""
        with self.changed:
            self.released = count
            self.changed.notify_all()

    def next_number(self):
        with self.changed:
            while self.waiting and len(self.messages) - len(self.waiting) >= self.released and not self.stopping:
                self.changed.wait()
            return self.waiting.popleft() if self.waiting and not self.stopping else None

    def send_until_acknowledged(self, client, number):
        while not self.stopping:
            code, text, at_end = self.send(client, number)
            with self.changed:
                if code == 250:
                    self.acknowledged[text.split()[-1]] = number
                else:
                    (self.deferred if at_end else self.turned_away)[number] += 1
                    self.last_4xx = f"{code} {text}"
                self.changed.notify_all()
            if code == 250:
                return
            client.rset()
            time.sleep(PAUSE_S)

    def send(self, client, number):
        """One transaction: the code and text of its last reply, 250 or 4xx, and whether that was for the mail data."""
        at_end = False
        code, text = client.mail(sender_of(number), ["BODY=8BITMIME"])
        for recipient in self.recipients(number):
            if code == 250:
                code, text = client.rcpt(recipient)
        if code == 250:
            try:
                code, text = client.data(self.messages[number])
                at_end = True
            except smtplib.SMTPDataError as error:
                code, text = error.smtp_code, error.smtp_error
        if code != 250 and (code // 100 != 4 or code == 421):
            raise AssertionError(f"message {number}: {code} {text}")
        return code, text.decode(), at_end

    def retries(self):
        """How often a message got 4xx, at whatever point."""
        return self.deferred.total() + self.turned_away.total()

    def wait_for(self, what, condition, limit_s=300):
        """Until condition(self) holds, looked at after each reply to a message."""
        deadline = time.monotonic() + limit_s
        with self.changed:
            while not condition(self):
                if self.failure:
                    raise AssertionError(f"a sender failed: {self.failure!r}") from self.failure
                if time.monotonic() > deadline:
                    raise AssertionError(f"not within {limit_s} s: {what}; {len(self.acknowledged)} acknowledged, "
                                         f"4xx: {self.deferred} {self.turned_away}, at last {self.last_4xx}")
                self.changed.wait(1)

    def wait_acknowledged(self, count):
        self.wait_for(f"{count} acknowledged", lambda senders: len(senders.acknowledged) >= count)

    def wait_retry(self):
        """Until one more message has got 4xx."""
        before = self.retries()
        self.wait_for("4xx", lambda senders: senders.retries() > before)

    def finish(self):
        """Waits until every message is acknowledged."""
        self.wait_acknowledged(len(self.messages))
        for thread in self.threads:
            thread.join()
        if self.failure:
            raise AssertionError(f"a sender failed: {self.failure!r}") from self.failure
        return self

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, error_type, error, trace):
        with self.changed:
            self.stopping = True
            self.changed.notify_all()
        if error_type is not None:
            for client in list(self.clients):
                try:
                    client.sock.shutdown(socket.SHUT_RDWR)
                except (AttributeError, OSError):
                    pass  # has ended already
        for thread in self.threads:
            thread.join()
        return False
