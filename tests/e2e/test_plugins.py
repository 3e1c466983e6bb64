"""Storage plugins in the real server: one that behaves, and every way in which one can misbehave (tests/plugins/)."""

import collections
import json
import os
import pathlib
import subprocess
import time

import harness
import mailgen
from harness import Server, TestCase, new_folder, plugin_path, program, scaled, without_trace
from load import Fleet, one_message
from raw_client import RawClient, session_ended

BODY = b"Subject: test\r\n\r\nbody\r\n"


class PluginServer(Server):
    """A server whose backend is a test plugin with these options; they may name the file `gate` in its folder."""

    def __init__(self, plugin="actor", options=None, overrides=None, **keywords):
        folder = new_folder("plugin")
        self.gate = folder / "gate"
        self.file = folder / "kept"
        self.socket = folder / "s"
        sections = {"storage": {"backend": "plugin"}, "storage.plugin": {"path": plugin_path(plugin)},
                    "storage.plugin.options": options or {}, "admin": {"socket": str(self.socket)}}
        for section, keys in (overrides or {}).items():
            sections.setdefault(section, {}).update(keys)
        super().__init__(sections, folder=folder, **keywords)
        self.owns_folder = True

    def wait_ready(self):
        super().wait_ready()
        self.wait_for("the status socket", lambda: self.ctl("status", "--socket", str(self.socket),
                                                            check=False).returncode == 0)

    def storage(self):
        """The counters of storage, as `ringmxctl status --json` tells them."""
        return json.loads(self.ctl("status", "--json", "--config", str(self.config_path)))["storage"]

    def total(self):
        return json.loads(self.ctl("status", "--json", "--config", str(self.config_path)))["total"]

    def wait_for(self, what, happened, timeout_s=60):
        deadline = time.monotonic() + timeout_s
        while not happened():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {timeout_s} s: {what}\n{self.log()[-4000:]}")
            time.sleep(0.02)

    def wait_for_counter(self, name, value):
        self.wait_for(f"{name} {value}, but {self.storage()}", lambda: self.storage()["counters"][name] == value)

    def events(self, event):
        lines = [line for line in self.log().splitlines() if line.startswith("{")]
        return [entry for entry in map(json.loads, lines) if entry["event"] == event]


def kept(path):
    """What the plugin `actor` has written: {id: content}."""
    octets, at, messages = path.read_bytes(), 0, {}
    while at < len(octets):
        end = octets.index(b"\n", at)
        name, size = octets[at:end].split(b" ")
        messages[name.decode()] = octets[end + 1:end + 1 + int(size)]
        at = end + 1 + int(size)
    return messages


def send_data(client, data=BODY):
    """A whole transaction up to the final dot, whose reply is not read."""
    client.envelope()
    client.command("DATA", 354)
    client.send(data + b".\r\n")


class Plugins(TestCase):
    def test_messages_arrive_byte_exact_under_the_id_of_the_250(self):
        bodies = [mailgen.message(number, mailgen.size_of(number)) for number in range(1, scaled(80, 20))]
        server = PluginServer(overrides={"storage": {"workers": 2}})
        server.sections["storage.plugin.options"]["file"] = str(server.file)
        with server:
            ids = []
            for client_number in range(2):  # over both cores, perhaps
                with RawClient(server.port) as client:
                    client.greet()
                    for body in bodies[client_number::2]:
                        ids.append((client.deliver(mailgen.stuffed(body))[-1].split()[-1], body))
                    client.quit()
            messages = kept(server.file)
            self.assertEqual(len(messages), len(bodies))
            for name, body in ids:
                self.assert_same_bytes(without_trace(messages[name]), body)
            storage = server.storage()
            self.assertEqual(storage["backend"], "actor")
            self.assertEqual(storage["durability"], "machine")
            self.assertEqual(storage["counters"], {
                "plugin_submitted": len(bodies), "plugin_stored": len(bodies), "plugin_retried": 0,
                "plugin_rejected": 0, "plugin_in_flight": 0, "plugin_false_completions": 0,
                "actor.octets": sum(map(len, messages.values()))})
            self.assertIn(b"actor.octets", server.ctl("status", "--config", str(server.config_path)))

    def test_options_reach_the_plugin_as_text(self):
        with PluginServer(options={"say": ["one", "two \u00e4"], "durability": 3, "in_flight_max": 5}) as server:
            self.assertEqual(server.storage()["durability"], "replicated")
            server.wait_for("the lines", lambda: len(server.events("plugin")) >= 3)
            lines = [entry["text"] for entry in server.events("plugin")]
            self.assertEqual(lines, ["loaded", "one", "two \u00e4"])
            server.wait_for("its line", lambda: server.events("start"))
            self.assertEqual(server.events("start")[0]["backend"], "actor")
            self.assertEqual(server.events("start")[0]["durability"], "replicated")

    def test_retry_is_451_and_reject_554_with_the_plugins_text(self):
        for mode, code, enhanced in (("retry", 451, "4.3.0"), ("reject", 554, "5.3.0")):
            text = f"{mode} because of the weather " + "x" * 120
            with PluginServer(options={"mode": mode, "text": text}) as server, RawClient(server.port) as client:
                client.greet()
                for _ in range(3):
                    send_data(client)
                    self.assertEqual(client.expect(code, enhanced)[-1], f"{enhanced} {text}")
                client.quit()
                server.wait_for("the log", lambda: len(server.events("refused")) == 3)
                self.assertEqual(server.events("refused")[0]["reply"], text)

    def test_a_second_completion_is_counted_and_logged_and_does_nothing(self):
        with PluginServer(options={"mode": "twice"}) as server, RawClient(server.port) as client:
            client.greet()
            for _ in range(5):
                client.deliver(BODY)
            client.quit()
            counters = server.storage()["counters"]
            self.assertEqual((counters["plugin_stored"], counters["plugin_rejected"]), (5, 0))
            self.assertEqual(counters["plugin_false_completions"], 5)
            server.wait_for("the log", lambda: len(server.events("plugin")) == 6)
            self.assertEqual(server.events("plugin")[-1]["level"], "error")

    def test_completions_from_another_thread_are_answered(self):
        server = PluginServer(options={"mode": "late"})
        server.sections["storage.plugin.options"]["gate"] = str(server.gate)
        with server, RawClient(server.port) as client, RawClient(server.port) as other:
            for one in (client, other):
                one.greet()
                send_data(one, mailgen.stuffed(mailgen.message(3, 200000)))
            server.wait_for_counter("plugin_in_flight", 2)
            server.gate.touch()
            for one in (client, other):
                one.expect(250)
                one.quit()
            self.assertEqual(server.storage()["counters"]["plugin_stored"], 2)

    def test_a_completion_that_comes_after_the_client_was_told_4xx_does_no_harm(self):
        server = PluginServer(options={"mode": "late"}, overrides={"timeouts": {"end_of_data": 1}})
        server.sections["storage.plugin.options"]["gate"] = str(server.gate)
        with server:
            with RawClient(server.port) as client:
                client.greet()
                send_data(client)
                self.assertIn(client.reply()[0], (421, 451))
            self.assertEqual(server.storage()["counters"]["plugin_in_flight"], 1)
            server.gate.touch()
            server.wait_for_counter("plugin_stored", 1)
            with RawClient(server.port) as client:
                client.greet()
                client.deliver(BODY)
                client.quit()
            server.wait_for("its memory back", lambda: server.total()["messages_in_flight"] == 0)

    def test_one_that_never_completes_costs_its_clients_a_4xx_and_not_the_end(self):
        server = PluginServer(options={"mode": "never"}, expect_exit=2,
                              overrides={"timeouts": {"end_of_data": 1}, "server": {"shutdown_grace": 1}})
        with server:
            clients = [RawClient(server.port) for _ in range(4)]
            for client in clients:
                client.greet()
                send_data(client)
            for client in clients:
                self.assertIn(client.reply()[0], (421, 451))
                client.close()
            self.assertEqual(server.storage()["counters"]["plugin_in_flight"], 4)
            server.terminate()
            self.assertEqual(server.wait(), 2)
            # The first core whose deadline passes has the plugin closed, which answers for the other core's, too.
            self.assertGreaterEqual(int(server.events("stop")[0]["cut_off"]), 1)


class WholeMessages(TestCase):
    """A plugin takes only whole messages: under scarce memory some must make way, or none would ever be whole."""

    def test_more_large_messages_than_memory_are_all_answered_in_time(self):
        clients, size, deadline_s = scaled(60, 30), 2 * mailgen.MIB, 120
        body = b"Subject: large\r\n\r\n" + b"".join(b"%015d\r\n" % n for n in range(size // 17)) + b".\r\n"

        server = PluginServer(overrides={"server": {"cores": 1, "memory": "48MiB"},
                                         "timeouts": {"data_block": 10 * deadline_s}})
        server.sections["storage.plugin.options"]["file"] = str(server.file)
        with server:
            fleet = Fleet(server.port)
            for _ in range(clients):
                fleet.add(one_message(body, 65536, 0.05))
            in_time = fleet.run_until(lambda: fleet.open == 0, deadline_s)
            codes, still_open = collections.Counter(fleet.results()), fleet.open
            fleet.close()
            self.assertTrue(in_time, f"{still_open} clients without an answer; {codes}")
            self.assertLessEqual(set(codes), {250, 421, 451, 452}, codes)
            self.assertGreater(codes[250], 0)
            messages = kept(server.file)
            self.assertEqual(len(messages), codes[250])
            for message in messages.values():
                self.assert_same_bytes(without_trace(message), body[:-3])


class SleepingPlugin(TestCase):
    """submit() blocks: the worker stands still, the cores do not, and what cannot be taken is refused."""

    QUEUE = 8

    def server(self, **keywords):
        server = PluginServer(options={"mode": "sleep"}, overrides={
            "server": {"cores": 1, "shutdown_grace": 1}, "storage": {"queue": self.QUEUE}}, **keywords)
        server.sections["storage.plugin.options"]["gate"] = str(server.gate)
        return server

    def fill(self, server):
        waiting = []
        for _ in range(self.QUEUE):
            client = RawClient(server.port)
            client.greet()
            send_data(client)
            waiting.append(client)
        server.wait_for("a full queue", lambda: server.total()["storage_depth"] == self.QUEUE)
        return waiting

    def test_the_cores_serve_on_and_a_full_queue_is_452(self):
        with self.server() as server:
            waiting = self.fill(server)
            with RawClient(server.port) as client:
                client.greet()
                client.command("NOOP", 250)
                client.command("MAIL FROM:<a@client.test>", 452, "4.3.1")
                client.command("RSET", 250)
                client.command("MAIL FROM:<a@client.test>", 452, "4.3.1")
                self.assertEqual(server.total()["storage_refusals"], 2)
                server.gate.touch()
                for other in waiting:
                    other.expect(250)
                    other.quit()
                client.deliver(BODY)
                client.quit()
            self.assertEqual(server.storage()["counters"]["plugin_stored"], self.QUEUE + 1)

    def test_the_server_ends_though_the_plugin_never_wakes(self):
        with self.server(expect_exit=2) as server:
            waiting = self.fill(server)
            server.terminate()
            self.assertEqual(server.wait(120), 2)
            for client in waiting:
                self.assertNotIn(b"250", session_ended(client))
                client.close()


class PluginsThatCannotStart(TestCase):
    def refused(self, server, code, *words):
        server.write_config()
        result = subprocess.run([program("ringmx"), "serve", "--config", str(server.config_path)],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        server.remove()
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        sentences = [line for line in result.stderr.splitlines() if line.startswith("ringmx: ")]
        self.assertEqual(len(sentences), 1, result.stderr)
        for word in words:
            self.assertIn(word, sentences[0])

    def test_a_crash_in_open_is_a_sentence(self):
        for how, signal in (("segv", "SIGSEGV"), ("abort", "SIGABRT"), ("overflow", "SIGSEGV")):
            with self.subTest(how):
                self.refused(PluginServer("crash", {"how": how}), 84,
                             f'storage backend "crash" has crashed while it was opened: {signal}')

    def test_a_wrong_version(self):
        self.refused(PluginServer("wrong_abi"), 84, "wrong_abi.so", "version 42", "version 1")

    def test_a_missing_symbol(self):
        self.refused(PluginServer("no_symbol"), 84, "no_symbol.so", "ringmx_backend_entry")

    def test_a_missing_file(self):
        self.refused(PluginServer(overrides={"storage.plugin": {"path": "missing.so"}}), 84, "missing.so")

    def test_a_failing_open(self):
        self.refused(PluginServer("failing", {"why": "the moon is not full"}), 84, '"failing"',
                     "the moon is not full")
        self.refused(PluginServer("failing"), 84, "it does not say why")

    def test_an_unknown_option(self):
        self.refused(PluginServer(options={"moed": "store"}), 84, "unknown option moed")

    def test_less_durability_than_demanded(self):
        self.refused(PluginServer(options={"durability": 1}, overrides={"storage": {"durability": "machine"}}), 78,
                     '"machine" is more than backend "actor" gives', '"process"')

    def test_configurations_that_cannot_be_meant(self):
        self.refused(PluginServer(overrides={"storage.plugin": {"path": None}}), 78, "storage.plugin.path")
        self.refused(PluginServer(overrides={"storage": {"host": "core"}}), 78, "storage.host")


class ShippedBackends(TestCase):
    def test_they_are_found_beside_the_program_and_get_their_own_table(self):
        """../lib/ringmx/ringmx-NAME.so as seen from the program, wherever both are installed."""
        prefix = new_folder("prefix")
        (prefix / "bin").mkdir()
        (prefix / "lib" / "ringmx").mkdir(parents=True)
        for source, target in ((program("ringmx"), "bin/ringmx"), (plugin_path("actor"), "lib/ringmx/ringmx-http.so")):
            os.link(source, prefix / target)
        before = harness.BIN
        server = Server({"storage": {"backend": "http"}, "storage.http": {"mode": "reject", "text": "as told"}})
        try:
            harness.BIN = pathlib.Path(prefix / "bin")
            with server, RawClient(server.port) as client:
                client.greet()
                send_data(client)
                client.expect(554, "5.3.0 as told")
                client.quit()
            missing = Server({"storage": {"backend": "kafka"}})
            missing.write_config()
            result = subprocess.run([program("ringmx"), "serve", "--config", str(missing.config_path)],
                                    stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
            missing.remove()
            self.assertEqual(result.returncode, 84, result.stderr)
            self.assertIn("/bin/../lib/ringmx/ringmx-kafka.so cannot be loaded", result.stderr)
        finally:
            harness.BIN = before
