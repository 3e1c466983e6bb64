"""A thousand clients that send 20 MiB each, slowly and all at once, under a budget of 256 MiB: everyone is served or told
to come back, and the process never exceeds the budget."""

import collections
import shutil
import time

import harness
from harness import SCRATCH, Server, TestCase, raise_file_limit, scaled
from load import Fleet, one_message

MIB = 1 << 20
LINE_OCTETS = 17
STANDSTILL_S = 60


class MemoryBudget(TestCase):
    def test_a_thousand_large_messages_at_once_stay_within_the_budget(self):
        clients, size, budget_mib = scaled((1000, 20 * MIB, 256), (300, 6 * MIB, 80))
        SCRATCH.mkdir(parents=True, exist_ok=True)
        room = int(shutil.disk_usage(SCRATCH).free * 0.8) - 2048 * MIB
        size = min(size, room // clients)
        self.assertGreater(size, MIB, "too little disk for this test")
        raise_file_limit(clients + 500)
        # Every line is different: a piece that went missing is seen, and where.
        body = b"Subject: large\r\n\r\n" + b"".join(b"%015d\r\n" % n for n in range(size // LINE_OCTETS)) + b".\r\n"
        with Server({"server": {"memory": f"{budget_mib}MiB"}, "storage.spool": {"segment_size": "64MiB"}},
                    files_max=clients + 500) as server:
            fleet = Fleet(server.port)
            started = time.monotonic()
            for _ in range(clients):
                fleet.add(one_message(body, size // 80, 0.25))
            ended = fleet.run_to_end(STANDSTILL_S)
            seconds = time.monotonic() - started
            codes = collections.Counter(str(result) for result in fleet.results())
            fleet.close()
            peak_mib = server.memory_kib("VmHWM") / 1024
            print(f"{clients} x {size / MIB:.1f} MiB in {seconds:.0f} s: {dict(codes)}, peak {peak_mib:.0f} MiB ...",
                  end=" ", flush=True)
            self.assertTrue(ended, f"{fleet.open} clients, to whom nothing has happened for {STANDSTILL_S} s")
            self.assertEqual([code for code in codes if code != "250" and not code.startswith("4")], [])
            self.assertGreater(codes["250"], 0)
            if not harness.SANITIZED:
                self.assertLessEqual(peak_mib, budget_mib)
            self.check_stored(server, body[:-3], codes["250"])

    def check_stored(self, server, body, count):
        entries = server.listing()
        self.assertEqual(len(entries), count)
        torn = [entry for entry in entries if entry["size"] <= len(body)]
        for entry in torn[:1] + entries[::max(1, len(entries) // 5)]:
            self.assert_same_bytes(harness.without_trace(server.spool("cat", entry["id"])), body,
                                   f"one of {len(torn)} acknowledged messages that are too short")
        self.assertEqual(torn, [])
