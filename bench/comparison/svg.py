"""Enough of SVG for the plots: a page that is readable on light and dark backgrounds, and logarithmic axes."""

import math
from xml.sax.saxutils import escape

FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
# The page is opaque: it stays readable where the surroundings and the reader's colour scheme differ.
STYLE = """
text { font-family: %s; font-size: 13px; fill: #1f2328; }
.small { font-size: 11.5px; fill: #59636e; }
.title { font-size: 15px; font-weight: 600; }
.bold { font-weight: 600; }
.page { fill: #ffffff; }
.grid { stroke: #d8dee4; stroke-width: 1; }
.minor { stroke: #eef1f4; stroke-width: 1; }
.frame { stroke: #8c959f; stroke-width: 1; fill: none; }
.hollow { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.small { fill: #9198a1; }
.page { fill: #0d1117; }
.grid { stroke: #30363d; }
.minor { stroke: #1c2129; }
.frame { stroke: #6e7681; }
.hollow { fill: #0d1117; }
}
""" % FONT


def number(value):
    """A coordinate: two digits are enough, and equal input gives equal text."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def quoted(text):
    return escape(text, {'"': "&quot;"})


class Page:
    """Elements in the order in which they are painted. Colours that differ with the scheme are classes."""

    def __init__(self, width, height, title):
        self.width, self.height, self.title = width, height, title
        self.elements = []
        self.colours = {}      # class: (light, dark)

    def add(self, name, content=None, **attributes):
        words = " ".join(f'{key.rstrip("_").replace("_", "-")}="{quoted(value if isinstance(value, str) else number(value))}"'
                         for key, value in attributes.items() if value is not None)
        self.elements.append(f"<{name} {words}/>" if content is None else f"<{name} {words}>{escape(content)}</{name}>")

    def text(self, x, y, content, class_=None, anchor="start", rotate=None):
        turn = f"rotate({rotate} {number(x)} {number(y)})" if rotate else None
        self.add("text", content, x=x, y=y, class_=class_, text_anchor=None if anchor == "start" else anchor, transform=turn)

    def line(self, x1, y1, x2, y2, class_, width=None):
        self.add("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_, stroke_width=width)

    def polyline(self, points, class_, width=2):
        self.add("polyline", points=" ".join(f"{number(x)},{number(y)}" for x, y in points), class_=class_, fill="none",
                 stroke_width=width, stroke_linejoin="round")

    def marker(self, x, y, shape, class_, radius=4.5, hollow=False):
        """A point; `class_` has its colour. A hollow one is filled with the page's."""
        classes = class_ + (" hollow" if hollow else " filled")
        if shape == "circle":
            self.add("circle", cx=x, cy=y, r=radius, class_=classes, stroke_width=2)
            return
        corners = {"square": ((-.9, -.9), (.9, -.9), (.9, .9), (-.9, .9)),
                   "diamond": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
                   "triangle": ((0, -1.2), (1.2, 1), (-1.2, 1)), "down": ((0, 1.2), (1.2, -1), (-1.2, -1))}[shape]
        points = " ".join(f"{number(x + radius * dx)},{number(y + radius * dy)}" for dx, dy in corners)
        self.add("polygon", points=points, class_=classes, stroke_width=2)

    def colour(self, name, light, dark):
        """A class for strokes and filled markers."""
        self.colours[name] = (light, dark)
        return name

    def colour_style(self):
        rules = lambda which: "".join(f".{name} {{ stroke: {pair[which]}; }} .{name}.filled {{ fill: {pair[which]}; }}\n"
                                      for name, pair in self.colours.items())
        return rules(0) + "@media (prefers-color-scheme: dark) {\n" + rules(1) + "}\n"

    def render(self):
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" '
                f'height="{self.height}" role="img" aria-label="{quoted(self.title)}">')
        return "\n".join([head, f"<title>{escape(self.title)}</title>", f"<style>{STYLE}{self.colour_style()}</style>",
                          f'<rect class="page" width="{self.width}" height="{self.height}" rx="6"/>',
                          *self.elements, "</svg>", ""])


class LogAxis:
    """Values to pixels, from a range that is widened to whole steps of 1, 2, 5."""

    STEPS = (1, 2, 5)

    def __init__(self, values, start, end, room=1.0):
        low, high = min(values) / room, max(values) * room
        ticks = self.all_ticks(low, high)
        self.low, self.high = ticks[0], ticks[-1]
        self.start, self.end = start, end

    @classmethod
    def all_ticks(cls, low, high):
        """From the last step at or below `low` to the first at or above `high`."""
        exponents = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
        steps = [round(step * 10.0 ** exponent, 12) for exponent in exponents for step in cls.STEPS]
        below = [step for step in steps if step <= low * (1 + 1e-9)][-1]
        above = [step for step in steps if step >= high * (1 - 1e-9)][0]
        if below == above:
            above = steps[steps.index(above) + 1]
        return [step for step in steps if below <= step <= above]

    def at(self, value):
        share = (math.log10(value) - math.log10(self.low)) / (math.log10(self.high) - math.log10(self.low))
        return self.start + share * (self.end - self.start)

    @staticmethod
    def label(value):
        return short(value)

    def ticks(self, apart=34):
        """(value, whether it has a label): where steps are too close for labels, only powers of ten have them."""
        values = self.all_ticks(self.low, self.high)
        close = min(abs(self.at(a) - self.at(b)) for a, b in zip(values, values[1:])) < apart
        return [(value, not close or math.isclose(math.log10(value) % 1, 0, abs_tol=1e-9)) for value in values]


class MarkedAxis:
    """Few values, each with a label of its own: {value: text}."""

    def __init__(self, marks, start, end):
        self.marks, self.start, self.end = marks, start, end
        self.low, self.high = min(marks) / 1.5, max(marks) * 1.5

    at = LogAxis.at

    def ticks(self):
        return [(value, True) for value in self.marks]

    def label(self, value):
        return self.marks[value]


def short(value):
    """An axis label: 20000 is 20k."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"
