"""A webhook that speaks HTTP/2 over TLS, with the library h2: one thread a connection, bodies kept in memory. No answer
is given until `gather` requests have been open at once: only a client that multiplexes gets one."""

import collections
import socket
import ssl
import threading

import h2.config
import h2.connection
import h2.events


class Http2Webhook:
    def __init__(self, certificate, gather=1):
        self.gather = gather
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate)
        self.tls.set_alpn_protocols(["h2"])
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self.listener.getsockname()[1]}/h2"
        self.bodies = []
        self.connections = 0
        self.open_at_once = 0
        self.sockets = []
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.threads.append(threading.Thread(target=self.serve, args=(connection,)))
            self.threads[-1].start()

    def serve(self, plain):
        try:
            connection = self.tls.wrap_socket(plain, server_side=True)
        except OSError:
            return
        self.sockets.append(connection)
        state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        state.initiate_connection()
        connection.sendall(state.data_to_send())
        bodies = collections.defaultdict(bytes)
        whole = []
        while True:
            try:
                octets = connection.recv(65536)
            except OSError:
                return
            if not octets:
                return
            for event in state.receive_data(octets):
                if isinstance(event, h2.events.RequestReceived):
                    bodies[event.stream_id] = b""
                elif isinstance(event, h2.events.DataReceived):
                    bodies[event.stream_id] += event.data
                    state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    whole.append(event.stream_id)
                elif isinstance(event, h2.events.StreamReset):
                    bodies.pop(event.stream_id, None)
                elif isinstance(event, h2.events.ConnectionTerminated):
                    return
            self.open_at_once = max(self.open_at_once, len(bodies))
            if self.open_at_once >= self.gather:
                for stream in whole:
                    self.bodies.append(bodies.pop(stream))
                    state.send_headers(stream, [(":status", "204")], end_stream=True)
                whole.clear()
            try:
                connection.sendall(state.data_to_send())
            except OSError:
                return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.sockets:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()
        for thread in self.threads:
            thread.join()
        return False
