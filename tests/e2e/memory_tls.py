"""TLS whose octets a test has in its hands: what is written leaves when it is told to, what arrives is read when it is wanted."""

import ssl


class MemoryTls:
    """A client's, over a connected `socket`; the handshake is begun by hello() or made by handshake(). `object` is the
    ssl.SSLObject, `incoming` and `outgoing` are its ciphertext."""

    def __init__(self, socket, context, name="mx.test"):
        self.socket = socket
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name)

    def hello(self):
        """The ClientHello, which has not been sent."""
        try:
            self.object.do_handshake()
        except ssl.SSLWantReadError:
            return self.outgoing.read()
        raise AssertionError("a handshake without a server")

    def handshake(self):
        self.pump(self.object.do_handshake)

    def read(self):
        return self.pump(lambda: self.object.read(65536))

    def flush(self):
        """Sends what has been written."""
        self.socket.sendall(self.outgoing.read())

    def pump(self, step):
        """Takes the step with as many octets from the server as it needs."""
        while True:
            try:
                result = step()
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                octets = self.socket.recv(65536)
                if not octets:
                    raise AssertionError("the server has ended the connection") from None
                self.incoming.write(octets)
