"""The plugins of docs/examples/, built and run with the commands of docs/plugins.md, and what they keep."""

import concurrent.futures
import re
import shutil
import sqlite3
import subprocess
import time

import harness
import mailgen
from harness import ROOT, Server, TestCase, free_port, new_folder, scaled, without_trace
from raw_client import RawClient
from test_plugins import kept

COMMAND_S_MAX = 300
GUIDE = ROOT / "docs" / "plugins.md"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)


def compile_command(source):
    """The one line of the guide that compiles this example."""
    lines = [line for block in blocks("sh") for line in block.splitlines() if source in line]
    if len(lines) != 1:
        raise AssertionError(f"{len(lines)} commands for {source} in {GUIDE}")
    return lines[0]


def as_checkout():
    """A folder that looks like a checkout which has been built, for commands that write into build/."""
    folder = new_folder("guide")
    for name in ("engine", "docs"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "build" / "release").mkdir(parents=True)
    (folder / "build" / "release" / "bin").symlink_to(harness.BIN.resolve())
    return folder


def shell(folder, commands):
    result = subprocess.run(["bash", "-e", "-c", commands], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                            text=True, timeout=COMMAND_S_MAX, check=False)
    if result.returncode != 0:
        raise AssertionError(f"{commands}\nexit {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


class Guide(TestCase):
    def test_the_guide_shows_the_example_as_it_is(self):
        self.assertEqual(blocks("cpp"), [(ROOT / "docs" / "examples" / "plugin_cpp" / "filer.cpp").read_text()])

    def test_the_commands_work_as_they_stand(self):
        folder, port, server = as_checkout(), free_port(), None
        output = ""
        try:
            for block in blocks("sh"):
                block = block.replace("127.0.0.1:2525", f"127.0.0.1:{port}")
                if block.startswith("build/release/bin/ringmx serve"):
                    with open(folder / "log", "wb") as log:
                        server = subprocess.Popen(block.split(), cwd=folder, stdin=subprocess.DEVNULL, stdout=log,
                                                  stderr=log)
                    self.wait_for_port(server, port, folder / "log")
                    self.wait_for_status(folder)
                else:
                    output += shell(folder, block)
            self.assertIn("A first message.", output)
            self.assertRegex(output, r"plugin_stored +1\n")
            self.assertTrue((folder / "build" / "sqlite.toml").read_text().count("sqlite"))
        finally:
            if server is not None:
                server.terminate()
                self.assertEqual(server.wait(60), 0, (folder / "log").read_text())
            shutil.rmtree(folder)

    @staticmethod
    def wait_for_status(folder):
        """The server takes mail a moment before it opens its status socket."""
        command = ["build/release/bin/ringmxctl", "status", "--socket", "build/filer.socket"]
        deadline = time.monotonic() + harness.READY_S_MAX
        while subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise AssertionError("no status socket")
            time.sleep(0.02)

    @staticmethod
    def wait_for_port(server, port, log):
        deadline = time.monotonic() + harness.READY_S_MAX
        while time.monotonic() < deadline and server.poll() is None:
            try:
                with RawClient(port) as client:
                    client.expect(220)
                    return
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"the server does not serve:\n{log.read_text()}")


class ExampleServer(Server):
    def __init__(self, source, option, folder=None, workers=1):
        self.folder_given = folder or as_checkout()
        shared_object = compile_command(source).split(" -o ")[1].split()[0]
        if folder is None:
            shell(self.folder_given, compile_command(source))
        super().__init__({"storage": {"backend": "plugin", "durability": "machine", "workers": workers},
                          "storage.plugin": {"path": shared_object},
                          "storage.plugin.options": {"path": str(self.folder_given / option)}},
                         folder=self.folder_given)


def deliver_from(port, bodies):
    """[(id, body)], each over a connection of its own thread's."""
    with RawClient(port) as client:
        client.greet()
        ids = [(client.deliver(mailgen.stuffed(body))[-1].split()[-1], body) for body in bodies]
        client.quit()
        return ids


class Examples(TestCase):
    """Mixed sizes over several connections arrive byte-exact, over a kill -9, too."""

    def setUp(self):
        self.bodies = [mailgen.message(number, mailgen.size_of(number)) for number in range(1, scaled(80, 20))]

    def deliver_all(self, server):
        shares = [self.bodies[i::4] for i in range(4)]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return [one for part in pool.map(lambda share: deliver_from(server.port, share), shares) for one in part]

    def check_kept(self, stored, acknowledged):
        for name, body in acknowledged:
            self.assert_same_bytes(without_trace(stored[name]), body, name)
        self.assertEqual(len(stored), len(acknowledged))

    def run_over_a_kill(self, source, option, workers, read):
        server = ExampleServer(source, option, workers=workers)
        folder = server.folder
        try:
            server.start()
            acknowledged = self.deliver_all(server)
            server.kill()
            again = ExampleServer(source, option, folder=folder, workers=workers)
            with again:
                acknowledged += self.deliver_all(again)
            self.check_kept(read(folder / option), acknowledged)
        finally:
            server.kill()
            shutil.rmtree(folder)

    def test_filer_appends_every_message(self):
        self.run_over_a_kill("plugin_cpp/filer.cpp", "filed", 1, kept)

    def test_filer_cuts_off_what_a_crash_has_left(self):
        server = ExampleServer("plugin_cpp/filer.cpp", "filed")
        folder = server.folder
        try:
            with server:
                acknowledged = deliver_from(server.port, self.bodies[:3])
            with open(folder / "filed", "ab") as filed:
                filed.write(b"01890a5d-ac96-774b-bcce-b302099a8057 1000\nhalf a mess")
            with ExampleServer("plugin_cpp/filer.cpp", "filed", folder=folder) as again:
                acknowledged += deliver_from(again.port, self.bodies[3:6])
            self.check_kept(kept(folder / "filed"), acknowledged)
        finally:
            server.kill()
            shutil.rmtree(folder)

    def test_sqlite_keeps_every_message_and_recipient(self):
        def read(path):
            with sqlite3.connect(path) as db:
                rows = db.execute("select id, octets, content, reverse_path, client_name from messages").fetchall()
                recipients = db.execute("select count(*) from recipients where forward_path = 'user@example.com'")
                self.assertEqual(recipients.fetchone()[0], len(rows))
            for _, octets, content, reverse_path, client_name in rows:
                self.assertEqual((octets, reverse_path, client_name),
                                 (len(content), "sender@client.test", "client.test"))
            return {name: content for name, _, content, _, _ in rows}

        self.run_over_a_kill("plugin_c_sqlite/sqlite.c", "mail.db", 2, read)

    def test_sqlite_that_cannot_write_is_451_and_goes_on_afterwards(self):
        server = ExampleServer("plugin_c_sqlite/sqlite.c", "mail.db")
        try:
            with server, RawClient(server.port) as client:
                client.greet()
                client.deliver(b"Subject: one\r\n\r\n")
                with sqlite3.connect(server.folder / "mail.db") as db:
                    db.execute("create trigger no before insert on messages begin select raise(abort, 'no'); end")
                client.envelope()
                client.command("DATA", 354)
                client.send(b"Subject: two\r\n\r\n.\r\n")
                client.expect(451, "4.3.0")
                with sqlite3.connect(server.folder / "mail.db") as db:
                    db.execute("drop trigger no")
                client.deliver(b"Subject: three\r\n\r\n")
                client.quit()
                with sqlite3.connect(server.folder / "mail.db") as db:
                    self.assertEqual(db.execute("select count(*) from messages").fetchone()[0], 2)
        finally:
            shutil.rmtree(server.folder)
