"""Draws Grafana's dashboard with given data as one SVG, in the dashboard's own layout: no I/O.

What it knows of Grafana is what dashboard.json uses: rows, stat, timeseries and state-timeline
panels; thresholds, value mappings, overrides of colors; the units below; annotations as vertical
lines. It is no screenshot.
"""

import math
import re
from xml.sax.saxutils import escape

COLUMN, ROW, GAP, HEAD = 46, 28, 3, 52
BACK, PANEL, LINE, GRID = "#111217", "#181b1f", "#2c2f36", "#272a30"
TEXT, DIM = "#d8d9e3", "#9a9ba8"
COLORS = {
    "red": "#f2495c",
    "green": "#73bf69",
    "orange": "#ff9830",
    "yellow": "#fade2a",
    "blue": "#5794f2",
    "purple": "#b877d9",
}
# Grafana's classic palette, which gives series their colors in turn.
PALETTE = [
    "#73bf69",
    "#f2cc0c",
    "#8ab8ff",
    "#ff780a",
    "#f2495c",
    "#5794f2",
    "#b877d9",
    "#c8a2ff",
    "#37872d",
    "#fade2a",
    "#447ebc",
    "#c15c17",
    "#e0b400",
    "#0a9fd4",
]
SECONDS = [(1e-6, "µs"), (1e-3, "ms"), (1, "s"), (60, "min"), (3600, "h"), (86400, "d")]
BYTES = [(1, "B"), (1 << 10, "KiB"), (1 << 20, "MiB"), (1 << 30, "GiB"), (1 << 40, "TiB")]
COUNTS = [(1, ""), (1e3, "K"), (1e6, "M")]
UNITS = {
    "s": (SECONDS, ""),
    "bytes": (BYTES, ""),
    "short": (COUNTS, ""),
    "none": (COUNTS, ""),
    "ops": (COUNTS, "ops/s"),
    "reqps": (COUNTS, "req/s"),
}


def scale_of(unit, value):
    """The factor and the name that a value of this size is shown with."""
    scales, suffix = UNITS[unit]
    fitting = [scale for scale in scales if abs(value) >= scale[0] * 0.9999]
    plain = next(scale for scale in scales if scale[0] == 1)
    factor, name = fitting[-1] if fitting else plain
    return factor, " ".join(filter(None, [name, suffix]))


def show(value, unit, scale=None):
    factor, name = scale or scale_of(unit, value)
    return f"{round(value / factor, 2):.12g} {name}".strip()


def ticks_of(low, high, unit):
    """Round values from `low` to at least `high`, four or so."""
    if high <= low:
        high = low + 1
    rough = (high - low) / 4
    if unit == "bytes":
        step = 2 ** math.ceil(math.log2(rough))
    elif unit == "s" and rough > 10:
        step = next(
            (s for s in (15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400) if s >= rough),
            86400 * math.ceil(rough / 86400),
        )
    else:
        power = 10 ** math.floor(math.log10(rough))
        step = power * next(m for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [n * step for n in range(first, last + 1)]


def text(x, y, words, size=11, color=TEXT, anchor="start", weight=None):
    more = f' text-anchor="{anchor}"' if anchor != "start" else ""
    more += f' font-weight="{weight}"' if weight else ""
    begin = f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{color}"{more}>'
    return f"{begin}{escape(words)}</text>"


def box(x, y, w, h, color, rx=1.5, more=""):
    place = f'x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}"'
    return f'<rect {place} rx="{rx}" fill="{color}"{more}/>'


def width_of(words, size=11):
    """About what a sans-serif font needs."""
    return len(words) * size * 0.6


def threshold_color(steps, value):
    color = "green"
    for step in steps:
        if step["value"] is None or value >= step["value"]:
            color = step["color"]
    return COLORS[color]


def mapped(defaults, value):
    """(text, color) that a mapping has for a value, or None."""
    for mapping in defaults.get("mappings", []):
        found = mapping["options"].get(f"{value:g}")
        if found:
            return found.get("text", f"{value:g}"), COLORS.get(found.get("color"))
    return None


def series_color(panel, legend, index):
    for override in panel["fieldConfig"].get("overrides", []):
        matcher = override["matcher"]
        # As Grafana reads it: an expression between slashes is found anywhere.
        hit = (
            re.search(matcher["options"].strip("/"), legend)
            if matcher["id"] == "byRegexp"
            else matcher["options"] == legend
        )
        for prop in override["properties"] if hit else []:
            if prop["id"] == "color":
                return COLORS[prop["value"]["fixedColor"]]
    return PALETTE[index % len(PALETTE)]


class Picture:
    """`data` is what the run gave: begin, end and step in seconds; per panel id a list of
    {legend, points: [[t, v]]}, by time; and the times of annotations."""

    def __init__(self, dashboard, data):
        self.panels = dashboard["panels"]
        self.data = data
        self.out = []

    def draw(self, title, subtitle, rows=None):
        """The whole dashboard, or its first `rows` rows with all that is below each."""
        panels, count = [], 0
        for panel in self.panels:
            count += panel["type"] == "row"
            if rows is None or count <= rows:
                panels.append(panel)
        bottom = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in panels)
        width, height = 24 * COLUMN + 2 * GAP, HEAD + bottom * ROW + 2 * GAP
        self.out = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" font-family="Inter,Helvetica,Arial,sans-serif">',
            f"<title>{escape(title)}: {escape(subtitle)}</title>",
            box(0, 0, width, height, BACK, 6),
            text(14, 23, title, 17, weight=600),
            text(14, 42, subtitle, 11.5, DIM),
        ]
        for panel in panels:
            self.panel(panel)
        return "\n".join(self.out + ["</svg>", ""])

    def panel(self, panel):
        at = panel["gridPos"]
        x, y = GAP + at["x"] * COLUMN, HEAD + at["y"] * ROW
        w, h = at["w"] * COLUMN, at["h"] * ROW
        if panel["type"] == "row":
            self.out += [
                f'<path d="M{x + 9} {y + 11}l4 5 4-5" fill="none" stroke="{TEXT}"/>',
                text(x + 22, y + 19, panel["title"], 14, weight=600),
            ]
            return
        x, y, w, h = x + GAP, y + GAP, w - 2 * GAP, h - 2 * GAP
        self.out += [
            box(x, y, w, h, PANEL, 3, f' stroke="{LINE}"'),
            text(x + 9, y + 17, panel["title"], 12, weight=600),
        ]
        series = self.data["panels"][str(panel["id"])]
        if panel["type"] == "stat":
            self.stat(panel, series, x, y, w, h)
        elif panel["type"] == "state-timeline":
            self.states(panel, series, x + 9, y + 26, w - 18, h - 46)
        else:
            self.lines(panel, series, x + 9, y + 28, w - 18, h - 32)

    def stat(self, panel, series, x, y, w, h):
        defaults = panel["fieldConfig"]["defaults"]
        if not series:
            words, color = defaults.get("noValue", "No data"), DIM
        else:
            value = series[0]["points"][-1][1]
            words, color = mapped(defaults, value) or (show(value, defaults["unit"]), None)
            color = color or threshold_color(defaults["thresholds"]["steps"], value)
        size = min(34, (w - 20) / (0.56 * max(len(words), 3)))
        self.out.append(
            text(x + w / 2, y + 12 + (h + size * 0.7) / 2, words, round(size), color, "middle", 600)
        )

    def time_axis(self, x, y, w, h):
        """Labels below a plot; returns where a time is."""
        begin, end = self.data["begin"], self.data["end"]
        for second in range(0, int(end - begin) + 1, 30 if w < 900 and end - begin < 200 else 60):
            at = x + w * second / (end - begin)
            self.out.append(f'<path d="M{at:.0f} {y}v{h}" stroke="{GRID}"/>')
            if at < x + w - 8:
                self.out.append(
                    text(
                        at,
                        y + h + 13,
                        f"{second // 60}:{second % 60:02}",
                        10,
                        DIM,
                        "middle" if at > x + 8 else "start",
                    )
                )
        return lambda t: x + w * (t - begin) / (end - begin)

    def annotations(self, at, y, h):
        look = f'stroke="{COLORS["orange"]}" stroke-dasharray="3 2" opacity=".8"'
        for t in self.data["annotations"]:
            self.out.append(f'<path d="M{at(t):.1f} {y}v{h}" {look}/>')

    def states(self, panel, series, x, y, w, h):
        left = max([width_of(s["legend"]) for s in series], default=0) + 10
        at = self.time_axis(x + left, y, w - left, h)
        step, height = self.data["step"], min(22, h / max(len(series), 1))
        for row, one in enumerate(series):
            top = y + row * height
            self.out.append(text(x, top + height / 2 + 4, one["legend"], 11, DIM))
            runs = []
            for t, value in one["points"]:
                if runs and runs[-1][2] == value and t - runs[-1][1] < step * 1.5:
                    runs[-1][1] = t
                else:
                    runs.append([t, t, value])
            for begin, end, value in runs:
                color = mapped(panel["fieldConfig"]["defaults"], value)[1]
                wide = min(at(end + step), x + w) - at(begin)
                self.out.append(box(at(begin), top + 2, wide, height - 4, color))
        self.annotations(at, y, h)

    def legend(self, names, x, w, bottom):
        """Draws the names from the bottom up, and returns how high they are."""
        lines, used = [[]], 0
        for name, color in names:
            need = width_of(name) + 26
            if lines[-1] and used + need > w:
                lines.append([])
                used = 0
            lines[-1].append((used, name, color))
            used += need
        for number, line in enumerate(lines):
            y = bottom - 15 * (len(lines) - 1 - number) - 5
            for left, name, color in line:
                self.out += [
                    box(x + left, y - 5, 12, 3, color),
                    text(x + left + 16, y, name, 11, TEXT),
                ]
        return 15 * len(lines)

    def lines(self, panel, series, x, y, w, h):
        defaults = panel["fieldConfig"]["defaults"]
        unit = defaults["unit"]
        colors = [series_color(panel, one["legend"], i) for i, one in enumerate(series)]
        plot = h - self.legend([(s["legend"], c) for s, c in zip(series, colors)], x, w, y + h) - 20
        values = [v for one in series for _, v in one["points"]]
        low = defaults.get("min", min(values, default=0))
        low = min(low, defaults.get("custom", {}).get("axisSoftMin", low))
        ticks = ticks_of(low, defaults.get("max", max(values, default=1)), unit)
        if unit == "short" and all(v == int(v) for v in values):
            ticks = [t for t in ticks if t == int(t)]
        scale = scale_of(unit, max(map(abs, ticks)))
        labels = [(mapped(defaults, t) or (show(t, unit, scale),))[0] for t in ticks]
        left = max(map(width_of, labels)) + 8
        x, w = x + left, w - left
        at = self.time_axis(x, y, w, plot)
        floor, top = ticks[0], ticks[-1]
        height = lambda v: y + plot * (1 - (min(max(v, floor), top) - floor) / (top - floor))
        for tick, label in zip(ticks, labels):
            self.out += [
                f'<path d="M{x:.0f} {height(tick):.1f}h{w:.0f}" stroke="{GRID}"/>',
                text(x - 6, height(tick) + 4, label, 10.5, DIM, "end"),
            ]
        opacity = defaults.get("custom", {}).get("fillOpacity", 0) / 100
        for one, color in zip(series, colors):
            for run in self.runs(one["points"]):
                self.run([(at(t), height(v)) for t, v in run], y + plot, color, opacity)
        self.annotations(at, y, plot)

    def runs(self, points):
        """What is joined by a line: it ends where values are missing."""
        runs = []
        for point in points:
            if not runs or point[0] - runs[-1][-1][0] > self.data["step"] * 1.5:
                runs.append([])
            runs[-1].append(point)
        return runs

    def run(self, points, base, color, opacity):
        points = [
            p
            for i, p in enumerate(points)
            if not 0 < i < len(points) - 1
            or not abs(points[i - 1][1] - p[1]) + abs(points[i + 1][1] - p[1]) < 0.1
        ]
        if len(points) == 1:
            points.append((points[0][0] + 1.5, points[0][1]))
        path, (px, py) = "", (round(points[0][0], 1), round(points[0][1], 1))
        begin = f"M{px:g} {py:g}"
        for x, y in points[1:]:
            # Each from where the last was drawn, so that rounding does not add up.
            dx, dy = round(x - px, 1), round(y - py, 1)
            path += f"l{dx:g} {dy:g}" if dy else f"h{dx:g}"
            px, py = round(px + dx, 1), round(py + dy, 1)
        if opacity:
            self.out.append(
                f'<path d="{begin}{path}V{base:.0f}H{points[0][0]:.1f}z" fill="{color}" '
                f'fill-opacity="{opacity:g}"/>'
            )
        self.out.append(
            f'<path d="{begin}{path}" fill="none" stroke="{color}" stroke-width="1.4"/>'
        )
