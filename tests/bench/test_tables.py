"""Ratios and tables of bench/compare."""

import unittest

import sample_results as made
from comparison import tables
from comparison.servers import SERVERS


def cells(table):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


class Ratios(unittest.TestCase):
    def test_are_made_within_a_round_and_then_the_median_is_taken(self):
        # A machine that slows down: medians of each would give 30 / 10, the rounds say 2.
        slow = [made.closed("spool", cpu, round=number) for number, cpu in ((1, 20), (2, 30), (3, 400))]
        fast = [made.closed("floor", cpu, round=number) for number, cpu in ((1, 10), (2, 5), (3, 200))]
        self.assertEqual(tables.ratio(slow, fast), 2)

    def test_never_between_different_runs(self):
        one, other = [made.closed("spool", 20, run=1)], [made.closed("floor", 10, run=2)]
        self.assertIsNone(tables.ratio(one, other))
        self.assertEqual(tables.ratio_text(one, other), "–")

    def test_have_fewer_digits_when_they_are_large(self):
        floor = [made.closed("floor", 1)]
        for cost, text in ((1.234, "1.23"), (12.34, "12.3"), (123.4, "123")):
            self.assertEqual(tables.ratio_text([made.closed("exim", cost)], floor), text)


class CostTable(unittest.TestCase):
    def test_shows_median_range_and_ratios_in_the_order_of_the_servers(self):
        samples = [made.closed(server, cpu, round=number) for number in (1, 2, 3)
                   for server, cpu in (("smtp-sink", 20 + number), ("spool", 10 + number), ("floor", 8))]
        rows = cells(tables.cost_table(samples, SERVERS, ("floor", "smtp-sink", "postfix")))
        self.assertEqual(rows[0], ["server", "stores", "CPU µs per message", "× floor", "× smtp-sink", "messages/s",
                                   "busy: server, generator", "250 after, µs: p50, p99, p99.9", "messages a round"])
        self.assertEqual([row[0] for row in rows[2:]], ["floor", "ringmx, spool", "smtp-sink"])
        self.assertEqual(rows[3][1:5], ["mail, synced", "12.0 (11.0–13.0)", "1.50", "0.55"])
        self.assertEqual(rows[3][6:], ["99%, 50%", "100, 500, 900", "1000"])

    def test_has_no_latencies_where_the_generator_gives_none(self):
        table = tables.cost_table([made.closed("floor", 10, load="single")], SERVERS, ())
        self.assertNotIn("p99", table)

    def test_every_row_has_every_column(self):
        results = made.full()
        for load in ("single", "pipelined", "bdat"):
            rows = cells(tables.cost_table(results.closed(load, 1024), SERVERS, ("floor", "smtp-sink", "spool")))
            self.assertEqual({len(row) for row in rows}, {len(rows[0])})


class Remarks(unittest.TestCase):
    def test_the_generator_was_the_limit(self):
        bound = made.closed("floor", 10, generator_busy=0.97, server_busy=0.7)
        self.assertEqual(list(tables.remarks([bound, made.closed("spool", 20)], SERVERS)),
                         ["The generator was the bottleneck, and messages/s is its limit, for floor (1 of 1 rounds)."])

    def test_a_busy_server_is_not_the_generators_fault(self):
        self.assertEqual(tables.generator_bound([made.closed("floor", 10, generator_busy=0.97, server_busy=0.98)]), 0)

    def test_clocks_fewer_connections_and_no_pipelining_are_said(self):
        samples = [made.closed("floor", 10), made.closed("opensmtpd", 400, sessions=5, not_pipelined=True, clocks_apart=True)]
        text = "\n".join(tables.remarks(samples, SERVERS))
        self.assertIn("clocks", text)
        self.assertIn("others' 50: OpenSMTPD (5)", text)
        self.assertIn("PIPELINING is not offered", text)


class RateTable(unittest.TestCase):
    def test_takes_the_rate_next_to_half_and_the_highest_that_went_well(self):
        samples = [made.offered("spool", rate, 1000, 0.5, p99, unanswered)
                   for rate, p99, unanswered in ((100, 1, 0), (480, 2, 0), (800, 5, 0), (900, 20, 0), (1000, 3, 7))]
        self.assertEqual(cells(tables.rate_table(samples, SERVERS))[2], ["ringmx, spool", "1000", "0.50, 2.00, 4.00", "800"])

    def test_a_rate_that_went_well_above_one_that_did_not_does_not_count(self):
        samples = [made.offered("spool", rate, 1000, 0.5, p99, 0) for rate, p99 in ((400, 5), (100, 1), (250, 18), (500, 2))]
        self.assertEqual(cells(tables.rate_table(samples, SERVERS))[2][3], "100")

    def test_says_none_where_no_rate_went_well(self):
        self.assertEqual(cells(tables.rate_table([made.offered("exim", 500, 1000, 20, 50)], SERVERS))[2][3], "none")
