"""Python's smtplib and raw sockets: contents that break careless servers arrive octet for octet."""

import smtplib

import mailgen
from harness import Server, TestCase, without_trace
from raw_client import RawClient

HEADER = b"Subject: test\r\n\r\n"


class Contents(TestCase):
    def round_trip(self, body, **options):
        with Server() as server:
            with smtplib.SMTP("127.0.0.1", server.port, "client.test", timeout=60) as client:
                client.sendmail("sender@client.test", ["user@example.com"], body, **options)
            self.assert_same_bytes(without_trace(self.only_message(server)), body)

    def test_eight_bit_text_is_kept(self):
        self.round_trip(HEADER + bytes(range(32, 256)) + b"\r\n", mail_options=["BODY=8BITMIME"])

    def test_dots_at_line_starts_are_kept(self):
        self.round_trip(HEADER + b".\r\n..\r\n...\r\n.a\r\n. \r\na.\r\n.\r\n")

    def test_long_lines_are_kept(self):
        self.round_trip(HEADER + b"".join(b"x" * n + b"\r\n" for n in (998, 999, 1000, 4095, 4096, 4097, 65535, 300000)))

    def test_empty_data_is_kept(self):
        self.round_trip(b"\r\n")

    def test_twenty_mebibytes_are_kept(self):
        self.round_trip(mailgen.message(1, 20 * mailgen.MIB))

    def test_fifty_different_mails_in_one_session_are_kept_in_order(self):
        bodies = [mailgen.message(number, mailgen.size_of(number) if number % 50 else 0) for number in range(1, 51)]
        with Server() as server:
            with smtplib.SMTP("127.0.0.1", server.port, "client.test", timeout=60) as client:
                for body in bodies:
                    client.sendmail("sender@client.test", ["user@example.com"], body)
            stored = {without_trace(message) for _, message in server.stored()}
            self.assertEqual(len(stored), 50)
            self.assertEqual(stored, set(bodies))

    def test_utf8_addresses_arrive_when_smtputf8_is_asked_for(self):
        with Server({"accept": {"domains": ["example.com", "пример.example"]}}) as server:
            with smtplib.SMTP("127.0.0.1", server.port, "client.test", timeout=60) as client:
                client.ehlo()
                self.assertTrue(client.has_extn("smtputf8"))
                client.sendmail("отправитель@client.test", ["jürgen@пример.example"], HEADER + "тело\r\n".encode(),
                                mail_options=["SMTPUTF8", "BODY=8BITMIME"])
            (entry, message), = server.stored()
            self.assertEqual(entry["from"], "отправитель@client.test")
            self.assertEqual(entry["recipients"], ["jürgen@пример.example"])
            self.assertIn(b"with UTF8SMTP", message.split(b"\r\n\r\n")[0])


class Pipelining(TestCase):
    def test_a_whole_session_in_one_write_is_answered_in_order(self):
        with Server() as server, RawClient(server.port) as client:
            client.expect(220)
            client.send(b"EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<user@example.com>\r\nDATA\r\n")
            for code in (250, 250, 250, 354):
                client.expect(code)
            client.send(HEADER + b"one\r\n.\r\nMAIL FROM:<b@client.test>\r\nRCPT TO:<other@foreign.test>\r\n"
                        b"RCPT TO:<user@example.com>\r\nDATA\r\n")
            for code in (250, 250, 550, 250, 354):
                client.expect(code)
            client.send(HEADER + b"two\r\n.\r\nQUIT\r\n")
            client.expect(250)
            client.expect(221)
            client.at_end()
            self.assertEqual([without_trace(m) for _, m in server.stored()], [HEADER + b"one\r\n", HEADER + b"two\r\n"])

    def test_a_session_sent_octet_by_octet_stores_the_same(self):
        script = (b"EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<user@example.com>\r\nDATA\r\n", HEADER +
                  b"..dotted\r\nlast\r\n.\r\n")
        with Server() as server, RawClient(server.port) as client:
            client.expect(220)
            for part, codes in zip(script, ((250, 250, 250, 354), (250,))):
                for octet in part:
                    client.send(bytes((octet,)))
                for code in codes:
                    client.expect(code)
            client.quit()
            self.assertEqual(without_trace(self.only_message(server)), HEADER + b".dotted\r\nlast\r\n")


class Chunking(TestCase):
    def test_chunks_are_joined_and_dots_are_not_unstuffed(self):
        chunks = [HEADER + b"first\r\n", b"..\r\n.\r\nsecond", b" half\r\n", mailgen.message(5)]
        with Server() as server, RawClient(server.port) as client:
            client.greet()
            client.envelope()
            for chunk in chunks:
                client.send(b"BDAT %d\r\n" % len(chunk) + chunk)
                client.expect(250)
            client.command("BDAT 0 LAST", 250)
            client.quit()
            self.assert_same_bytes(without_trace(self.only_message(server)), b"".join(chunks))

    def test_pipelined_chunks_in_one_write_are_stored(self):
        body = HEADER + b"".join(b"%05d\r\n" % n for n in range(20000))
        with Server() as server, RawClient(server.port) as client:
            client.greet()
            octets = b"MAIL FROM:<a@client.test> BODY=8BITMIME\r\nRCPT TO:<user@example.com>\r\n"
            pieces = [body[at:at + 30000] for at in range(0, len(body), 30000)]
            for piece in pieces[:-1]:
                octets += b"BDAT %d\r\n" % len(piece) + piece
            octets += b"BDAT %d LAST\r\n" % len(pieces[-1]) + pieces[-1] + b"QUIT\r\n"
            client.send(octets)
            for _ in range(2 + len(pieces)):
                client.expect(250)
            client.expect(221)
            client.at_end()
            self.assert_same_bytes(without_trace(self.only_message(server)), body)

    def test_binary_data_is_kept(self):
        body = HEADER + bytes(range(256)) * 300 + b"\n\r\r\n\n.\n"
        with Server() as server, RawClient(server.port) as client:
            client.greet()
            client.command("MAIL FROM:<a@client.test> BODY=BINARYMIME", 250)
            client.command("RCPT TO:<user@example.com>", 250)
            client.send(b"BDAT %d LAST\r\n" % len(body) + body)
            client.expect(250)
            client.quit()
            self.assert_same_bytes(without_trace(self.only_message(server)), body)

    def test_a_refused_chunk_is_consumed(self):
        with Server() as server, RawClient(server.port) as client:
            client.greet()
            client.send(b"BDAT 14 LAST\r\nRSET\r\nRSET\r\nXX")
            client.expect(503)
            client.command("NOOP", 250)
            client.deliver(HEADER + b"after\r\n")
            client.quit()
            self.assertEqual(len(server.stored()), 1)
