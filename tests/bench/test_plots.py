"""Plots of bench/compare: well-formed, complete, nothing outside the page, no text over another."""

import math
import unittest
import xml.etree.ElementTree

import sample_results as made
from comparison import plots
from comparison.servers import SERVERS
from comparison.svg import LogAxis, Page, short

SVG = "{http://www.w3.org/2000/svg}"
GLYPH = 0.56   # width of a letter by the size of the font, generously


def texts(svg):
    for element in xml.etree.ElementTree.fromstring(svg).iter(SVG + "text"):
        yield element


def box(element):
    """(left, top, right, bottom) of a text, roughly; turned ones are not asked for."""
    size = 11.5 if element.get("class") == "small" else 15 if element.get("class") == "title" else 13
    width = len(element.text) * size * GLYPH
    x, y = float(element.get("x")), float(element.get("y"))
    left = {"start": x, "middle": x - width / 2, "end": x - width}[element.get("text-anchor", "start")]
    return left, y - 0.75 * size, left + width, y + 0.2 * size


class Plots(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.results = made.full()
        cls.plots = plots.all_plots(cls.results, SERVERS)

    def test_there_is_one_for_each_question(self):
        self.assertEqual(set(self.plots), {"cpu.svg", "throughput.svg", "length.svg", "latency.svg"})

    def test_without_samples_there_is_none(self):
        self.assertEqual(plots.all_plots(made.results([]), SERVERS), {})

    def test_every_server_is_named_in_each(self):
        for name, svg in self.plots.items():
            written = {element.text for element in texts(svg)}
            for server in {each["server"] for each in self.results.samples}:
                self.assertIn(SERVERS[server].title, written, name)

    def test_texts_stay_on_the_page_and_apart(self):
        for name, svg in self.plots.items():
            root = xml.etree.ElementTree.fromstring(svg)
            flat = [element for element in texts(svg) if element.get("transform") is None]
            boxes = [(box(element), element.text) for element in flat]
            for (left, top, right, bottom), text in boxes:
                self.assertTrue(left >= 0 and right <= float(root.get("width")) and top >= 0 and
                                bottom <= float(root.get("height")), f"{name}: {text!r} leaves the page")
            for number, ((left, top, right, bottom), text) in enumerate(boxes):
                for (other_left, other_top, other_right, other_bottom), other in boxes[:number]:
                    apart = left >= other_right or other_left >= right or top >= other_bottom or other_top >= bottom
                    self.assertTrue(apart, f"{name}: {text!r} over {other!r}")

    def test_colours_are_given_for_light_and_dark(self):
        for name, svg in self.plots.items():
            style = xml.etree.ElementTree.fromstring(svg).find(SVG + "style").text
            light, dark = style.count(".s-spool {"), style.split("prefers-color-scheme: dark")[-1].count(".s-spool {")
            self.assertEqual((light, dark), (2, 1), name)

    def test_every_server_has_a_look_of_its_own(self):
        self.assertEqual(set(plots.LOOKS), set(SERVERS))
        lines = [look for name, look in plots.LOOKS.items() if not SERVERS[name].variant]
        self.assertEqual(len(set(lines)), len(lines))

    def test_a_dearer_server_stands_further_right(self):
        svg = xml.etree.ElementTree.fromstring(self.plots["cpu.svg"])
        at = {}
        for circle in svg.iter(SVG + "circle"):
            at.setdefault(circle.get("class").split()[0], float(circle.get("cx")))
        self.assertLess(at["s-floor"], at["s-spool"])
        self.assertLess(at["s-spool"], at["s-postfix"])

    def test_a_generator_at_its_limit_is_marked(self):
        bound = [made.closed("floor", 10, generator_busy=0.99, server_busy=0.5), made.closed("spool", 20)]
        written = [element.text for element in texts(plots.throughput_plot(made.results(bound), SERVERS))]
        self.assertIn("100k+", written)
        self.assertIn("50k", written)


class Axis(unittest.TestCase):
    def test_ends_at_steps_around_the_values(self):
        axis = LogAxis([3, 700], 100, 500)
        self.assertEqual((axis.low, axis.high), (2, 1000))
        self.assertAlmostEqual(axis.at(2), 100)
        self.assertAlmostEqual(axis.at(1000), 500)
        self.assertAlmostEqual(axis.at(math.sqrt(2000)), 300)

    def test_one_value_has_an_axis_too(self):
        axis = LogAxis([10], 0, 100)
        self.assertLess(axis.low, axis.high)
        self.assertTrue(0 <= axis.at(10) <= 100)

    def test_labels_that_would_touch_are_left_out(self):
        labels = [value for value, labelled in LogAxis([1, 1000000], 0, 200).ticks() if labelled]
        self.assertEqual(labels, [1, 10, 100, 1000, 10000, 100000, 1000000])
        self.assertEqual([value for value, labelled in LogAxis([1, 10], 0, 200).ticks() if labelled], [1, 2, 5, 10])

    def test_short_labels(self):
        self.assertEqual([short(value) for value in (0.2, 50, 20000, 2e6)], ["0.2", "50", "20k", "2M"])


class Pages(unittest.TestCase):
    def test_text_is_escaped(self):
        page = Page(100, 50, 'a "title" & more')
        page.text(1, 2, "<&>", class_='"')
        root = xml.etree.ElementTree.fromstring(page.render())
        self.assertEqual(root.find(SVG + "text").text, "<&>")
        self.assertEqual(root.get("aria-label"), 'a "title" & more')
