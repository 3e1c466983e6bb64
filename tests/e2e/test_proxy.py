"""Behind a real HAProxy: PROXY protocol versions 1 and 2 over IPv4 and IPv6, health checks, TLS that goes through and TLS
that ends there; swaks' own PROXY headers; XCLIENT. What is looked for is the client's address in log and trace header."""

import json
import re
import shutil
import smtplib
import socket
import ssl
import subprocess
import time

from certificates import Authority
from haproxy import Haproxy
from harness import Server, TestCase, free_port, new_folder
from memory_tls import MemoryTls
from raw_client import RawClient

PATIENCE_S = 30
HEADER = b"Subject: test\r\n\r\n"
FRONT = "127.0.0.9"  # where HAProxy connects from
V1 = f"send-proxy source {FRONT}"
V2 = f"send-proxy-v2 source {FRONT}"


def unfolded_trace(message):
    return re.sub(rb"\r\n[ \t]+", b" ", message.split(b"\r\n\r\n")[0]).decode()


class ProxyTest(TestCase):
    def setUp(self):
        self.folder = new_folder("proxy")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def server(self, proxy=None, **sections):
        """`port` takes no header, `behind` and `behind_tls` take one from every address of loopback."""
        behind = free_port()
        port = free_port()
        # One core, so that log and spool have everything in order.
        overrides = {"server": {"cores": 1, "listen": [f"127.0.0.1:{port}", f"127.0.0.1:{behind}"]},
                     "proxy": {"networks": ["127.0.0.0/8"], "listeners": [f"127.0.0.1:{behind}"], **(proxy or {})},
                     "admin": {"socket": str(self.folder / "s")}}
        for name, keys in sections.items():
            overrides.setdefault(name, {}).update(keys)
        server = Server(overrides)
        server.port, server.behind = port, behind
        return server

    def counters(self, server):
        return json.loads(server.ctl("status", "--json", "--socket", str(self.folder / "s")))["total"]

    def wait_for(self, what, happened):
        deadline = time.monotonic() + PATIENCE_S
        while not (result := happened()):
            if time.monotonic() > deadline:
                self.fail(f"not within {PATIENCE_S} s: {what}")
            time.sleep(0.05)
        return result

    def events(self, server, event):
        return [line for line in map(json.loads, filter(None, server.log().splitlines())) if line["event"] == event]

    def logged(self, server, count):
        return self.wait_for(f"{count} lines of messages",
                             lambda: len(found := self.events(server, "message")) >= count and found)

    def traces(self, server):
        return [unfolded_trace(message) for _entry, message in server.stored()]


class BehindHaproxy(ProxyTest):
    def send(self, host, port, source, name="client.test"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with smtplib.SMTP(local_hostname=name, timeout=60, source_address=(source, 0)) as client:
            self.assertEqual(client.connect(host, port)[0], 220, family)
            client.sendmail("a@client.test", ["user@example.com"], HEADER + b"through a proxy\r\n")

    def test_versions_and_families(self):
        with self.server() as server:
            address = f"127.0.0.1:{server.behind}"
            ways = {"v1": ("", address, V1, []), "v2": ("", address, V2, []),
                    "checked": ("", address, V2 + " proxy-v2-options crc32c,unique-id", ["unique-id-format %ci:%cp-%Ts-%rt"])}
            with Haproxy(ways) as proxy:
                sent = []
                for name in ways:
                    for host, source in (("127.0.0.1", "127.0.0.5"), ("::1", "::1")):
                        self.send(host, proxy.ports[name], source)
                        sent.append(source)
            lines = self.logged(server, len(sent))
            self.assertEqual([line["peer"] for line in lines], sent)
            self.assertEqual({line["via"] for line in lines}, {FRONT})
            self.assertTrue(all(line["port"] != line["via_port"] for line in lines))
            literals = {"127.0.0.5": "[127.0.0.5]", "::1": "[IPv6:::1]"}
            for trace, source in zip(self.traces(server), sent, strict=True):
                self.assertIn(f"from client.test ({literals[source]}) by mx.test with ESMTP id", trace)
                self.assertNotIn(FRONT, trace)
            self.assertEqual(self.counters(server)["proxy_clients"], len(sent))

    def test_health_checks(self):
        check = " check inter 100ms fall 2 rise 1"
        smtp = ["option smtpchk EHLO check.test"]
        with self.server() as server:
            address = f"127.0.0.1:{server.behind}"
            ways = {"v1": ("", address, V1 + check + " check-send-proxy", smtp),
                    "v2": ("", address, V2 + check + " check-send-proxy", smtp),
                    "connect1": ("", address, V1 + check + " check-send-proxy", []),
                    "connect2": ("", address, V2 + check + " check-send-proxy", []),
                    "direct": ("", address, V2 + check + f" port {server.port}", smtp)}
            with Haproxy(ways, ipv6=False) as proxy:
                def all_checked():
                    return all(row["status"].startswith("UP") and row["check_status"] in ("L7OK", "L4OK")
                               for row in proxy.servers().values())
                self.wait_for("every server up", all_checked)
                before = self.counters(server)
                self.wait_for("many checks", lambda: self.counters(server)["connections_accepted"] >
                              before["connections_accepted"] + 40)
                self.assertTrue(all_checked(), proxy.servers())
                statuses = {name: row["check_status"] for name, row in proxy.servers().items()}
                self.assertEqual(statuses, {"v1": "L7OK", "v2": "L7OK", "connect1": "L4OK", "connect2": "L4OK",
                                            "direct": "L7OK"})
                for name in ("v1", "v2"):
                    self.send("127.0.0.1", proxy.ports[name], "127.0.0.6")
            counters = self.counters(server)
            self.assertGreater(counters["proxy_own"], 10)  # LOCAL
            for name in ("absent", "malformed", "too_long", "checksum", "timed_out"):
                self.assertEqual(counters["proxy_failed_" + name], 0, name)
            self.assertEqual([line["peer"] for line in self.logged(server, 2)], ["127.0.0.6"] * 2)
            for event in ("proxy_failed", "violation"):
                self.assertEqual(self.events(server, event), [], event)

    def test_tls_goes_through(self):
        authority = Authority(self.folder)
        tls_port = free_port()
        with self.tls_server(authority, tls_port) as server:
            ways = {"first": ("", f"127.0.0.1:{tls_port}", V2, []), "starttls": ("", f"127.0.0.1:{server.behind}", V1, [])}
            context = ssl.create_default_context(cafile=str(authority.certificate))
            context.check_hostname = False
            with Haproxy(ways, ipv6=False) as proxy:
                with smtplib.SMTP_SSL("127.0.0.1", proxy.ports["first"], "client.test", timeout=60, context=context,
                                      source_address=("127.0.0.7", 0)) as client:
                    client.sendmail("a@client.test", ["user@example.com"], HEADER + b"TLS first\r\n")
                with smtplib.SMTP("127.0.0.1", proxy.ports["starttls"], "client.test", timeout=60,
                                  source_address=("127.0.0.8", 0)) as client:
                    client.starttls(context=context)
                    client.sendmail("a@client.test", ["user@example.com"], HEADER + b"STARTTLS\r\n")
            lines = self.logged(server, 2)
            self.assertEqual([(line["peer"], line["via"], line["tls"]) for line in lines],
                             [("127.0.0.7", FRONT, True), ("127.0.0.8", FRONT, True)])
            for trace in self.traces(server):
                self.assertRegex(trace, r" with ESMTPS \(TLSv1\.[23] [A-Z0-9_-]+\) id ")

    def test_a_client_hello_behind_the_header_in_one_segment(self):
        authority = Authority(self.folder)
        tls_port = free_port()
        context = ssl.create_default_context(cafile=str(authority.certificate))
        header = b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 465\r\n"
        with self.tls_server(authority, tls_port) as server:
            for cut in (None, 1, len(header) - 1, len(header), len(header) + 1, len(header) + 5, len(header) + 100):
                with socket.create_connection(("127.0.0.1", tls_port), 30) as client:
                    client.settimeout(30)
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    tls = MemoryTls(client, context)
                    octets = header + tls.hello()
                    client.sendall(octets[:cut])
                    if cut:
                        time.sleep(0.02)
                        client.sendall(octets[cut:])
                    tls.handshake()
                    self.assertTrue(tls.read().startswith(b"220 mx.test"), cut)
            self.wait_for("all of them", lambda: self.counters(server)["tls_handshakes_full"] == 7)
            self.assertEqual(self.counters(server)["proxy_clients"], 7)

    def tls_server(self, authority, tls_port, tls=None):
        server = self.server(tls={"certificates": [authority.entry("mx")], **(tls or {})})
        server.sections["server"]["listen_tls"] = [f"127.0.0.1:{tls_port}"]
        server.sections["proxy"]["listeners"].append(f"127.0.0.1:{tls_port}")
        return server

    def test_tls_ends_at_the_proxy(self):
        authority = Authority(self.folder)
        chain, key = authority.issue("front", names=("front.test",))
        both = self.folder / "front-both.pem"
        both.write_bytes(chain.read_bytes() + key.read_bytes())
        client_chain, client_key = authority.issue("joe", common_name="joe", names=("joe.test",))
        with self.tls_server(authority, free_port(), tls={"required": ["127.0.0.0/8"]}) as server:
            options = f"{V2} proxy-v2-options ssl,cert-cn,ssl-cipher,authority,crc32c"
            bind = f"ssl crt {both} ca-file {authority.certificate} verify optional"
            context = ssl.create_default_context(cafile=str(authority.certificate))
            context.load_cert_chain(client_chain, client_key)
            context.check_hostname = False
            ways = {"ends": (bind, f"127.0.0.1:{server.behind}", options, []),
                    "clear": ("", f"127.0.0.1:{server.behind}", options, [])}
            with Haproxy(ways, ipv6=False) as proxy:
                with smtplib.SMTP_SSL("127.0.0.1", proxy.ports["ends"], "client.test", timeout=60, context=context,
                                      source_address=("127.0.0.7", 0)) as client:
                    client.ehlo()
                    self.assertNotIn("starttls", client.esmtp_features)  # it would be TLS within TLS
                    self.assertNotIn("requiretls", client.esmtp_features)
                    client.sendmail("a@client.test", ["user@example.com"], HEADER + b"TLS at the proxy\r\n")
                with RawClient(proxy.ports["clear"]) as client:
                    client.greet()
                    client.command("MAIL FROM:<a@client.test>", 530, "5.7.0")
            line = self.logged(server, 1)[0]
            self.assertEqual((line["peer"], line["via"], line["tls"], line["tls_at_proxy"]), ("127.0.0.7", FRONT, True, True))
            self.assertRegex(line["tls_version"], r"^TLSv1\.[23]$")
            self.assertRegex(line["tls_cipher"], r"^[A-Z0-9_-]+$")
            self.assertRegex(self.traces(server)[0],
                             r" with ESMTPS \(TLSv1\.[23] [A-Z0-9_-]+ at the proxy\) id ")


class Swaks(ProxyTest):
    def swaks(self, port, *options, code=0):
        result = subprocess.run(["swaks", "--server", "127.0.0.1", "--port", str(port), "--from", "a@client.test", "--to",
                                 "user@example.com", "--helo", "client.test", "--timeout", "30s", *options],
                                stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
        self.assertEqual(result.returncode, code, result.stdout.decode() + result.stderr.decode())
        return result.stdout.decode()

    def test_its_proxy_headers(self):
        with self.server() as server:
            sent = []
            for version in ("1", "2"):
                for family, source, destination in (("TCP4", "192.0.2.1", "198.51.100.1"),
                                                    ("TCP6", "2001:db8::1", "2001:db8::2")):
                    name = family if version == "1" else {"TCP4": "AF_INET", "TCP6": "AF_INET6"}[family]
                    self.swaks(server.behind, "--proxy-version", version, "--proxy-family", name, "--proxy-source", source,
                               "--proxy-source-port", "56324", "--proxy-dest", destination, "--proxy-dest-port", "25",
                               *(["--proxy-protocol", "STREAM"] if version == "2" else []))
                    sent.append((source, 56324, "127.0.0.1"))
            lines = self.logged(server, len(sent))
            self.assertEqual([(line["peer"], line["port"], line["via"]) for line in lines], sent)
            traces = self.traces(server)
            self.assertIn("([192.0.2.1])", traces[0])
            self.assertIn("([IPv6:2001:db8::1])", traces[3])

    def test_its_xclient(self):
        with self.server(proxy={"xclient": ["127.0.0.1"]}) as server:
            self.swaks(server.port, "--xclient-addr", "IPV6:2001:db8::1", "--xclient-name", "spike.example.org",
                       "--xclient-port", "56324", "--xclient-helo", "spike.helo.test", "--xclient-proto", "ESMTP",
                       "--xclient-login", "joe")
            self.swaks(server.port)
            told, plain = self.logged(server, 2)
            self.assertEqual((told["peer"], told["port"], told["via"], told["helo"]),
                             ("2001:db8::1", 56324, "127.0.0.1", "spike.helo.test"))
            self.assertEqual(plain["peer"], "127.0.0.1")
            self.assertNotIn("via", plain)
            self.assertIn("from spike.helo.test (spike.example.org [IPv6:2001:db8::1]) by mx.test with ESMTP id",
                          self.traces(server)[0])

    def test_xclient_from_elsewhere(self):
        with self.server(proxy={"xclient": ["192.0.2.0/24"]}) as server:
            with RawClient(server.port) as client:
                self.assertFalse([text for text in client.greet() if text.startswith("XCLIENT")])
                client.command("XCLIENT ADDR=192.0.2.1", 550, "5.7.0")
                client.deliver(HEADER)
                client.quit()
            self.assertEqual(self.logged(server, 1)[0]["peer"], "127.0.0.1")


class WrongHeaders(ProxyTest):
    def test_each_has_its_line(self):
        wrong = {"absent": b"EHLO client.test\r\n", "malformed": b"PROXY TCP4 x y 1 2\r\n",
                 "too-long": b"PROXY UNKNOWN " + b"x" * 200, "checksum": b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\x07\x03\0\x04abcd",
                 "timed-out": b"PROXY TCP4 "}
        with self.server(timeouts={"proxy_header": 1}) as server:
            for octets in wrong.values():
                with RawClient(server.behind) as client:
                    client.send(octets)
                    client.at_end()
            with RawClient(server.behind):
                pass  # nothing at all is a look at the port
            lines = self.wait_for("their lines", lambda: len(found := self.events(server, "proxy_failed")) >= len(wrong)
                                  and found)
            self.assertEqual([line["detail"] for line in lines], list(wrong))
            for line in lines:
                self.assertEqual((line["peer"], line["level"]), ("127.0.0.1", "warning"))
                self.assertTrue(line["text"])
            counters = self.counters(server)
            for reason in wrong:
                self.assertEqual(counters["proxy_failed_" + reason.replace("-", "_")], 1, reason)
            self.wait_for("the look at the port", lambda: self.counters(server)["proxy_silent"] == 1)

    def test_one_from_elsewhere_is_an_unknown_command(self):
        with self.server() as server, RawClient(server.port) as client:
            client.expect(220)
            client.command("PROXY TCP4 192.0.2.1 198.51.100.1 56324 25", 500, "5.5.2")
            client.command("EHLO client.test", 250)
            client.deliver(HEADER)
            client.quit()
            self.assertEqual(self.logged(server, 1)[0]["peer"], "127.0.0.1")
