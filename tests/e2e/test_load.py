"""ringmx-load against ringmx, its own sink, smtp-sink, Postfix, aiosmtpd, and a server that misbehaves on request."""

import asyncio
import collections
import contextlib
import ipaddress
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import threading
import time
import unittest

from generator import LoadTestCase, load, scripted, serving, sink
from harness import Server, free_port, new_folder, program, scaled
from postfix import Postfix


class Servers(LoadTestCase):
    """Every message is acknowledged by any server, and where it can be seen, arrived."""

    def test_ringmx_stores_what_was_acknowledged(self):
        messages = scaled(2000, 200)
        with Server({"accept": {"domains": ["*"]}}) as server:
            for number, mode in enumerate(("single", "pipelined", "bdat"), 1):
                run = load(server.port, "--mode", mode, "-m", str(messages), "-c", "20", "--threads", "2",
                           "--pid", str(server.process.pid))
                self.assert_all_acknowledged(run, messages)
                self.assertEqual(run.latency_us["message"]["count"], messages)
                self.assertEqual(run.latency_us["data"]["count"], messages)
                self.assertGreater(run.server_cpu["us_per_message"], 0)
                self.assertEqual(len(server.listing()), messages * number)

    def test_smtp_sink(self):
        with serving("/usr/sbin/smtp-sink", "-u", "nobody", "127.0.0.1:{port}", "100") as (port, _):
            self.assert_all_acknowledged(load(port, "-m", "500"), 500)
            self.assert_all_acknowledged(load(port, "-m", "500", "--mode", "pipelined", "--per-connection", "3"), 500)
            refused = load(port, "-m", "500", "--mode", "bdat")
            self.assertEqual(refused.code, 1)
            self.assertIn("CHUNKING", refused.output)

    def test_postfix(self):
        with Postfix(free_port()) as postfix:  # nothing listens there: it accepts and queues
            for mode in ("single", "pipelined", "bdat"):
                run = load(postfix.port, "--mode", mode, "-m", "60", "-c", "5", "--recipients", "3")
                self.assert_all_acknowledged(run, 60)

    def test_aiosmtpd(self):
        try:
            from aiosmtpd.controller import UnthreadedController
        except ImportError:
            raise unittest.SkipTest("python3-aiosmtpd is not installed") from None
        received = []

        class Handler:
            async def handle_DATA(self, server, session, envelope):
                received.append((tuple(envelope.rcpt_tos), bytes(envelope.content)))
                return "250 kept"

        port = free_port()
        loop = asyncio.new_event_loop()
        controller = UnthreadedController(Handler(), hostname="127.0.0.1", port=port, loop=loop)
        controller.begin()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            run = load(port, "-m", "100", "-c", "5", "--mode", "pipelined", "--recipients", "2", "--size", "2KiB",
                       "--unique")
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            controller.end()
            loop.close()
        self.assert_all_acknowledged(run, 100)
        self.assertIn("does not offer PIPELINING", run.output)
        self.assertEqual(run.mode, "one command at a time")
        self.assertEqual({recipients for recipients, _ in received},
                         {("recipient@example.com", "recipient-2@example.com")})
        self.assertEqual({len(content) for _, content in received}, {2048})
        self.assertEqual(len({content for _, content in received}), 100, "unique mails")

    def test_sink_takes_every_mode(self):
        with sink() as (port, _):
            for arguments in (("--mode", "single"), ("--mode", "pipelined"),
                              ("--mode", "bdat", "--bdat-chunk", "700", "--unique"),
                              ("--per-connection", "1"), ("--sources", "50", "--threads", "2")):
                self.assert_all_acknowledged(load(port, "-m", "1000", "--size", "2000", *arguments), 1000)


class Mails(LoadTestCase):
    def test_real_mails_arrive_as_they_are(self):
        folder = new_folder("mails")
        mails = [b"Subject: dots\r\n\r\n.\r\n..two\r\n.end\r\n", b"Subject: 8bit\r\n\r\n\xe4\xf6\xfc\r\n",
                 b"Subject: long\r\n\r\n" + b"0123456789" * 9000 + b"\r\n"]
        for number, mail in enumerate(mails):
            (folder / f"{number}.eml").write_bytes(mail.replace(b"\r\n", b"\n"))
        try:
            for mode in ("single", "bdat"):
                with Server() as server:
                    self.assert_all_acknowledged(
                        load(server.port, "-m", "30", "-c", "3", "--mode", mode, "--corpus", str(folder)), 30)
                    bodies = {self.body(server, entry) for entry in server.listing()}
                    self.assertEqual(bodies, set(mails))
        finally:
            shutil.rmtree(folder)

    def test_mbox(self):
        folder = new_folder("mails")
        (folder / "box").write_bytes(b"From a@b now\nSubject: 1\n\none\n\nFrom a@b now\nSubject: 2\n\ntwo\n>From\n\n")
        try:
            with Server() as server:
                self.assert_all_acknowledged(load(server.port, "-m", "20", "-c", "2", "--corpus", str(folder / "box")),
                                             20)
                bodies = {self.body(server, entry) for entry in server.listing()}
                self.assertEqual(bodies, {b"Subject: 1\r\n\r\none\r\n", b"Subject: 2\r\n\r\ntwo\r\n>From\r\n"})
        finally:
            shutil.rmtree(folder)

    def body(self, server, entry):
        return server.spool("cat", "--body", entry["id"])


class Acks(LoadTestCase):
    def verify(self, server, acks):
        return server.spool("verify", "--json", "--acks", str(acks), check=False)

    def test_everything_acknowledged_is_found_after_a_kill(self):
        with Server(expect_exit=-signal.SIGKILL) as server:
            acks = server.folder / "acks"
            process = subprocess.Popen([program("ringmx-load"), f"127.0.0.1:{server.port}", "-d", "600", "-q",
                                        "--mode", "pipelined", "--acks", str(acks)], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                deadline = time.monotonic() + 120
                while time.monotonic() < deadline and (not acks.exists() or acks.stat().st_size < 20000):
                    time.sleep(0.05)
                server.process.kill()
                server.process.wait()
                process.send_signal(signal.SIGINT)
                process.wait(60)
            finally:
                process.kill()
                process.wait()
            result = self.verify(server, acks)
            self.assertEqual(result.returncode, 0, result.stdout)
            report = json.loads(result.stdout)["acks"]
            self.assertGreater(report["acks"], 100)
            self.assertEqual(report["found"], report["acks"])

    def test_what_is_missing_or_different_is_told(self):
        with Server() as server:
            acks = server.folder / "acks"
            for mode in ("single", "bdat"):
                self.assert_all_acknowledged(
                    load(server.port, "-m", "50", "-c", "5", "--mode", mode, "--acks", str(acks)), 50)
            lines = acks.read_text().splitlines()
            self.assertEqual(len(lines), 50)
            for line in lines:
                self.assertRegex(line, r"^[0-9a-f-]{36} [0-9a-f]{64} 1024$")
            result = self.verify(server, acks)
            self.assertEqual(result.returncode, 0, result.stdout)
            report = json.loads(result.stdout)["acks"]
            self.assertEqual((report["found"], report["beyond"]), (50, 50), "the first run's are beyond the file")

            changed = lines[0][:37] + "0" * 64 + lines[0][101:]
            lost = "0" * 8 + lines[1][8:]
            acks.write_text("\n".join([changed, lost, *lines[2:]]) + "\n")
            result = self.verify(server, acks)
            self.assertEqual(result.returncode, 4, result.stdout)
            report = json.loads(result.stdout)["acks"]
            self.assertEqual((report["found"], report["different"], report["missing"]), (48, 1, 1))


class OpenLoop(LoadTestCase):
    def test_the_rate_is_kept_and_a_stall_is_seen(self):
        """A server that stops for a second: what was due meanwhile waited, and the latencies show it."""
        stall_s = 1.0
        with sink() as (port, process):
            stall = threading.Timer(2, self.stall, (process, stall_s))
            stall.start()
            run = load(port, "--rate", "300", "-d", "5s", "-c", "20", "--threads", "1")
            stall.join()
        self.assertEqual(run.code, 0, run.output)
        acknowledged = run.messages["acknowledged"]
        self.assertGreater(acknowledged, 1500 - 6 * 39, "five seconds at 300, six standard deviations")
        self.assertLess(acknowledged, 1500 + 6 * 39)
        # About 300 of 1500 were due in the stall; half of them waited for more than half a second. With 20
        # connections a closed loop would have seen 20 slow messages, and nothing of it in p99.
        self.assertGreater(run.latency_us["message"]["max"], 0.9e6 * stall_s)
        self.assertGreater(run.latency_us["message"]["p90"], 0.2e6 * stall_s)
        self.assertEqual(run.latency_us["message"]["count"], acknowledged)

    def stall(self, process, seconds):
        process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        process.send_signal(signal.SIGCONT)

    def test_what_a_dead_server_never_answers_is_in_the_latencies(self):
        with sink() as (port, process):
            stop = threading.Timer(1, process.send_signal, (signal.SIGSTOP,))
            stop.start()
            run = load(port, "--rate", "200", "-d", "3s", "--drain", "1s", "-c", "5")
            stop.join()
        self.assertEqual(run.code, 2, run.output)
        messages = run.messages
        self.assertEqual(messages["unfinished"], 5, run.output)
        self.assertGreater(messages["never_sent"], 0)
        self.assertEqual(run.latency_us["message"]["count"],
                         messages["acknowledged"] + messages["unfinished"] + messages["never_sent"])
        self.assertGreater(run.latency_us["message"]["max"], 0.5e6)
        self.assertIn("never sent", run.output)

    def test_warm_up_is_left_out(self):
        folder = new_folder("load")
        with sink() as (port, _):
            run = load(port, "--rate", "200", "--arrivals", "even", "-d", "1s", "--warmup", "1s", "--ramp", "1s",
                       "--csv", str(folder / "load.csv"), "--report", str(folder / "load.html"), folder=folder)
        self.assertEqual(run.code, 0, run.output)
        self.assertAlmostEqual(run.messages["acknowledged"], 200, delta=1)
        lines = (folder / "load.csv").read_text().splitlines()
        self.assertTrue(lines[0].startswith("second,acknowledged,"))
        self.assertAlmostEqual(sum(int(line.split(",")[1]) for line in lines[1:]), 500, delta=1,
                               msg="the series has all of it: 100 in the ramp, 200 in the warm-up")
        page = (folder / "load.html").read_text()
        self.assertEqual(page.count("<svg "), 3)
        self.assertNotIn("http", page.replace("http://www.w3.org", ""))
        self.assertNotIn("<script", page)
        shutil.rmtree(folder)


class Options(LoadTestCase):
    """Options whose effect shows at the server, on the terminal or in the figures of the operating system."""

    def test_source_addresses_are_spread(self):
        with scripted() as (port, server):
            self.assert_all_acknowledged(load(port, "-m", "40", "-c", "8", "--sources", "4", "--threads", "2"), 40)
        addresses = collections.Counter(int(ipaddress.ip_address(peer)) for peer in server.peers[1:])  # [0]: the probe's
        self.assertEqual(list(addresses.values()), [2] * 4)
        base = int(ipaddress.ip_address("127.0.0.0"))
        for number, address in enumerate(sorted(addresses)):
            self.assertAlmostEqual(address - base, number * 2 ** 22, delta=3)
        self.assertNotIn(base, addresses)

    def test_recipients_are_those_named_then_numbered_ones(self):
        cases = ((("--to", "a@x.test", "--to", "b@x.test"), ["a@x.test", "b@x.test"]),
                 (("--to", "a@x.test", "--to", "b@x.test", "--recipients", "3"), ["a@x.test", "b@x.test", "a-2@x.test"]),
                 ((), ["recipient@example.com"]))
        for arguments, recipients in cases:
            with self.subTest(arguments=arguments), scripted() as (port, server):
                self.assert_all_acknowledged(load(port, "-m", "2", "-c", "1", *arguments), 2)
                self.assertEqual(server.recipients, recipients * 2)
        run = load(25, "--to", "a@x.test", "--to", "b@x.test", "--recipients", "1")
        self.assertEqual(run.code, 64)
        self.assertIn("--recipients", run.output)

    def test_a_ramp_opens_connections_one_by_one(self):
        opened = []
        with scripted(EHLO=lambda _: opened.append(time.monotonic()) or "250 test\r\n") as (port, _):
            run = load(port, "-c", "20", "--ramp", "2s", "-d", "500ms")
        self.assertEqual(run.code, 0, run.output)
        self.assertEqual(len(opened), 21)
        gaps = [later - earlier for earlier, later in zip(opened[1:], opened[2:])]
        self.assertAlmostEqual(sum(gaps), 1.9, delta=0.5)
        self.assertLess(max(gaps), 0.7)

    def test_live_line_on_a_terminal_only(self):
        with sink() as (port, _):
            master, terminal = pty.openpty()
            arguments = [program("ringmx-load"), f"127.0.0.1:{port}", "-d", "1s", "--warmup", "1s"]
            process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=terminal)
            os.close(terminal)
            text = b""
            with contextlib.suppress(OSError):  # the other side is closed
                while piece := os.read(master, 4096):
                    text += piece
            os.close(master)
            self.assertEqual(process.wait(), 0)
            self.assertRegex(text.decode(), r"\d of 2\.0 s warm-up +\d+ acknowledged +\d+/s")
            self.assertRegex(text.decode(), r"\d of 2\.0 s +[1-9]\d* acknowledged +[1-9]\d*/s")
            self.assertTrue(text.endswith(b"\r\033[K"), "the line is gone at the end")
            quiet = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, check=True)
            self.assertEqual(quiet.stderr, b"")

    def test_cpu_time_of_a_control_group(self):
        root = next((root for root in (pathlib.Path("/sys/fs/cgroup"), pathlib.Path("/sys/fs/cgroup/unified"))
                     if (root / "cgroup.procs").exists() and (root / "cpu.stat").exists()), None)
        group = root / f"ringmx-load-test-{os.getpid()}" if root else None
        try:
            group.mkdir()
        except (AttributeError, OSError):
            self.skipTest("no control group (version 2) can be made")
        try:
            with sink() as (port, process):
                (group / "cgroup.procs").write_text(str(process.pid))
                by_group = load(port, "-m", "5000", "--cgroup", str(group))
                by_process = load(port, "-m", "5000", "--pid", str(process.pid))
            ratio = by_group.server_cpu["us_per_message"] / by_process.server_cpu["us_per_message"]
            self.assertTrue(0.3 < ratio < 3, ratio)
        finally:
            group.rmdir()

    def test_another_address_of_this_host(self):
        """0.0.0.0 is not of 127.0.0.0/8, and is this host."""
        with sink() as (port, _):
            self.assertEqual(load(port, "-m", "10", host="0.0.0.0").code, 64)
            self.assert_all_acknowledged(load(port, "-m", "10", "--i-own-this-host", "0.0.0.0", host="0.0.0.0"), 10)


class Replies(LoadTestCase):
    """4xx and 5xx at every place, and servers that end or do not answer."""

    def test_a_refusal_anywhere_is_counted_and_the_connection_goes_on(self):
        cases = {"MAIL": ("450 no\r\n", "rejected_4xx"), "RCPT": ("550-no\r\n550 no\r\n", "rejected_5xx"),
                 "DATA": ("451 no\r\n", "rejected_4xx"), "FINAL": ("554 no\r\n", "rejected_5xx")}
        for pipelining in ("", "250-PIPELINING\r\n"):
            ehlo = f"250-test\r\n{pipelining}250 8BITMIME\r\n"
            for verb, (reply, counter) in cases.items():
                with self.subTest(verb=verb, pipelining=bool(pipelining)):
                    # The second of each is refused.
                    odd = (lambda text: lambda count: text if count == 2 else
                           {"DATA": "354 go\r\n"}.get(verb, "250 OK\r\n"))(reply)
                    with scripted(EHLO=ehlo, **{verb: odd}) as (port, server):
                        run = load(port, "-m", "10", "-c", "1", "--mode", "pipelined")
                    self.assertEqual(run.code, 2, run.output)
                    self.assertEqual(run.messages["acknowledged"], 9, run.output)
                    self.assertEqual(run.messages[counter], 1, run.output)
                    self.assertEqual(run.errors, {}, run.output)
                    self.assertEqual(run.replies[reply[:3]], 1)
                    self.assertEqual(run.connections_opened, 1)
                    open_transaction = verb in ("RCPT", "DATA") and server.seen.get("RSET", 0)
                    if verb == "DATA" or (verb == "RCPT" and not pipelining):
                        self.assertEqual(open_transaction, 1, "RSET behind a transaction that is still open")

    def test_one_refused_recipient_of_three(self):
        with scripted(RCPT=lambda count: "550 no\r\n" if count % 3 == 2 else "250 OK\r\n") as (port, _):
            run = load(port, "-m", "10", "-c", "1", "--recipients", "3")
        self.assertEqual(run.messages["acknowledged"], 10, run.output)
        self.assertEqual(run.messages["recipients_refused"], 10)

    def test_refused_bdat(self):
        ehlo = "250-test\r\n250-PIPELINING\r\n250 CHUNKING\r\n"
        with scripted(EHLO=ehlo, BDAT=lambda count: "552 no\r\n" if count == 2 else "250 OK\r\n") as (port, server):
            run = load(port, "-m", "10", "-c", "1", "--mode", "bdat")
        self.assertEqual((run.messages["acknowledged"], run.messages["rejected_5xx"]), (9, 1), run.output)
        self.assertEqual(server.seen["RSET"], 1)

    def test_421_and_a_closed_connection_lose_one_message_each(self):
        for reply, error in (("421 down\r\n", "shut_down"), (None, "closed"), ("nonsense\r\n", "malformed")):
            with self.subTest(error=error), \
                    scripted(RCPT=lambda count, r=reply: r if count == 3 else "250 OK\r\n") as (port, _):
                run = load(port, "-m", "10", "-c", "1")
                self.assertEqual(run.code, 2, run.output)
                self.assertEqual((run.messages["acknowledged"], run.messages["failed"]), (9, 1), run.output)
                self.assertEqual(run.errors, {error: 1}, run.output)

    def test_a_reply_that_does_not_come_is_a_timeout(self):
        def slow(count):
            if count == 2:
                time.sleep(3)
            return "250 OK\r\n"

        with scripted(MAIL=slow) as (port, _):
            run = load(port, "-m", "5", "-c", "1", "--timeout", "500ms")
        self.assertEqual(run.errors, {"timeout": 1}, run.output)
        self.assertEqual((run.messages["acknowledged"], run.messages["failed"]), (4, 1))

    def test_servers_that_cannot_be_used(self):
        with scripted(BANNER="554 go away\r\n") as (port, _):
            run = load(port)
            self.assertEqual(run.code, 1)
            self.assertIn("554 go away", run.output)
        with scripted(EHLO="502 no\r\n") as (port, server):
            self.assert_all_acknowledged(load(port, "-m", "5", "-c", "1"), 5)
            self.assertEqual(server.seen["HELO"], 2, "the probe's and the connection's")
        run = load(free_port())
        self.assertEqual(run.code, 1)
        self.assertIn("Connection refused", run.output)


class HardClients(LoadTestCase):
    def test_they_do_not_disturb_the_count_and_leave_nothing_behind(self):
        with Server() as server:
            acks = server.folder / "acks"
            run = load(server.port, "-d", "3s", "-c", "40", "--slow", "10%", "--stalled", "10%", "--resetting", "10%",
                       "--half-closing", "10%", "--one-shot", "10%", "--slow-rate", "5000", "--acks", str(acks))
            self.assertEqual(run.code, 0, run.output)
            hard = run.hard_clients
            self.assertEqual(set(hard), {"slow", "stalled", "resetting", "half_closing"})
            self.assertGreater(hard["slow"]["acknowledged"], 4, run.output)  # four clients, one after the other
            self.assertEqual(hard["stalled"]["acknowledged"], 0)
            self.assertEqual(hard["resetting"]["acknowledged"], 0)
            self.assertGreater(hard["resetting"]["connections"], 4)
            self.assertGreater(hard["half_closing"]["acknowledged"], 4, run.output)
            self.assertGreater(run.connections_opened, 36, "one-shot clients come again and again")
            result = server.spool("verify", "--json", "--acks", str(acks), check=False)
            self.assertEqual(result.returncode, 0, result.stdout)
            report = json.loads(result.stdout)["acks"]
            self.assertEqual(report["found"], report["acks"])


class CommandLine(LoadTestCase):
    def test_only_loopback_without_saying_so(self):
        run = load(25, host="192.0.2.1")
        self.assertEqual(run.code, 64)
        self.assertIn("--i-own-this-host 192.0.2.1", run.output)
        self.assertEqual(load(25, "--i-own-this-host", "192.0.2.2", host="192.0.2.1").code, 64)

    def test_wrong_values_are_named(self):
        for arguments in (("--size", "10"), ("--slow", "120%"), ("--duration", "soon"), ("--corpus", "/nowhere"),
                          ("--slow", "60%", "--stalled", "60%"), ("--warmup", "5s"), ("--bdat-chunk", "100"), ("--congestion", "none")):
            with self.subTest(arguments=arguments), sink() as (port, _):
                run = load(port, *arguments)
                self.assertIn(run.code, (1, 64))
                self.assertTrue(run.output.strip())

    def test_interrupt_ends_it_with_a_report(self):
        with sink() as (port, _):
            process = subprocess.Popen([program("ringmx-load"), f"127.0.0.1:{port}", "-d", "600s"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
            time.sleep(1)
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=60)
        self.assertIn("interrupted", output)
        self.assertRegex(output, r"acknowledged +[1-9]\d* of")

    def test_the_manual_names_every_option(self):
        manual = pathlib.Path(__file__).resolve().parents[2] / "docs" / "load.md"
        text = manual.read_text()
        listed = subprocess.run([program("ringmx-load"), "--help"], capture_output=True, text=True, check=True).stdout
        options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", listed)) - {"--help"}
        self.assertEqual({option for option in options if option not in text}, set())
