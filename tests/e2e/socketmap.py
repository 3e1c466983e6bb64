"""A socketmap service (Postfix's protocol) for tests: quick, slow, wrong or away, as it is told."""

import os
import socket
import threading
import time


class Socketmap:
    """`known` has the keys that exist. `mode` is "good", "slow" (for `delay_s`), "mute", "temp", "perm", "garbage",
    "close" or "drip" (an octet at a time)."""

    def __init__(self, path=None, known=(), port=0):
        self.path = path
        self.port = port
        self.known = set(known)
        self.mode = "good"
        self.delay_s = 0
        self.questions = []
        self.connections = 0
        self.listener = None
        self.clients = []

    @property
    def source(self):
        """For accept.recipients."""
        return f"socketmap:unix:{self.path}:virtual" if self.path else f"socketmap:inet:127.0.0.1:{self.port}:virtual"

    def start(self):
        if self.path:
            if os.path.exists(self.path):
                os.unlink(self.path)
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(self.path))
        else:
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind(("127.0.0.1", self.port))
            self.port = self.listener.getsockname()[1]
        self.listener.listen(64)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()
        return self

    def stop(self):
        """Away: the listener and every connection."""
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        for client in self.clients:
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.clients.clear()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            self.clients.append(client)
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        buffer = b""
        with client:
            while True:
                try:
                    octets = client.recv(4096)
                except OSError:
                    return
                if not octets:
                    return
                buffer += octets
                while b":" in buffer:
                    length = int(buffer[:buffer.index(b":")])
                    start = buffer.index(b":") + 1
                    if len(buffer) < start + length + 1:
                        break
                    assert buffer[start + length:start + length + 1] == b",", buffer
                    question, buffer = buffer[start:start + length].decode(), buffer[start + length + 1:]
                    if not self.answer(client, question):
                        return

    def answer(self, client, question):
        name, key = question.split(" ", 1)
        assert name == "virtual", question
        self.questions.append(key)
        mode = self.mode
        if mode == "slow":
            time.sleep(self.delay_s)
        if mode == "mute":
            return True
        if mode == "close":
            return False
        reply = "OK " + key if key in self.known else "NOTFOUND "
        if mode == "temp":
            reply = "TEMP the database is down"
        if mode == "perm":
            reply = "PERM no such map"
        octets = f"{len(reply)}:{reply},".encode()
        if mode == "garbage":
            octets = b"HTTP/1.1 400 Bad Request\r\n\r\n"
        try:
            if mode == "drip":
                for octet in octets:
                    client.sendall(bytes([octet]))
                    time.sleep(0.002)
            else:
                client.sendall(octets)
        except OSError:
            return False
        return True
