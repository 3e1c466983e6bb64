"""A webhook: a threaded HTTP server in a process of its own (so that it can be killed), which writes each body and its
envelope to a folder, synced, before it answers 200.

    python3 webhook.py PORT FOLDER [CERTIFICATE]

A file FOLDER/answers with lines "PATTERN STATUS TEXT" makes it answer otherwise to messages whose first line ends with
PATTERN, or one of whose recipients is PATTERN; it is read again for each request.
"""

import http.client
import http.server
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import urllib.parse

http.client._MAXHEADERS = 5000  # pylint: disable=protected-access  # a field for each recipient


def write_synced(path, octets):
    temporary = path.with_suffix(".tmp-" + os.urandom(4).hex())
    with open(temporary, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, path)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder = None

    def answer(self, status, text):
        octets = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    def do_POST(self):
        size = int(self.headers["Content-Length"])
        body = self.rfile.read(size)
        if len(body) != size:
            self.close_connection = True
            return
        answers = self.folder / "answers"
        if answers.exists():
            first = body[:body.find(b"\r\n")].decode(errors="replace")
            recipients = self.headers.get_all("X-Ringmx-Rcpt-To", [])
            for line in answers.read_text().splitlines():
                pattern, status, text = line.split(" ", 2)
                if first.endswith(pattern) or pattern in recipients:
                    return self.answer(int(status), text)
        name = self.headers["Idempotency-Key"] + "-" + os.urandom(4).hex()
        fields = [[key, value] for key, value in self.headers.items()]
        write_synced(self.folder / (name + ".json"), json.dumps({"path": self.path, "port": self.client_address[1],
                                                                 "fields": fields}).encode())
        write_synced(self.folder / (name + ".eml"), body)
        return self.answer(200, "kept")

    def log_message(self, *_):
        pass


class Listener(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, *_):
        pass  # a client that went away


class Webhook:
    """The process, its folder, and what is in it."""

    def __init__(self, certificate=None):
        from harness import free_port, new_folder  # pylint: disable=import-outside-toplevel
        self.folder = new_folder("webhook")
        self.port = free_port()
        self.certificate = certificate
        self.process = None

    @property
    def url(self):
        return f"http{'s' if self.certificate else ''}://127.0.0.1:{self.port}/inbound?a=b"

    def start(self):
        arguments = [sys.executable, __file__, str(self.port), str(self.folder)]
        self.process = subprocess.Popen(arguments + ([str(self.certificate)] if self.certificate else []),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            raise AssertionError("the webhook does not start")
        return self

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def answer_otherwise(self, *lines):
        path = self.folder / "answers.new"
        path.write_text("".join(line + "\n" for line in lines))
        path.rename(self.folder / "answers")

    def bodies(self):
        return [path.read_bytes() for path in sorted(self.folder.glob("*.eml"))]

    def requests(self):
        """(fields, body) of each request that was answered with 200; fields: name in lower case to list of values."""
        found = []
        for path in sorted(self.folder.glob("*.eml")):
            description = json.loads(path.with_suffix(".json").read_text())
            fields = {}
            for name, value in description["fields"]:
                fields.setdefault(name.lower(), []).append(value)
            fields[":path"], fields[":port"] = [description["path"]], [description["port"]]
            found.append((fields, path.read_bytes()))
        return found

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        return False


def decode(value):
    """A value as docs/backends.md describes it."""
    return urllib.parse.unquote(value)


def make_certificate(folder):
    """A self-signed certificate for 127.0.0.1, with its key, in one file."""
    key, certificate = pathlib.Path(folder) / "key.pem", pathlib.Path(folder) / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out",
                    certificate, "-subj", "/CN=webhook", "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, capture_output=True)
    both = pathlib.Path(folder) / "both.pem"
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both, certificate


def main():
    Handler.folder = pathlib.Path(sys.argv[2])
    server = Listener(("127.0.0.1", int(sys.argv[1])), Handler)
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3])
        context.set_alpn_protocols(["http/1.1"])
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
