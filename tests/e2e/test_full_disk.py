"""A small file system that runs full: mail is refused with 452 or 451, the server lives, what was acknowledged is kept,
and mail is accepted again by itself when space returns."""

import pathlib
import shutil
import subprocess
import time

import mailgen
from harness import Server, TestCase, need_root, new_folder, without_trace
from raw_client import RawClient

IMAGE_MIB = 128
RECOVER_S_MAX = 30
TRIES_MAX = 2000


class SmallDisk:
    """An ext4 of its own in a file, mounted through a loop device."""

    def __init__(self):
        self.folder = new_folder("disk")
        self.mount = self.folder / "mnt"

    def __enter__(self):
        image = self.folder / "image"
        with open(image, "wb") as out:
            out.truncate(IMAGE_MIB << 20)
        self.mount.mkdir()
        for command in (["mkfs.ext4", "-q", "-m", "0", str(image)],
                        ["mount", "-o", "loop", str(image), str(self.mount)]):
            made = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            if made.returncode != 0:
                shutil.rmtree(self.folder)
                raise OSError(f"{command[0]}: {made.stderr.strip()}")
        return self

    def __exit__(self, *_):
        for command in (["umount", str(self.mount)], ["umount", "-l", str(self.mount)]):
            if subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0:
                break
        shutil.rmtree(self.folder, ignore_errors=True)

    def fill(self, leave):
        """A file that leaves about `leave` octets free; a server may be taking some at the same moment."""
        filler = self.mount / "filler"
        for _ in range(20):
            size = max(shutil.disk_usage(self.mount).free - leave, 1)
            made = subprocess.run(["fallocate", "-l", str(size), str(filler)], stdin=subprocess.DEVNULL,
                                  capture_output=True, check=False)
            if made.returncode == 0:
                return filler
            filler.unlink(missing_ok=True)
            time.sleep(0.1)
        raise AssertionError(f"no file of {size} octets could be made: {made.stderr!r}")


def try_to_deliver(port, body):
    """The code that decided over one message."""
    with RawClient(port) as client:
        client.greet()
        for octets, wanted in ((b"MAIL FROM:<a@client.test>\r\n", 250), (b"RCPT TO:<user@example.com>\r\n", 250),
                               (b"DATA\r\n", 354), (mailgen.stuffed(body) + b".\r\n", 250)):
            client.send(octets)
            code, _ = client.reply()
            if code != wanted:
                return code
        return 250


class FullDisk(TestCase):
    def setUp(self):
        need_root("mounting a small file system")
        disk = SmallDisk()
        try:
            disk.__enter__()
        except OSError as error:
            self.skipTest(f"root may not mount here: {error}")
        self.disk = disk
        self.addCleanup(disk.__exit__)

    def server(self, min_free="16MiB", storage=None):
        return Server({"storage": storage or {}, "storage.spool": {"path": str(self.disk.mount / "spool"),
                                                                   "segment_size": "4MiB", "min_free": min_free}})

    def fill_with_mail(self, server):
        """Delivers until mail is refused five times in a row; returns what was acknowledged."""
        kept, refused, number = [], [], 0
        while len(refused) < 5:
            number += 1
            self.assertLess(number, TRIES_MAX, "the disk never ran full")
            body = mailgen.message(number, 300000)
            code = try_to_deliver(server.port, body)
            if code == 250:
                refused.clear()  # the other core's shard, or a smaller message, still had room
                kept.append(body)
            else:
                self.assertIn(code, (451, 452))
                refused.append(code)
        self.assertIn(452, refused)
        self.assertGreater(len(kept), 20)
        return kept

    def check_kept(self, server, kept):
        stored = {without_trace(message) for _, message in server.stored()}
        missing = [body for body in kept if body not in stored]
        self.assertEqual(len(missing), 0, f"{len(missing)} of {len(kept)} acknowledged messages are gone")

    def check_recovers(self, server):
        deadline = time.monotonic() + RECOVER_S_MAX
        while (code := try_to_deliver(server.port, mailgen.message(9999))) != 250:
            self.assertIn(code, (451, 452))
            self.assertLess(time.monotonic(), deadline, f"still {code} {RECOVER_S_MAX} s after space returned")
            time.sleep(0.2)

    def test_acknowledged_mail_is_kept_and_a_consumer_makes_room(self):
        with self.server() as server:
            kept = self.fill_with_mail(server)
            self.check_kept(server, kept)
            server.spool("ack", "--all")
            self.check_recovers(server)

    def test_mail_is_accepted_again_when_another_file_goes(self):
        filler = self.disk.fill(leave=48 << 20)
        with self.server() as server:
            kept = self.fill_with_mail(server)
            filler.unlink()
            self.check_recovers(server)
            self.check_kept(server, kept)

    def test_a_file_system_without_any_reserve_runs_full_in_the_middle_of_a_write(self):
        with self.server(min_free="0B") as server:
            kept = self.fill_with_mail(server)
            self.check_kept(server, kept)
            server.stop()
            self.check_kept(server, kept)

    def test_space_that_another_program_takes_all_at_once_is_noticed(self):
        with self.server() as server:
            self.assertEqual(try_to_deliver(server.port, mailgen.message(1)), 250)
            filler = self.disk.fill(leave=1 << 20)
            deadline = time.monotonic() + RECOVER_S_MAX
            while try_to_deliver(server.port, mailgen.message(2, 300000)) == 250:
                self.assertLess(time.monotonic(), deadline, "mail is still accepted on a disk below min_free")
                time.sleep(0.1)
            filler.unlink()
            self.check_recovers(server)

    def test_a_maildir_runs_full_and_recovers(self):
        mail = self.disk.mount / "mail"
        overrides = {"storage": {"backend": "maildir"}, "storage.maildir": {"path": str(mail), "min_free": "16MiB"}}
        with Server(overrides) as server:
            kept = self.fill_with_mail(server)
            files = {without_trace(f[f.index(b"Received: "):]).replace(b"\r\n", b"\n")
                     for f in (path.read_bytes() for path in (mail / "new").iterdir())}
            self.assertTrue({body.replace(b"\r\n", b"\n") for body in kept} <= files)
            self.assertEqual(list((mail / "tmp").iterdir()), [])
            # All of them: how far below min_free the disk is by now depends on how much came between two looks at it.
            for path in list(pathlib.Path(mail / "new").iterdir()):
                path.unlink()
            self.check_recovers(server)
