"""The first thing a new user does: one message with swaks, one with curl, the very lines of README.md."""

import re
import subprocess

from harness import ROOT, Server, TestCase, new_folder, without_trace

README = ROOT / "README.md"


def readme_lines(program):
    """The lines of the README's shell blocks that begin with a program's name."""
    blocks = re.findall(r"^```sh\n(.*?)^```", README.read_text(), re.M | re.S)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines()
            if line.startswith(program + " ") or f"| {program} " in line]


def shell(line, server, folder):
    """Runs a line of the README as it stands, but for the port."""
    return subprocess.run(["bash", "-c", line.replace("127.0.0.1:2525", f"127.0.0.1:{server.port}")], cwd=folder,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)


class FirstMessage(TestCase):
    def send_readme_line(self, program):
        lines = readme_lines(program)
        self.assertTrue(lines, f"README.md shows no {program} line")
        with Server() as server:
            for line in lines:
                sent = shell(line, server, server.folder)
                self.assertEqual(sent.returncode, 0, sent.stdout + sent.stderr)
            stored = server.stored()
            self.assertEqual(len(stored), len(lines))
            return stored

    def test_the_swaks_line_of_the_readme_is_accepted_and_stored(self):
        entry, message = self.send_readme_line("swaks")[0]
        self.assertEqual(entry["recipients"], ["user@example.com"])
        self.assertIn(b"swaks", message)

    def test_the_curl_line_of_the_readme_is_accepted_and_stored(self):
        entry, message = self.send_readme_line("curl")[0]
        self.assertEqual(entry["recipients"], ["user@example.com"])
        self.assertIn(b"Subject:", message)

    def test_a_message_is_listed_by_ls_and_shown_by_cat(self):
        with Server() as server:
            sent = subprocess.run(["swaks", "--server", f"127.0.0.1:{server.port}", "--to", "user@example.com",
                                   "--from", "sender@client.test", "--body", "a first body"],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(sent.returncode, 0, sent.stdout + sent.stderr)
            entry, = server.listing()
            self.assertEqual(entry["from"], "sender@client.test")
            self.assertEqual(entry["recipients"], ["user@example.com"])
            message = server.spool("cat", entry["id"])
            self.assertTrue(message.startswith(b"Received: "), message[:80])
            self.assertIn(b"\r\na first body\r\n", message)
            self.assertEqual(len(message), entry["size"])
            self.assertIn(entry["id"], sent.stdout, "the 250 shows the message's id")
            self.assertIn(entry["id"].encode(), message, "the trace header shows the message's id")

    def test_curl_uploads_a_file_octet_by_octet(self):
        body = b"Subject: from curl\r\n\r\n" + b"".join(b".line %d of \xc3\xa9t\xc3\xa9\r\n" % n for n in range(5000))
        folder = new_folder("curl")
        (folder / "mail.eml").write_bytes(body)
        with Server() as server:
            sent = subprocess.run(["curl", "--silent", "--show-error", f"smtp://127.0.0.1:{server.port}/client.test",
                                   "--mail-from", "sender@client.test", "--mail-rcpt", "user@example.com",
                                   "--mail-rcpt", "second@example.com", "--upload-file", str(folder / "mail.eml")],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(sent.returncode, 0, sent.stderr)
            (entry, message), = server.stored()
            self.assertEqual(entry["recipients"], ["user@example.com", "second@example.com"])
            self.assert_same_bytes(without_trace(message), body)
