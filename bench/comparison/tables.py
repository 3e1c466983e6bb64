"""The tables of the results: pure functions of the samples."""

import itertools
import statistics

GENERATOR_BUSY = 0.95


def spread(values, digits):
    """Median (least–most)."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def digits_for(value):
    return 2 if value < 1 else 1 if value < 100 else 0


def pairs(samples, yardsticks):
    """Samples of the same run and round: what the machine did meanwhile hit both."""
    by_round = {(each["run"], each["round"]): each for each in yardsticks}
    return [(each, by_round[each["run"], each["round"]]) for each in samples
            if (each["run"], each["round"]) in by_round]


def ratio(samples, yardsticks, key="cpu_us"):
    """The median over the rounds of the ratio within each round; None if they have no round in common."""
    ratios = [one[key] / other[key] for one, other in pairs(samples, yardsticks) if other[key] > 0]
    return statistics.median(ratios) if ratios else None


def ratio_text(samples, yardsticks):
    value = ratio(samples, yardsticks)
    return "–" if value is None else f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"


def generator_bound(samples):
    """In how many of them the generator was the limit, not the server."""
    return sum(each["generator_busy"] > GENERATOR_BUSY > each["server_busy"] for each in samples)


def markdown_table(rows):
    rows = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def by_server(samples, order):
    grouped = {}
    for name in order:
        own = [each for each in samples if each["server"] == name]
        if own:
            grouped[name] = own
    return grouped


def cost_table(samples, servers, beside, with_stores=True):
    """CPU per message of each server, its ratios to the servers in `beside`, throughput, latency."""
    grouped = by_server(samples, servers)
    beside = [name for name in beside if name in grouped]
    with_latency = any(each["latency_us"] for each in samples)
    rows = [["server", *["stores"] * with_stores, "CPU µs per message", *[f"× {servers[name].title}" for name in beside],
             "messages/s", "busy: server, generator", *["250 after, µs: p50, p99, p99.9"] * with_latency, "messages a round"]]
    for name, own in grouped.items():
        median = lambda key, own=own: statistics.median(each[key] for each in own)
        row = [servers[name].title, *[servers[name].stores] * with_stores,
               spread([each["cpu_us"] for each in own], digits_for(median("cpu_us")))]
        row += [ratio_text(own, grouped[other]) for other in beside]
        row += [spread([each["messages_per_s"] for each in own], 0),
                f"{median('server_busy'):.0%}, {median('generator_busy'):.0%}"]
        if with_latency:
            row.append(", ".join(f"{statistics.median(each['latency_us'][key] for each in own):.0f}"
                                 for key in ("p50", "p99", "p999")))
        rows.append([*row, f"{median('messages'):.0f}"])
    return markdown_table(rows)


def remarks(samples, servers):
    """What makes figures of a table less than they seem, a line each."""
    bound, apart, single, fewer = [], [], [], []
    most = max(each["sessions"] for each in samples)
    for name, own in by_server(samples, servers).items():
        if count := generator_bound(own):
            bound.append(f"{servers[name].title} ({count} of {len(own)} rounds)")
        if any(each["clocks_apart"] for each in own):
            apart.append(servers[name].title)
        if any(each.get("not_pipelined") for each in own):
            single.append(servers[name].title)
        if (sessions := min(each["sessions"] for each in own)) < most:
            fewer.append(f"{servers[name].title} ({sessions})")
    if bound:
        yield "The generator was the bottleneck, and messages/s is its limit, for " + ", ".join(bound) + "."
    if apart:
        yield "Two clocks of the same CPU time were more than 1 % apart for " + ", ".join(apart) + "."
    if single:
        yield "PIPELINING is not offered, so that the load was one command at a time, by " + ", ".join(single) + "."
    if fewer:
        yield f"On fewer connections than the others' {most}: " + ", ".join(fewer) + "."


def rate_table(samples, servers):
    """Latency at half of what a server takes, and the highest offered rate up to which p99 stayed below 10 ms."""
    rows = [["server", "took in the closed loop, messages/s", "250 after, ms, at half of it: p50, p99, p99.9",
             "p99 below 10 ms up to"]]
    for name, own in by_server(samples, servers).items():
        half = min(own, key=lambda each: abs(each["share"] - 0.5))
        good = itertools.takewhile(lambda each: each["latency_us"]["p99"] < 10000 and not each["unanswered"],
                                   sorted(own, key=lambda each: each["offered"]))
        highest = max((each["offered"] for each in good), default="none")
        rows.append([servers[name].title, f"{half['offered'] / half['share']:.0f}",
                     ", ".join(f"{half['latency_us'][key] / 1e3:.2f}" for key in ("p50", "p99", "p999")),
                     f"{highest}"])
    return markdown_table(rows)


def promise_table(names, servers, versions):
    rows = [["server", "version", "has done for its 250", "how it is set up"]]
    rows += [[servers[name].title, versions.get(name) or "–", servers[name].promise, servers[name].setup] for name in names]
    return markdown_table(rows)
