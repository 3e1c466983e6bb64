"""Writes the results into docs/: the section of benchmarks.md between two markers, the plots, and the samples themselves."""

from . import plots, tables
from .common import Failed, size_text
from .plan import KIB
from .servers import SERVERS

BEGIN = "<!-- comparison: written by bench/compare, from benchmarks.json; what stands outside is written by hand -->"
END = "<!-- end of the comparison -->"
BESIDE = ("floor", "smtp-sink", "spool")
SIDE_BY_SIDE = (    # title, then for each table the yardstick and the servers
    ("Core, worker, plugin", (("discard", ("discard", "discard-worker", "discard-plugin")),
                              ("spool", ("spool", "spool-worker")))),
    ("io_uring and epoll", (("discard", ("discard", "epoll-discard", "epoll-discard-level")),
                            ("spool", ("spool", "epoll-spool")))),
)
TITLES = {"single": "One command at a time", "pipelined": "Pipelined", "bdat": "BDAT"}
PLOTS = {
    "cpu.svg": "CPU per message of each server", "throughput.svg": "Messages a second of each server",
    "length.svg": "CPU per message and mail data a second by length of message",
    "latency.svg": "Latency of each server against the offered rate"}


def replace_between(text, begin, end, body):
    """`text` with `body` between the two markers, each of which must stand there once, on a line of its own."""
    lines = text.split("\n")
    if lines.count(begin) != 1 or lines.count(end) != 1 or lines.index(begin) > lines.index(end):
        raise Failed(f"the markers are not there once each, in order: {begin} ... {end}")
    return "\n".join([*lines[:lines.index(begin) + 1], "", *body.strip("\n").split("\n"), "", *lines[lines.index(end):]])


def run_lines(results):
    machine = results.machine
    one = lambda key: ", ".join(sorted({str(run[key]) for run in results.runs}))
    yield (f"- Machine: {machine['cpu']}, {machine['cpus']} CPUs, kernel {machine['kernel']}, loopback, "
           f"TCP congestion control {machine['congestion']}; one CPU for the server, one for the generator")
    yield f"- CPU time: {one('clock')}"
    yield f"- ringmx's transaction log: {one('log')}; each server logs as it does by default, to a file"
    yield (f"- {one('sessions')} connections, kept open, a message under way on each; before the clock is read, a tenth of the "
           "messages of a round to warm up (as many again for servers in JavaScript). Median over the rounds "
           "(least–most); ratios are of CPU per message, and medians of "
           "the ratios within the rounds. Fewer messages a round for the slower servers, on as many connections")
    yield ""
    rows = [["run", "date", "commit", "load average at its start", "scheduling", "command"]]
    rows += [[str(run["id"]), run["date"], run["commit"], f"{run['load_average']:.2f}", run["scheduling"],
              f"`{run['command']}`"] for run in results.runs]
    yield tables.markdown_table(rows)


def closed_sections(results, beside):
    for load, title in TITLES.items():
        for number, length in enumerate(results.lengths(load)):
            samples = results.closed(load, length)
            if number == 0:
                yield f"### {title}"
            yield f"{size_text(length)}:"
            yield tables.cost_table(samples, SERVERS, beside)
            yield from tables.remarks(samples, SERVERS)


def side_by_side(results):
    """What one choice costs: where storage runs, and what kind of I/O is below."""
    for heading, tables_wanted in SIDE_BY_SIDE:
        found = []
        for yardstick, names in tables_wanted:
            for load, title in TITLES.items():
                samples = [each for each in results.closed(load, KIB) if each["server"] in names]
                if len({each["server"] for each in samples}) > 1:
                    found += [f"{size_text(KIB)}, {title[0].lower() + title[1:] if load != 'bdat' else title}:",
                              tables.cost_table(samples, SERVERS, (yardstick,), with_stores=False)]
        if found:
            yield from [f"### {heading}", *found]


def body(results, images=None, beside=BESIDE):
    """The results as Markdown; `images` is the folder of the plots, as the page sees it, None for no plots."""
    names = results.servers(results.samples, SERVERS)
    parts = ["\n".join(run_lines(results))]
    picture = lambda name: [f"![{PLOTS[name]}]({images}/{name})"] if images and name in have else []
    have = plots.all_plots(results, SERVERS) if images else ()
    parts += picture("cpu.svg") + picture("throughput.svg") + picture("length.svg")
    parts += ["### What a 250 means", tables.promise_table(names, SERVERS, results.versions)]
    parts += closed_sections(results, beside)
    parts += side_by_side(results)
    if results.open():
        parts += ["### At an offered rate", *picture("latency.svg"), tables.rate_table(results.open(), SERVERS)]
    return "\n\n".join(parts) + "\n"


def render(results, docs):
    """Writes all of it; returns the files."""
    page, images = docs / "benchmarks.md", docs / "img"
    text = replace_between(page.read_text(), BEGIN, END, body(results, "img"))
    images.mkdir(exist_ok=True)
    written = [page, docs / "benchmarks.json"]
    for name, svg in plots.all_plots(results, SERVERS).items():
        (images / name).write_text(svg)
        written.append(images / name)
    page.write_text(text)
    (docs / "benchmarks.json").write_text(results.text())
    return written
