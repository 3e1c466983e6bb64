"""The plots of the results: pure functions of the samples, each of which returns an SVG."""

import statistics

from .common import size_text
from .plan import KIB
from .svg import LogAxis, MarkedAxis, Page, short
from .tables import by_server, generator_bound

WIDTH = 880
# (light, dark, marker) of each server: greys are yardsticks, blues are ringmx, warm colours are others.
LOOKS = {
    "floor": ("#8c959f", "#8b949e", "circle"), "durable-floor": ("#57606a", "#c9d1d9", "square"),
    "discard": ("#54aeff", "#79c0ff", "circle"), "discard-worker": ("#54aeff", "#79c0ff", "triangle"),
    "discard-plugin": ("#54aeff", "#79c0ff", "down"), "spool": ("#0550ae", "#388bfd", "square"),
    "spool-worker": ("#0550ae", "#388bfd", "triangle"), "epoll-discard": ("#1a7f37", "#56d364", "circle"),
    "epoll-discard-level": ("#1a7f37", "#56d364", "triangle"), "epoll-spool": ("#1a7f37", "#56d364", "square"),
    "maildir": ("#0f766e", "#2dd4bf", "diamond"),
    "smtp-sink": ("#d4a72c", "#e3b341", "circle"), "smtp-server": ("#b35900", "#db9a3c", "triangle"),
    "aiosmtpd": ("#8250df", "#a371f7", "down"), "haraka": ("#d03592", "#f778ba", "diamond"),
    "opensmtpd": ("#e16f24", "#f0883e", "triangle"), "postfix": ("#cf222e", "#ff7b72", "square"),
    "exim": ("#7d1a1a", "#da3633", "down"),
}
LOAD_TITLES = {"single": "one command at a time", "pipelined": "pipelined", "bdat": "BDAT"}


def look(page, name):
    light, dark, shape = LOOKS[name]
    return page.colour("s-" + name, light, dark), shape


def keeps(server):
    """"synced", "kept" (in files that are not synced) or "nothing"."""
    if server.stores == "nothing":
        return "nothing"
    return "kept" if "not synced" in server.stores else "synced"


def key_of_fill(page, x, y):
    page.marker(x, y - 4, "circle", page.colour("s-key", "#59636e", "#9198a1"), 4.5)
    page.text(x + 10, y, "on disk and synced before the 250", "small")
    page.marker(x + 240, y - 4, "diamond", "s-key", 4.5)
    page.text(x + 250, y, "in files, not synced", "small")
    page.marker(x + 396, y - 4, "circle", "s-key", 4.5, hollow=True)
    page.text(x + 406, y, "nothing kept", "small")


def figure(value):
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def dots(title, unit, key, panels, servers, note, remark=lambda _own: "", text=figure):
    """One panel beside the other, a row for each server in all of them: median, and a line from least to most."""
    names = [name for name in servers if any(name in by_server(samples, servers) for _, samples in panels)]
    left, top, row, gap = 208, 88, 24, 22
    width = (WIDTH - left - 16 - gap * (len(panels) - 1)) / len(panels)
    bottom = top + row * len(names) + 6
    page = Page(WIDTH, bottom + 66, title)
    page.text(16, 26, title, "title")
    for number, name in enumerate(names):
        page.text(left - 12, top + row * number + row / 2 + 4.5, servers[name].title,
                  "bold" if servers[name].title.startswith("ringmx") else None, "end")
    room = 62   # for the label to the right of the highest value
    for number, (panel_title, samples) in enumerate(panels):
        start = left + number * (width + gap)
        page.text(start, top - 12, panel_title, "bold")
        if not samples:
            continue
        axis = LogAxis([each[key] for each in samples], start, start + width - room)
        grid(page, axis, top, bottom)
        for name, own in by_server(samples, servers).items():
            y = top + row * names.index(name) + row / 2
            values = [each[key] for each in own]
            colour, _ = look(page, name)
            kept = keeps(servers[name])
            page.line(axis.at(min(values)), y, axis.at(max(values)), y, colour, 2)
            x = axis.at(statistics.median(values))
            page.marker(x, y, "diamond" if kept == "kept" else "circle", colour, hollow=kept == "nothing")
            page.text(max(x, axis.at(max(values))) + 10, y + 4, text(statistics.median(values)) + remark(own), "small")
    page.text(left, bottom + 36, unit, "small")
    key_of_fill(page, left + 6, bottom + 54)
    page.text(16, 44, note, "small")
    return page.render()


def grid(page, axis, top, bottom):
    for value, labelled in axis.ticks():
        x = axis.at(value)
        page.line(x, top, x, bottom, "grid" if labelled else "minor")
        if labelled:
            page.text(x, bottom + 16, short(value), "small", "middle")


def panels_of(results, length):
    return [(LOAD_TITLES[load], samples) for load in LOAD_TITLES if (samples := results.closed(load, length))]


def cpu_plot(results, servers, length=KIB):
    return dots(f"CPU per message in the server, {size_text(length)}",
                "µs of CPU time a message (logarithmic; less is better)", "cpu_us", panels_of(results, length), servers,
                "All processes of the server counted; median of the rounds, and a line from least to most.")


def throughput_plot(results, servers, length=KIB):
    return dots(f"Throughput of one CPU, {size_text(length)}", "acknowledged messages a second (logarithmic; more is better)",
                "messages_per_s", panels_of(results, length), servers,
                "The server has one CPU. +: the generator, on the other, was the limit, and the server takes more.",
                remark=lambda own: "+" if generator_bound(own) * 2 > len(own) else "",
                text=lambda value: short(float(f"{value:.3g}")))


class Lines:
    """A panel of lines over two logarithmic axes."""

    def __init__(self, page, x, y, x_title, y_title, title):
        self.page, self.x, self.y = page, x, y
        for value, labelled in x.ticks():
            at = x.at(value)
            page.line(at, y.start, at, y.end, "grid" if labelled else "minor")
            if labelled:
                page.text(at, y.start + 17, x.label(value), "small", "middle")
        for value, labelled in y.ticks(apart=14):
            at = y.at(value)
            page.line(x.start, at, x.end, at, "grid" if labelled else "minor")
            if labelled:
                page.text(x.start - 7, at + 4, short(value), "small", "end")
        page.add("rect", x=x.start, y=y.end, width=x.end - x.start, height=y.start - y.end, class_="frame")
        page.text(x.start, y.end - 10, title)
        page.text((x.start + x.end) / 2, y.start + 36, x_title, "small", "middle")
        page.text(x.start - 44, (y.start + y.end) / 2, y_title, "small", "middle", -90)

    def draw(self, name, points, hollow):
        colour, shape = look(self.page, name)
        places = [(self.x.at(a), self.y.at(b)) for a, b in points]
        self.page.polyline(places, colour, 2.5 if name in ("spool", "discard") else 1.6)
        for x, y in places:
            self.page.marker(x, y, shape, colour, 3.6, hollow)


def legend(page, names, servers, y):
    columns, width = 4, (WIDTH - 60) / 4
    for number, name in enumerate(names):
        x, line = 60 + number % columns * width, y + number // columns * 22
        colour, shape = look(page, name)
        page.line(x, line - 4, x + 26, line - 4, colour, 2)
        page.marker(x + 13, line - 4, shape, colour, 3.6, keeps(servers[name]) == "nothing")
        page.text(x + 34, line, servers[name].title, "bold" if servers[name].title.startswith("ringmx") else None)


def legend_height(names):
    return (len(names) + 3) // 4 * 22


def curves(samples, servers, key):
    """{server: [(offered rate, median latency in ms)]}"""
    lines = {}
    for name, own in by_server(samples, servers).items():
        by_rate = {}
        for each in own:
            by_rate.setdefault(each["offered"], []).append(each["latency_us"][key] / 1e3)
        lines[name] = sorted((rate, statistics.median(values)) for rate, values in by_rate.items())
    return lines


def latency_plot(results, servers):
    samples = [each for each in results.open() if not servers[each["server"]].variant]
    names = list(by_server(samples, servers))
    top, height = 76, 330
    page = Page(WIDTH, top + height + 62 + legend_height(names) + 12, "Latency against offered rate")
    page.text(16, 26, "Latency against offered rate, 1 KiB, pipelined where offered", "title")
    page.text(16, 44, "From when a message was due to its 250 (open loop): a server that falls behind shows it.",
              "small")
    panels = (("p50", "median", 60, 420), ("p99", "99th percentile", 486, WIDTH - 14))
    lines = {key: curves(samples, servers, key) for key, *_ in panels}
    rates = [rate for line in lines["p50"].values() for rate, _ in line]
    times = [ms for key, *_ in panels for line in lines[key].values() for _, ms in line]
    for key, title, start, end in panels:
        panel = Lines(page, LogAxis(rates, start, end), LogAxis(times, top + height, top),
                      "messages a second, offered", "milliseconds", title)
        for name, points in lines[key].items():
            panel.draw(name, points, keeps(servers[name]) == "nothing")
    legend(page, names, servers, top + height + 66)
    return page.render()


def length_plot(results, servers, load="pipelined"):
    """CPU per message, and octets a second, against the length of a message."""
    samples = [each for length in results.lengths(load) for each in results.closed(load, length)
               if not servers[each["server"]].variant]
    names = list(by_server(samples, servers))
    top, height = 76, 330
    page = Page(WIDTH, top + height + 62 + legend_height(names) + 12, "Cost and throughput by length of message")
    page.text(16, 26, "By length of the message, pipelined where offered", "title")
    page.text(16, 44, "Medians of the rounds; both axes logarithmic.", "small")
    marks = {length: size_text(length) for length in results.lengths(load)}
    values = {"cpu": lambda each: each["cpu_us"], "octets": lambda each: each["messages_per_s"] * each["length"] / 1e6}
    for key, title, unit, start, end in (("cpu", "CPU per message", "µs", 64, 420),
                                         ("octets", "mail data taken by one CPU", "MB/s", 490, WIDTH - 14)):
        panel = Lines(page, MarkedAxis(marks, start, end),
                      LogAxis([values[key](each) for each in samples], top + height, top), "length of a message", unit, title)
        for name, own in by_server(samples, servers).items():
            by_length = {}
            for each in own:
                by_length.setdefault(each["length"], []).append(values[key](each))
            panel.draw(name, sorted((each, statistics.median(found)) for each, found in by_length.items()),
                       keeps(servers[name]) == "nothing")
    legend(page, names, servers, top + height + 66)
    return page.render()


def all_plots(results, servers):
    """{file name: SVG} of what there are samples for."""
    plots = {}
    if panels_of(results, KIB):
        plots["cpu.svg"] = cpu_plot(results, servers)
        plots["throughput.svg"] = throughput_plot(results, servers)
    if len(results.lengths("pipelined")) > 1:
        plots["length.svg"] = length_plot(results, servers)
    if results.open():
        plots["latency.svg"] = latency_plot(results, servers)
    return plots
