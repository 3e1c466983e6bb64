"""The spool on a file system without O_DIRECT (ramfs): refused by default with its own exit code; with require_direct_io
off it writes through the page cache, syncs, and keeps every promise that does not need a disk."""

import contextlib
import signal
import subprocess

import mailgen
from harness import Server, TestCase, need_root, new_folder, scaled, without_trace
from raw_client import RawClient

EXIT_NO_DIRECT_IO = 83


@contextlib.contextmanager
def ramfs():
    """A mounted ramfs, which has no O_DIRECT."""
    mount = new_folder("ramfs")
    made = subprocess.run(["mount", "-t", "ramfs", "none", str(mount)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)
    if made.returncode != 0:
        mount.rmdir()
        raise OSError(f"mount: {made.stderr.strip()}")
    try:
        yield mount
    finally:
        if subprocess.run(["umount", str(mount)], stdin=subprocess.DEVNULL, check=False).returncode != 0:
            subprocess.run(["umount", "-l", str(mount)], stdin=subprocess.DEVNULL, check=False)
        mount.rmdir()


class BufferedSpool(TestCase):
    def setUp(self):
        need_root("mounting a ramfs")
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        try:
            self.mount = stack.enter_context(ramfs())
        except OSError as error:
            self.skipTest(f"root may not mount here: {error}")

    def server(self, **spool):
        # No space is known for a ramfs: it says 0 free.
        keys = {"path": str(self.mount / "spool"), "segment_size": "1MiB", "min_free": "0B", **spool}
        return Server({"storage.spool": keys})

    def deliver(self, server, bodies):
        with RawClient(server.port) as client:
            client.greet()
            for body in bodies:
                for octets, wanted in ((b"MAIL FROM:<a@client.test>\r\n", 250), (b"RCPT TO:<user@example.com>\r\n", 250),
                                       (b"DATA\r\n", 354), (mailgen.stuffed(body) + b".\r\n", 250)):
                    client.send(octets)
                    self.assertEqual(client.reply()[0], wanted)

    def test_it_is_refused_by_default_with_what_to_change(self):
        server = self.server(require_direct_io=True)
        server.expect_exit = EXIT_NO_DIRECT_IO
        server.launch()
        try:
            self.assertEqual(server.wait(), EXIT_NO_DIRECT_IO)
            self.assertIn("O_DIRECT", server.log())
            self.assertIn("require_direct_io", server.log())
        finally:
            server.kill()
            server.remove()

    def test_mail_is_kept_through_stop_and_kill(self):
        bodies = [mailgen.message(number, 40000) for number in range(scaled(120, 20))]
        third = len(bodies) // 3
        with self.server() as server:
            self.deliver(server, bodies[:third])
            server.stop()
            server.start()
            self.deliver(server, bodies[third:2 * third])
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
            server.start()
            self.deliver(server, bodies[2 * third:])
            stored = sorted(without_trace(message) for _, message in server.stored())
            self.assertEqual(len(stored), len(bodies))
            for got, sent in zip(stored, sorted(bodies), strict=True):
                self.assert_same_bytes(got, sent)
            server.spool("verify")
            server.spool("ack", "--all")
            self.assertEqual(server.listing(), [])
