"""A blocking SMTP client that sends exactly the octets it is told, for what well-behaved libraries never do."""

import re
import socket
import struct


class RawClient:
    def __init__(self, port, timeout_s=60, receive_buffer=None, source=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout_s)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(("127.0.0.1", port))
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def send(self, octets):
        self.socket.sendall(octets)

    def read_line(self):
        while b"\n" not in self.buffer:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError(f"connection closed after {self.buffer!r}")
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r").decode()

    def reply(self):
        """One whole reply: (code, [text of each line])."""
        texts = []
        while True:
            line = self.read_line()
            if not re.match(r"^[2-5]\d\d[ -]", line):
                raise AssertionError(f"not a reply line: {line!r}")
            texts.append(line[4:])
            if line[3] == " ":
                return int(line[:3]), texts

    def expect(self, code, enhanced=None):
        got, texts = self.reply()
        if got != code or (enhanced and not texts[-1].startswith(enhanced)):
            raise AssertionError(f"{got} {' / '.join(texts)}, expected {code} {enhanced or ''}")
        return texts

    def command(self, line, code, enhanced=None):
        self.send(line.encode() + b"\r\n")
        return self.expect(code, enhanced)

    def greet(self):
        self.expect(220)
        return self.command("EHLO client.test", 250)

    def envelope(self, sender="sender@client.test", recipient="user@example.com"):
        self.command(f"MAIL FROM:<{sender}>", 250)
        self.command(f"RCPT TO:<{recipient}>", 250)

    def deliver(self, data, recipient="user@example.com", *others):
        """One whole transaction with DATA; `data` is already dot-stuffed and ends with CR LF."""
        self.envelope(recipient=recipient)
        for other in others:
            self.command(f"RCPT TO:<{other}>", 250)
        self.command("DATA", 354)
        self.send(data + b".\r\n")
        return self.expect(250)

    def quit(self):
        self.command("QUIT", 221)
        self.at_end()
        self.close()

    def at_end(self):
        """Checks that the server closes the connection without another octet."""
        rest = self.buffer + self.socket.recv(65536)
        if rest:
            raise AssertionError(f"unexpected octets before the end: {rest!r}")


def session_ended(client):
    """Reads to the end of the connection, orderly or by reset; returns what came."""
    octets = client.buffer
    try:
        while True:
            more = client.socket.recv(65536)
            if not more:
                return octets
            octets += more
    except ConnectionResetError:
        return octets
