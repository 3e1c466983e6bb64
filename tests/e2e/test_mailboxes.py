"""A Maildir for each recipient: every recipient finds its mail, its own address only, and nothing lies elsewhere."""

import mailgen
from harness import Server, TestCase, scaled, without_trace
from raw_client import RawClient

DOMAINS = ["example.com", "example.net", "[192.0.2.1]"]

# Recipient as it is sent, and its folder below the prefix.
RECIPIENTS = {
    "user@example.com": "example.com/user",
    "User.Name+tag@Example.NET": "example.net/user.name+tag",
    '"quoted"@example.com': "example.com/quoted",
    '"../../../../tmp/x"@example.com': "example.com/%2E.%2F..%2F..%2F..%2Ftmp%2Fx",
    '".."@example.com': "example.com/%2E.",
    '"."@example.net': "example.net/%2E",
    '"/etc/passwd"@example.com': "example.com/%2Fetc%2Fpasswd",
    '".ringmx-tmp"@example.com': "example.com/%2Eringmx-tmp",
    '""@example.com': "example.com/%",
    '"a@b \\" c"@example.com': "example.com/a%40b%20%22%20c",
    "a/b@example.net": "example.net/a%2Fb",
    "a%2fb@example.net": "example.net/a%252fb",
    "literal@[192.0.2.1]": "%5B192.0.2.1%5D/literal",
    "postmaster": "mx.test/postmaster",
}


class Mailboxes(TestCase):
    def server(self, **overrides):
        server = Server({"accept": {"domains": DOMAINS}, "storage": {"backend": "maildir", "workers": 2},
                         "storage.maildir": {"path": "mail/{domain}/{local}/Maildir", "min_free": "16MiB"}, **overrides})
        (server.folder / "mail").mkdir()
        return server

    def send(self, client, body, recipients, code=250):
        client.command("MAIL FROM:<sender@client.test>", 250)
        for recipient in recipients:
            client.command(f"RCPT TO:<{recipient}>", 250)
        client.command("DATA", 354)
        client.send(mailgen.stuffed(body) + b".\r\n")
        return client.expect(code)

    def files(self, server):
        """{folder of a mailbox: [octets of its files]}; fails if a file is anywhere but in a `new`."""
        found = {}
        ours = {server.config_path, server.log_path}
        for path in server.folder.rglob("*"):
            self.assertFalse(path.is_symlink(), path)
            if not path.is_file() or path in ours:
                continue
            self.assertEqual(path.parent.parts[-2:], ("Maildir", "new"), path)
            mailbox = str(path.parents[2].relative_to(server.folder / "mail"))
            found.setdefault(mailbox, []).append(path.read_bytes())
        return found

    def check_file(self, octets, recipient, body):
        head = f"Return-Path: <sender@client.test>\r\nX-Original-To: {recipient}\r\n".encode()
        self.assert_same_bytes(octets[:len(head)], head, "headers of delivery")
        self.assert_same_bytes(without_trace(octets[len(head):]), body)

    def test_every_recipient_has_the_message_under_its_own_address_only(self):
        body = mailgen.message(15)
        with self.server() as server:
            with RawClient(server.port) as client:
                client.greet()
                self.send(client, body, RECIPIENTS)
                client.quit()
            found = self.files(server)
            self.assertEqual(sorted(found), sorted(RECIPIENTS.values()))
            for recipient, mailbox in RECIPIENTS.items():
                self.assertEqual(len(found[mailbox]), 1, mailbox)
                self.check_file(found[mailbox][0], recipient, body)
                for other in set(RECIPIENTS) - {recipient}:
                    self.assertNotIn(f": {other}\r\n".encode(), found[mailbox][0])

    def test_messages_of_all_sizes_arrive_whole_and_once(self):
        bodies = [mailgen.message(number, mailgen.size_of(number)) for number in range(1, scaled(60, 12))]
        bodies.append(mailgen.message(999, 5 * mailgen.MIB))
        recipients = ["one@example.com", "two@example.net", "ONE@example.com", "one@example.com"]
        with self.server() as server:
            with RawClient(server.port) as client:
                client.greet()
                for body in bodies:
                    self.send(client, body, recipients)
                client.quit()
            found = self.files(server)
            self.assertEqual(sorted(found), ["example.com/one", "example.net/two"])
            for files in found.values():
                self.assertEqual(len(files), len(bodies))
                got = sorted(without_trace(file[file.index(b"Received: "):]) for file in files)
                for one, sent in zip(got, sorted(bodies)):
                    self.assert_same_bytes(one, sent)

    def test_a_link_that_leads_out_is_refused_for_all_and_the_others_go_on(self):
        body = mailgen.message(3)
        with self.server() as server:
            outside = server.folder / "outside"
            outside.mkdir()
            (server.folder / "mail" / "example.com" / "evil").mkdir(parents=True)
            link = server.folder / "mail" / "example.com" / "evil" / "Maildir"
            link.symlink_to(outside)
            with RawClient(server.port) as client:
                client.greet()
                self.send(client, body, ["good@example.com", "evil@example.com"], 451)
                self.assertEqual(list(outside.iterdir()), [])
                link.unlink()
                self.assertEqual(self.files(server), {})
                self.send(client, body, ["good@example.com", "evil@example.com"])
                client.quit()
            self.assertEqual(sorted(self.files(server)), ["example.com/evil", "example.com/good"])
