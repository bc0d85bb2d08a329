"""The chart: throughput and p99 over threads, a line for each side. SVG, by hand."""
import html
import math
import statistics

WIDTH, HEIGHT = 1280, 580
TOP, BOTTOM = 112, 76
PANELS = ((72, 410), (706, 410))  # left edge and width; the names stand to the right
PAPER, INK, QUIET, GRID = "#ffffff", "#1d2430", "#6b7484", "#e7eaef"

# The library stands out; the others are told apart by hue, and named where their lines end.
STYLES = {  # side: (name, colour, width of its line)
    "agdb": ("libagencydb", "#d6336c", 3.6),
    "agdb_submit": ("agdb_submit, one thread", "#d6336c", 2.2),
    "raw": ("raw libpq, a connection per thread", "#1d2430", 2.2),
    "pgbench": ("pgbench -M prepared", "#2b8a3e", 1.8),
    "mutexpool": ("mutex pool of 4", "#1c7ed6", 1.8),
    "pgbouncer-session": ("PgBouncer, session", "#e8890c", 1.8),
    "pgbouncer-tx": ("PgBouncer, transaction", "#9c6b1e", 1.8),
    "plproxy": ("PL/Proxy", "#7048e8", 1.8),
}
DASHED = {"agdb_submit": "9 6"}
SHORT = {"agdb_submit": "agdb_submit, 1 thread", "raw": "raw libpq", "pgbench": "pgbench", "mutexpool": "mutex pool",
         "pgbouncer-session": "PgBouncer session", "pgbouncer-tx": "PgBouncer transaction"}


def element(name, content=None, **attributes):
    words = "".join(f' {key.replace("_", "-")}="{html.escape(str(value))}"' for key, value in attributes.items())
    return f"<{name}{words}/>" if content is None else f"<{name}{words}>{content}</{name}>"


def label(x, y, text, **attributes):
    return element("text", html.escape(text), x=f"{x:.1f}", y=f"{y:.1f}", **attributes)


def round_up(value):
    """The next of 1, 2, 2.5, 5 x 10^n."""
    power = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value)


def thousands(value):
    return f"{value / 1000:g} k" if value >= 1000 else f"{value:g}"


def milliseconds(value):
    return f"{value / 1000:g} ms" if value >= 1000 else f"{value:g} µs"


class Panel:
    def __init__(self, data, field, title, left, width, logarithmic, name_of):
        self.title, self.left, self.width, self.name_of = title, left, width, name_of
        self.logarithmic = logarithmic
        self.lines = {}  # side -> [(threads, low, median, high)]
        for side, by_threads in data.items():
            points = [(threads, [sample[field] for sample in samples if field in sample])
                      for threads, samples in sorted(by_threads.items())]
            points = [(threads, min(values), statistics.median(values), max(values))
                      for threads, values in points if values]
            if points:
                self.lines[side] = points
        self.threads = sorted({point[0] for line in self.lines.values() for point in line})
        values = [value for line in self.lines.values() for _, _, value, _ in line] or [1]
        self.ticks = self.log_ticks(min(values), max(values)) if logarithmic else self.even_ticks(max(values))
        self.low, self.high = self.ticks[0], self.ticks[-1]

    @staticmethod
    def even_ticks(high):
        step = round_up(high / 5)
        return [step * number for number in range(math.ceil(high * 1.02 / step) + 1)]

    @staticmethod
    def log_ticks(low, high):
        steps = [factor * 10 ** power for power in range(7) for factor in (1, 2, 5)]
        first = max((step for step in steps if step <= low), default=steps[0])
        last = min((step for step in steps if step >= high), default=steps[-1])
        return [step for step in steps if first <= step <= last]

    def x(self, threads):
        span = math.log2(self.threads[-1] / self.threads[0]) or 1
        return self.left + self.width * math.log2(threads / self.threads[0]) / span

    def y(self, value):
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            part = math.log(value / self.low) / (math.log(self.high / self.low) or 1)
        else:
            part = (value - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)

    def frame(self):
        right = self.left + self.width
        parts = [label(self.left - 46, TOP - 22, self.title, font_size=15, font_weight=600, fill=INK)]
        for tick in self.ticks:
            y = self.y(tick)
            parts.append(element("line", x1=self.left, x2=right, y1=f"{y:.1f}", y2=f"{y:.1f}", stroke=GRID))
            parts.append(label(self.left - 10, y + 4, self.name_of(tick), font_size=12, fill=QUIET, text_anchor="end"))
        for threads in self.threads:
            parts.append(label(self.x(threads), HEIGHT - BOTTOM + 22, str(threads), font_size=12, fill=QUIET,
                               text_anchor="middle"))
        parts.append(label(self.left + self.width / 2, HEIGHT - BOTTOM + 42, "threads (agdb_submit: requests outstanding)",
                           font_size=12, fill=QUIET, text_anchor="middle"))
        return parts

    def band(self, side):
        """What the rounds of a side ranged over."""
        points = self.lines[side]
        edge = [f"{self.x(t):.1f},{self.y(high):.1f}" for t, _, _, high in points]
        edge += [f"{self.x(t):.1f},{self.y(low):.1f}" for t, low, _, _ in reversed(points)]
        return element("polygon", points=" ".join(edge), fill=STYLES[side][1], opacity=0.12)

    def line(self, side):
        _, colour, width = STYLES[side]
        points = [(self.x(t), self.y(median)) for t, _, median, _ in self.lines[side]]
        path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        parts = [element("path", d=path, fill="none", stroke=colour, stroke_width=width, stroke_linejoin="round",
                         stroke_linecap="round", stroke_dasharray=DASHED.get(side, "none"))]
        parts += [element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=4 if side == "agdb" else 2.6, fill=colour,
                          stroke=PAPER, stroke_width=1) for x, y in points]
        return parts

    def names(self):
        """At the ends of the lines, pushed apart where they would lie on each other."""
        gap = 17
        wanted = sorted((self.y(points[-1][2]), side) for side, points in self.lines.items())
        places = []
        for y, side in wanted:
            places.append([max(y, places[-1][0] + gap) if places else y, y, side])
        floor = HEIGHT - BOTTOM
        for place in reversed(places):
            place[0] = min(place[0], floor)
            floor = place[0] - gap
        parts = []
        for y, at, side in places:
            name, colour, _ = STYLES[side]
            x = self.x(self.lines[side][-1][0])
            right = self.left + self.width
            parts.append(element("path", d=f"M{x + 6:.1f} {at:.1f} L{right + 12:.1f} {y:.1f}", stroke=colour,
                                 fill="none", opacity=0.5))
            parts.append(label(right + 16, y + 4, SHORT.get(side, name), font_size=12.5, fill=colour,
                               font_weight=700 if side == "agdb" else 500))
        return parts

    def draw(self):
        order = [side for side in STYLES if side in self.lines and side != "agdb"]
        parts = self.frame()
        if "agdb" in self.lines:
            order.append("agdb")
            parts.append(self.band("agdb"))
        for side in order:
            parts += self.line(side)
        return parts + self.names()


def headline(data):
    """What the chart says, from its own figures."""
    threads = max(data.get("agdb", {}), default=0)
    if threads == 0 or threads not in data.get("raw", {}):
        return "Point reads by primary key"
    mine, theirs = ([sample["per_second"] for sample in data[side][threads]] for side in ("agdb", "raw"))
    ratio = statistics.median(a / b for a, b in zip(mine, theirs))
    return f"Point reads by primary key: at {threads} threads, {ratio:.2g} x the throughput of raw libpq"


def svg(data, about):
    data = {side: by_threads for side, by_threads in data.items() if side in STYLES}
    parts = [element("rect", width=WIDTH, height=HEIGHT, fill=PAPER),
             label(26, 38, headline(data), font_size=21, font_weight=700, fill=INK),
             label(26, 60, "PostgreSQL 15 on the same machine. Medians; the band shows the range of libagencydb's "
                           "rounds.", font_size=12.5, fill=QUIET)]
    for (left, width), (field, title, logarithmic, name_of) in zip(PANELS, (
            ("per_second", "Operations per second (more is better)", False, thousands),
            ("p99_us", "99th percentile of latency, logarithmic (less is better)", True, milliseconds))):
        parts += Panel(data, field, title, left, width, logarithmic, name_of).draw()
    parts.append(label(26, HEIGHT - 12, about, font_size=11, fill=QUIET))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
            f'height="{HEIGHT}" font-family="DejaVu Sans, Verdana, sans-serif">\n' + "\n".join(parts) + "\n</svg>")
