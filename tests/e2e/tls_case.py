"""What the tests of TLS share: a server with certificates, and clients that shake hands with it."""

import json
import shutil
import ssl
import time

from certificates import Authority
from harness import Server, TestCase, free_port, new_folder

HEADER = b"Subject: test\r\n\r\n"
PATIENCE_S = 30


class TlsTest(TestCase):
    def setUp(self):
        self.folder = new_folder("tls")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.authority = Authority(self.folder)

    def server(self, certificates=None, tls=None, **sections):
        """A server with one certificate, or those given; `tls_port` is where TLS comes first."""
        if certificates is None:
            certificates = [self.authority.entry("mx")]
        tls_port = free_port()
        overrides = {"tls": {"certificates": certificates, **(tls or {})},
                     "admin": {"socket": str(self.folder / "s")}}
        for name, keys in sections.items():
            overrides.setdefault(name, {}).update(keys)
        overrides.setdefault("server", {}).setdefault("listen_tls", [f"127.0.0.1:{tls_port}"])
        server = Server(overrides)
        server.tls_port = tls_port
        return server

    def context(self, verify=True, version=None):
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def secure(self, client, context=None, name="mx.test"):
        """STARTTLS, the handshake, and EHLO again."""
        client.command("STARTTLS", 220, "2.0.0")
        self.wrap(client, context, name)
        return client.command("EHLO client.test", 250)

    def wrap(self, client, context=None, name="mx.test"):
        client.socket = (context or self.context()).wrap_socket(client.socket, server_hostname=name,
                                                                suppress_ragged_eofs=False)

    def counters(self, server):
        answer = server.ctl("status", "--json", "--socket", str(self.folder / "s"))
        return json.loads(answer)["total"]

    def wait_for(self, server, **wanted):
        """Counters are at least these; returns them."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            counters = self.counters(server)
            if all(counters[name] >= value for name, value in wanted.items()):
                return counters
            if time.monotonic() > deadline:
                self.fail(f"{ {name: counters[name] for name in wanted} } instead of {wanted}")
            time.sleep(0.05)

    def events(self, server, event):
        return [line for line in map(json.loads, filter(None, server.log().splitlines())) if line["event"] == event]
