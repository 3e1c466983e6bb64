"""Many handshakes at a time."""

import time

from memory_tls import MemoryTls
from raw_client import RawClient
from tls_case import TlsTest


class HandshakesUnderWay(TlsTest):
    """Handshakes take memory: so many may be under way on a core, the others wait for one to end."""

    def hello(self, server):
        """A client that has sent its ClientHello and not yet read what comes back."""
        client = RawClient(server.tls_port)
        client.tls = MemoryTls(client.socket, self.context())
        client.send(client.tls.hello())
        return client

    def test_one_too_many_waits_until_another_has_ended(self):
        most = 16
        with self.server(server={"cores": 1, "connections_max": 64}) as server:
            stuck = [self.hello(server) for _ in range(most)]
            for client in stuck:
                client.first = client.socket.recv(1)  # its flight has come
            waiting = [self.hello(server) for _ in range(4)]
            for client in waiting:
                client.socket.settimeout(0.3)
                with self.assertRaises(TimeoutError):
                    client.socket.recv(1)
                client.socket.settimeout(30)
            waiting[0].close()  # one that has given up does not hold up the others
            stuck[0].close()
            stuck[1].reset()
            stuck[2].tls.incoming.write(stuck[2].first)
            stuck[2].tls.handshake()
            for client in waiting[1:]:
                client.tls.handshake()
            self.assertEqual(self.wait_for(server, tls_handshakes_full=4)["tls_handshakes_full"], 4)
            for client in stuck + waiting:
                client.close()

    def test_the_deadline_frees_their_places(self):
        with self.server(server={"cores": 1, "connections_max": 64}, timeouts={"tls_handshake": 2}) as server:
            stuck = [self.hello(server) for _ in range(16)]
            for client in stuck:
                client.socket.recv(1)
            time.sleep(1)
            late = self.hello(server)
            late.tls.handshake()
            self.wait_for(server, tls_failed_timed_out=16, tls_handshakes_full=1)
            for client in stuck + [late]:
                client.close()
