"""Certificates: their renewal while the server runs, and what `ringmx check` says of them."""

import signal
import subprocess
import threading
import time

from harness import program, scaled
from raw_client import RawClient
from tls_case import HEADER, TlsTest


class Renewal(TlsTest):
    def shown_serial(self, server):
        with RawClient(server.port) as client:
            client.greet()
            self.secure(client)
            serial = client.socket.getpeercert()["serialNumber"].lstrip("0")
            client.quit()
            return serial

    def test_a_new_certificate_is_taken_without_touching_open_sessions(self):
        with self.server(tls={"check_interval": 1}) as server:
            with RawClient(server.port) as old:
                old.greet()
                self.secure(old)
                before = self.shown_serial(server)
                self.authority.issue("mx")
                self.wait_for(server, tls_reloads=1)
                after = self.shown_serial(server)
                self.assertNotEqual(before, after)
                self.assertEqual(after, self.authority.serial_of("mx"))
                old.deliver(HEADER + b"old session\r\n")
                old.quit()

    def test_sighup_loads_at_once(self):
        with self.server(tls={"check_interval": "1h"}) as server:
            self.authority.issue("mx")
            server.process.send_signal(signal.SIGHUP)
            self.wait_for(server, tls_reloads=1)
            self.assertEqual(self.shown_serial(server), self.authority.serial_of("mx"))

    def test_a_bad_certificate_is_refused_and_the_old_one_kept(self):
        with self.server(tls={"check_interval": "1h"}) as server:
            before = self.shown_serial(server)
            chain, key = self.folder / "mx.pem", self.folder / "mx.key"
            good = chain.read_bytes(), key.read_bytes()
            other_chain, other_key = self.authority.issue("other")
            expired = self.authority.issue("expired", days=0)[0]
            cases = [(good[0], other_key.read_bytes(), "the key is not this certificate's"),
                     (b"nonsense", good[1], "holds no certificate in PEM"),
                     (good[0][:len(good[0]) // 3], good[1], "cannot be read|holds no certificate"),
                     (good[0], b"", "its key cannot be read")]
            time.sleep(1.2)  # so that the one of no days has ended
            cases.append((expired.read_bytes(), (self.folder / "expired.key").read_bytes(), "has expired on"))
            for number, (new_chain, new_key, reason) in enumerate(cases, 1):
                chain.write_bytes(new_chain)
                key.write_bytes(new_key)
                server.process.send_signal(signal.SIGHUP)
                self.wait_for(server, tls_reloads_refused=number)
                self.assertEqual(self.shown_serial(server), before)
                time.sleep(0.1)
                self.assertRegex(self.events(server, "certificates_refused")[-1]["text"], reason)
            chain.unlink()
            server.process.send_signal(signal.SIGHUP)
            self.wait_for(server, tls_reloads_refused=len(cases) + 1)
            self.assertEqual(self.shown_serial(server), before)
            chain.write_bytes(other_chain.read_bytes())
            key.write_bytes(other_key.read_bytes())
            server.process.send_signal(signal.SIGHUP)
            self.wait_for(server, tls_reloads=1)
            self.assertEqual(self.shown_serial(server), self.authority.serial_of("other"))

    def test_under_load_no_session_fails(self):
        with self.server(tls={"check_interval": "1h"}) as server:
            renewals = scaled(12, 4)
            stop = threading.Event()
            sent, failed = [], []

            def send(number):
                context = self.context(verify=True)
                while not stop.is_set():
                    try:
                        with RawClient(server.port) as client:
                            client.greet()
                            self.secure(client, context)
                            for _ in range(3):
                                client.deliver(HEADER + b"under renewal\r\n")
                                sent.append(number)
                            client.quit()
                    except Exception as error:
                        failed.append(repr(error))

            threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            serials = set()
            for number in range(1, renewals + 1):
                self.authority.issue("mx", key="rsa" if number % 2 else "ec")
                server.process.send_signal(signal.SIGHUP)
                self.wait_for(server, tls_reloads=number)
                serials.add(self.shown_serial(server))
            stop.set()
            for thread in threads:
                thread.join()
            self.assertEqual(failed, [])
            self.assertEqual(len(serials), renewals)
            self.assertGreater(len(sent), renewals)
            self.assertEqual(len(server.listing()), len(sent))


class Check(TlsTest):
    def check(self, certificates, hostname="mx.test", tls=None):
        server = self.server(certificates, tls=tls, server={"hostname": hostname})
        self.addCleanup(server.remove)
        server.write_config()
        done = subprocess.run([program("ringmx"), "check", "--config", str(server.config_path)], capture_output=True,
                              text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_a_good_one(self):
        code, text = self.check([self.authority.entry("mx")])
        self.assertEqual(code, 0, text)
        self.assertNotIn("warning", text)

    def test_what_is_wrong_is_named(self):
        good = self.authority.entry("mx")
        other = self.authority.entry("other")
        code, text = self.check([{**good, "key": other["key"]}])
        self.assertIn("the key is not this certificate's", text)
        self.assertNotEqual(code, 0)
        code, text = self.check([{**good, "names": ["elsewhere.test"]}])
        self.assertIn("is not issued for the name elsewhere.test", text)
        self.assertNotEqual(code, 0)
        code, text = self.check([{**good, "chain": str(self.folder / "missing.pem")}])
        self.assertIn("missing.pem", text)
        self.assertNotEqual(code, 0)
        code, text = self.check([])
        self.assertIn("server.listen_tls: needs a certificate", text)
        self.assertNotEqual(code, 0)

    def test_warnings(self):
        code, text = self.check([self.authority.entry("soon", days=9)])
        self.assertEqual(code, 0, text)
        self.assertRegex(text, r"warning: .*soon\.pem: expires in [89] days, on ")
        code, text = self.check([self.authority.entry("mx")], hostname="mx9.test")
        self.assertEqual(code, 0, text)
        self.assertIn('warning: no certificate is issued for server.hostname "mx9.test"', text)
