"""Real-looking mails, the same for the same number: 8-bit text in two charsets, dots at line starts, long lines,
MIME parts, attachments up to 10 MiB. Every line ends with CR LF; nothing is dot-stuffed yet."""

import base64
import random

WORDS = ("invoice meeting Straße schedule naïve report attached regards Grüße project façade budget review следующий "
         "the of and to in is that for it on 会議 release deploy queue latency customer €100 update").split()
BOUNDARY = b"=_part_5f1c"
MIB = 1 << 20


def text_lines(rng, count, charset):
    lines = []
    for _ in range(count):
        line = " ".join(rng.choice(WORDS) for _ in range(rng.randint(0, 14)))
        lines.append(line.encode(charset, "replace"))
    return lines


def dotted_lines(rng):
    """Everything that goes wrong when stuffing is not undone exactly."""
    lines = [b".", b"..", b"...", b". ", b".hidden", b"..two dots", b". .", b"text.", b"."]
    rng.shuffle(lines)
    return lines


def long_lines(rng):
    return [bytes(rng.choices(b"abcdefghij .", k=length)).strip(b" .") or b"x"
            for length in (78, 997, 998, 999, 1000, 1001, 2048, 4095, 4096, 4097, rng.randint(5000, 70000))]


def attachment(rng, size):
    encoded = base64.encodebytes(rng.randbytes(size)).replace(b"\n", b"\r\n")
    return (b"--" + BOUNDARY + b"\r\nContent-Type: application/octet-stream; name=\"data.bin\"\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n" + encoded)


def message(number, size=0):
    """Mail `number`, with an attachment that brings it to about `size` octets."""
    rng = random.Random(number)
    charset = rng.choice(("utf-8", "iso-8859-1"))
    lines = [
        b"X-Test-Number: %d" % number,
        b"From: Sender %d <sender%d@client.test>" % (number, number),
        b"To: <user@example.com>",
        b"Subject: =?utf-8?q?Mail_=E2=84=96_%d?=" % number,
        b"Date: Mon, 23 Nov 2026 12:%02d:%02d +0000" % (number // 60 % 60, number % 60),
        b"Message-ID: <%d.%d@client.test>" % (number, rng.randrange(1 << 40)),
        b"MIME-Version: 1.0",
        b"X-Folded: first line",
        b"\tsecond line " + b"x" * rng.randint(0, 200),
        b'Content-Type: multipart/mixed; boundary="' + BOUNDARY + b'"',
        b"",
        b"--" + BOUNDARY,
        b"Content-Type: text/plain; charset=" + charset.encode(),
        b"Content-Transfer-Encoding: 8bit",
        b"",
    ]
    lines += text_lines(rng, rng.randint(1, 400), charset)
    if number % 3 == 0:
        lines += dotted_lines(rng)
    if number % 5 == 0:
        lines += long_lines(rng)
    if number % 7 == 0:
        lines += [b"From the first word on, this line looks like an mbox separator", b"", b"", b""]
    body = b"\r\n".join(lines) + b"\r\n"
    missing = size - len(body)
    if missing > 0:
        body += attachment(rng, missing * 57 // 78)
    return body + b"--" + BOUNDARY + b"--\r\n" + (b".\r\n" if number % 4 == 0 else b"")


def size_of(number):
    """Sizes as they come in the world: mostly some KiB, now and then a large one; every 200th has 10 MiB."""
    if number % 200 == 0:
        return 10 * MIB
    if number % 50 == 0:
        return 2 * MIB
    if number % 10 == 0:
        return 200 * 1024
    return random.Random(number).choice((0, 0, 4000, 16000, 60000))


def stuffed(body):
    """Mail data as it goes over the wire, without the final dot."""
    out = body.replace(b"\r\n.", b"\r\n..")
    return b"." + out if out.startswith(b".") else out
