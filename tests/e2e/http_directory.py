"""An HTTP service that knows recipients, for tests: quick, slow, wrong or away, as it is told."""

import http.server
import socket
import ssl
import threading
import time
import urllib.parse


class HttpDirectory:
    """`known` has the addresses that exist. Asked at /recipients/ADDRESS or /recipients?address=ADDRESS. `mode` is "good",
    "slow" (for `delay_s`), "mute" (until the mode is another), "close", or the status of every answer."""

    def __init__(self, known=(), certificate=None):
        self.known = set(known)
        self.mode = "good"
        self.delay_s = 0
        self.port = 0
        self.certificate = certificate  # PEM with chain and key: https
        self.targets = []  # as they came
        self.questions = []  # decoded
        self.fields = []  # of each request, names in lower case
        self.connections = 0
        self.at_once = 0  # the most questions under way
        self.under_way = 0
        self.lock = threading.Lock()
        self.server = None
        self.sockets = set()

    def url(self, rest="/recipients/{recipient}", host="127.0.0.1"):
        """For accept.recipients."""
        return f"http{'s' if self.certificate else ''}://{host}:{self.port}{rest}"

    def start(self):
        directory = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):
                directory.answer(self)

            def log_message(self, *_):
                pass

        class Listener(http.server.ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True
            allow_reuse_address = True

            def get_request(self):
                client, address = super().get_request()
                with directory.lock:
                    directory.connections += 1
                    directory.sockets.add(client)
                return client, address

            def handle_error(self, *_):
                pass  # a client that went away

        self.server = Listener(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def stop(self):
        """Away: the listener and every connection."""
        if self.server is None:
            return
        self.server.shutdown()
        self.server.server_close()
        self.server = None
        with self.lock:
            for client in self.sockets:
                try:
                    client.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            self.sockets.clear()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def answer(self, request):
        parts = urllib.parse.urlsplit(request.path)
        if parts.query:
            address = urllib.parse.parse_qs(parts.query, strict_parsing=True)["address"][0]
        else:
            address = urllib.parse.unquote(parts.path.removeprefix("/recipients/"))
        with self.lock:
            self.targets.append(request.path)
            self.questions.append(address)
            self.fields.append({name.lower(): value for name, value in request.headers.items()})
            self.under_way += 1
            self.at_once = max(self.at_once, self.under_way)
        try:
            self.say(request, address)
        finally:
            with self.lock:
                self.under_way -= 1

    def say(self, request, address):
        mode = self.mode
        if mode == "slow":
            time.sleep(self.delay_s)
        while mode == "mute" and self.mode == "mute" and self.server is not None:
            time.sleep(0.02)
        if mode in ("mute", "close"):
            request.close_connection = True
            return
        status = mode if isinstance(mode, int) else 200 if address in self.known else 404
        body = b"" if status == 204 else b'{"status": %d}' % status
        request.send_response(status)
        if status != 204:
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
