"""Accept, deliver, spill: a spool in front of a plugin, a plugin with a spool behind it, and dead letters."""

import subprocess

import mailgen
from harness import TestCase, new_folder, plugin_path, program, scaled, without_trace
from raw_client import RawClient
from steered import SteeredServer

DELIVER = {"backend": "spool", "deliver": "plugin"}
FALLBACK = {"backend": "plugin", "fallback": "spool", "fallback_after": 1}


def send(server, bodies, recipient="user@example.com"):
    """Delivers the bodies over one connection; the ids of their 250s, in order."""
    with RawClient(server.port) as client:
        client.greet()
        ids = [client.deliver(mailgen.stuffed(body), recipient)[-1].split()[-1] for body in bodies]
        client.quit()
    return ids


def some(count, first=1):
    return [mailgen.message(number, mailgen.size_of(number)) for number in range(first, first + count)]


class DeliveryCase(TestCase):
    def check_kept(self, server, ids, bodies):
        """The plugin has each message once, byte-exact, under the id of its 250."""
        kept = server.kept()
        self.assertEqual(sorted(entry[0] for entry in kept), sorted(ids))
        contents = {name: content for name, _, content in kept}
        for name, body in zip(ids, bodies, strict=True):
            self.assert_same_bytes(without_trace(contents[name]), body)


class Deliver(DeliveryCase):
    """storage.deliver: the spool first, then the plugin."""

    def test_messages_are_delivered_as_they_come_and_acknowledged(self):
        bodies = some(scaled(60, 12))
        with SteeredServer(DELIVER) as server:
            ids = send(server, bodies)
            server.wait_drained()
            self.check_kept(server, ids, bodies)
            self.assertEqual(server.listing(), [])
            counters = server.counters()
            self.assertEqual(counters["delivery_delivered"], len(bodies))
            self.assertEqual(counters["delivery_dead"], 0)
            self.assertEqual(counters["plugin_stored"], len(bodies))
            server.wait_for("the log", lambda: len(server.events("message")) == len(bodies))
            entries = server.events("message")
            self.assertEqual({(entry["backend"], entry["durability"]) for entry in entries}, {("spool", "machine")})
            table = server.ctl("status", "--config", str(server.config_path))
            self.assertIn(b"delivery_backlog_messages", table)

    def test_a_spool_on_workers_is_delivered_too(self):
        bodies = some(scaled(40, 10))
        with SteeredServer({**DELIVER, "host": "worker", "workers": 2}) as server:
            ids = send(server, bodies[::2]) + send(server, bodies[1::2])
            server.wait_drained()
            self.check_kept(server, ids, bodies[::2] + bodies[1::2])

    def test_while_the_plugin_says_retry_mail_is_kept_and_then_drained_in_order(self):
        bodies = [mailgen.message(number, 2000) for number in range(1, 31)]
        with SteeredServer(DELIVER) as server:
            server.steer("retry not now")
            ids = send(server, bodies)
            server.wait_for("an attempt", lambda: server.counters()["delivery_retries"] > 0)
            self.assertEqual(server.counters()["delivery_backlog_messages"], len(bodies))
            self.assertEqual(len(server.listing()), len(bodies))
            server.steer("store")
            server.wait_drained()
            self.check_kept(server, ids, bodies)
            self.assertEqual([entry[0] for entry in server.kept()], ids, "in order")
            server.wait_for("the log", lambda: server.events("delivery_goes_on"))
            self.assertEqual(server.events("delivery_waits")[0]["text"], "not now")

    def test_one_domain_waits_and_the_others_pass(self):
        with SteeredServer(DELIVER) as server:
            server.steer("store", "@example.net retry this one is full")
            first = send(server, some(3), "a@example.net")
            others = send(server, some(4, 10), "b@example.com")
            server.wait_for("the others", lambda: len(server.kept()) == 4)
            later = send(server, some(2, 20), "c@example.net")
            self.assertEqual([entry[0] for entry in server.kept()], others)
            self.assertEqual(server.counters()["delivery_waiting_domains"], 1)
            server.steer("store")
            server.wait_drained()
            self.assertEqual([entry[0] for entry in server.kept()][4:], first + later)

    def test_a_backlog_outlives_the_server(self):
        bodies = some(scaled(30, 10))
        folder = new_folder("backlog")
        with SteeredServer(DELIVER, folder=folder) as server:
            server.steer("retry not now")
            ids = send(server, bodies)
        with SteeredServer({**DELIVER, "host": "worker"}, folder=folder) as server:
            self.assertEqual(server.counters()["delivery_backlog_messages"], len(bodies))
            server.steer("store")
            server.wait_drained()
            self.check_kept(server, ids, bodies)
        server.owns_folder = True
        server.remove()

    def test_a_message_that_nobody_takes_is_given_up_when_it_is_too_old(self):
        with SteeredServer(DELIVER, {"storage.delivery": {"max_age": 1}}) as server:
            server.steer("retry the mailbox is full")
            ids = send(server, some(1))
            server.wait_drained()
            letter = server.letters()[0]
            self.assertEqual(letter["id"], ids[0])
            self.assertIn("the mailbox is full", letter["dead"]["reason"])
            self.assertGreaterEqual(letter["dead"]["attempts"], 1)


class StuckPlugins(DeliveryCase):
    """The server accepts, and ends in order, whatever the plugin does to the delivery's thread."""

    def ends(self, options):
        folder = new_folder("stuck")
        overrides = {"storage.plugin": {"path": plugin_path("actor")},
                     "storage.plugin.options": {"folder": None, "control": None, **options}}
        with SteeredServer(DELIVER, overrides, folder=folder) as server:
            ids = send(server, some(3))
            server.wait_for("something under way", lambda: server.counters()["plugin_submitted"] > 0)
            self.assertEqual(server.counters()["delivery_backlog_messages"], 3)
        with SteeredServer(DELIVER, folder=folder) as server:  # the same spool, and a plugin that behaves
            server.wait_drained()
            self.assertEqual([entry[0] for entry in server.kept()], ids)
        server.owns_folder = True
        server.remove()

    def test_one_that_never_completes(self):
        self.ends({"mode": "never"})

    def test_one_that_blocks(self):
        self.ends({"mode": "sleep", "gate": "/nonexistent"})


class DeadLetters(DeliveryCase):
    def test_a_refused_message_is_listed_shown_exported_and_delivered_once_more(self):
        bodies = [mailgen.message(1, 300), mailgen.message(2, 200000)]
        with SteeredServer(DELIVER) as server:
            self.assertEqual(server.letters(), [])
            server.steer("reject no such user here")
            ids = send(server, bodies)
            server.wait_drained()
            letters = server.letters()
            self.assertEqual([letter["id"] for letter in letters], ids)
            self.assertEqual({letter["dead"]["reason"] for letter in letters}, {"no such user here"})
            self.assertEqual(letters[0]["recipients"], ["user@example.com"])
            self.assertEqual(server.counters()["delivery_dead"], 2)
            self.assert_same_bytes(without_trace(server.dead("cat", ids[1])), bodies[1])
            self.assertIn(b"no such user here", server.dead("ls"))
            server.dead("export", "--to", str(server.folder / "letters"))
            self.assertEqual(len(list((server.folder / "letters" / "new").iterdir())), 2)
            server.wait_for("the log", lambda: len(server.events("dead_letter")) == 2)
            server.steer("store")
            server.dead("requeue", ids[1])
            server.wait_for("the letter", lambda: len(server.letters()) == 1)
            self.check_kept(server, ids[1:], bodies[1:])
            self.assertEqual(server.letters()[0]["id"], ids[0])
            server.dead("verify")
            server.dead("ack", ids[0])
            self.assertEqual(server.letters(), [])

    def test_requests_made_while_the_server_is_stopped_are_taken_up_when_it_starts(self):
        bodies = some(5)
        folder = new_folder("dead")
        with SteeredServer(DELIVER, folder=folder) as server:
            server.steer("reject no")
            ids = send(server, bodies)
            server.wait_drained()
        self.assertIn(b"5 dead letters", server.dead("requeue", "--all"))
        self.assertEqual(server.dead("requeue", "0000-0000000000000001-00ff0000", check=False).returncode, 3)
        server.steer("store")  # before it starts: it takes the requests up at once
        with SteeredServer(DELIVER, folder=folder) as server:
            server.wait_for("all of them", lambda: server.letters() == [])
            self.check_kept(server, ids, bodies)
        server.owns_folder = True
        server.remove()

    def test_a_letter_that_is_refused_again_is_a_letter_again(self):
        with SteeredServer(DELIVER) as server:
            server.steer("reject first")
            ids = send(server, some(1))
            server.wait_drained()
            server.steer("reject second")
            server.dead("requeue", ids[0])
            server.wait_for("the new reason", lambda: [letter["dead"]["reason"] for letter in server.letters()] == ["second"])
            self.assertEqual(server.letters()[0]["id"], ids[0])
            self.assertEqual(server.kept(), [])

    def test_only_dead_letters_are_requeued(self):
        with SteeredServer(DELIVER) as server:
            self.assertEqual(server.spool("requeue", "--all", check=False).returncode, 64)


class Fallback(DeliveryCase):
    """storage.fallback: the plugin first, the spool when it does not keep a message."""

    def how(self, server, ids):
        """{id: (backend, durability)} of the log's lines."""
        server.wait_for("the log", lambda: len(server.events("message")) >= len(ids))
        return {entry["id"]: (entry["backend"], entry["durability"]) for entry in server.events("message")}

    def test_what_the_plugin_keeps_is_its_own_and_the_log_says_so(self):
        bodies = some(scaled(60, 12))
        with SteeredServer(FALLBACK) as server:
            ids = send(server, bodies)
            self.check_kept(server, ids, bodies)
            self.assertEqual(set(self.how(server, ids).values()), {("steered", "replicated")})
            self.assertEqual(server.counters()["spilled"], 0)
            self.assertEqual(server.listing(), [])
            self.assertEqual(server.events("start")[0]["durability"], "machine")

    def test_retry_spills_and_the_spool_is_drained_when_the_plugin_is_back(self):
        bodies = some(scaled(60, 20))
        with SteeredServer({**FALLBACK, "workers": 2}) as server:
            server.steer("retry away")
            half = len(bodies) // 2
            ids = send(server, bodies[:half])
            self.assertEqual(set(self.how(server, ids).values()), {("spool", "machine")})
            counters = server.counters()
            self.assertEqual(counters["spilled"], half)
            self.assertEqual(counters["fallback_away"], 1)
            self.assertGreater(counters["spilled_untried"], 0)
            server.steer("store")
            server.wait_drained()
            ids += send(server, bodies[half:])
            server.wait_drained()
            self.check_kept(server, ids, bodies)

    def test_a_refusal_is_not_spilled(self):
        with SteeredServer(FALLBACK) as server, RawClient(server.port) as client:
            server.steer("reject we do not want it")
            client.greet()
            client.envelope()
            client.command("DATA", 354)
            client.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
            client.expect(554, "5.3.0 we do not want it")
            client.quit()
            self.assertEqual(server.counters()["spilled"], 0)

    def test_a_slow_plugin_is_not_waited_for_and_gets_the_message_once(self):
        bodies = some(3)
        with SteeredServer(FALLBACK) as server:
            server.steer("slow")
            ids = send(server, bodies)
            self.assertEqual(set(self.how(server, ids).values()), {("spool", "machine")})
            self.assertGreater(server.counters()["spilled_slow"], 0)
            server.steer("store")
            server.wait_drained()
            server.wait_for_counter("fallback_tried", 0)
            # Its copies were with the plugin twice, from the worker and from the drain: the same ids, at least once.
            kept = server.kept()
            self.assertEqual({entry[0] for entry in kept}, set(ids))
            for name, _, content in kept:
                self.assert_same_bytes(without_trace(content), bodies[ids.index(name)])

    def test_the_server_ends_in_order_while_the_plugin_is_slow(self):
        bodies = some(3)
        folder = new_folder("slow")
        with SteeredServer(FALLBACK, folder=folder) as server:
            server.steer("slow")
            ids = send(server, bodies)
        with SteeredServer(FALLBACK, folder=folder) as server:
            server.steer("store")
            server.wait_drained()
            self.assertEqual({entry[0] for entry in server.kept()}, set(ids))
        server.owns_folder = True
        server.remove()


class Configurations(TestCase):
    def refused(self, storage, overrides, *words):
        server = SteeredServer(storage, overrides)
        server.write_config()
        result = subprocess.run([program("ringmx"), "check", "--config", str(server.config_path)],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        server.remove()
        self.assertEqual(result.returncode, 78, result.stdout + result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    def test_what_cannot_be_meant_is_an_error(self):
        self.refused({"backend": "maildir", "deliver": "plugin"}, {}, "storage.deliver")
        self.refused({"backend": "spool", "fallback": "spool"}, {}, "storage.fallback")
        self.refused({**FALLBACK, "durability": "replicated"}, {}, "storage.durability", '"machine"')
        self.refused(DELIVER, {"storage.delivery": {"window": "1MiB"}}, "storage.delivery.window", "smtp.message_size")
        self.refused(DELIVER, {"storage.delivery": {"backoff_least": 10, "backoff_most": 5}}, "backoff_least")
        self.refused(DELIVER, {"storage.plugin": {"path": None}}, "storage.deliver", "storage.plugin.path")
        self.refused(DELIVER, {"storage.delivery": {"window": "1GiB"}}, "server.memory")
