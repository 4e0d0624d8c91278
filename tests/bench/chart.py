"""The results as one SVG with a light and a dark look. Pure; nothing but text is put together."""

import collections
from xml.sax.saxutils import escape

from .figures import number
from .report import OWN, median

WIDTH = 1000
MARGIN = 32
GAP = 40
PANEL = (WIDTH - 2 * MARGIN - GAP) / 2
LABEL = 112
VALUE = 92
BAR = 14
LINE = 22
TITLE = 44
HEADING = 104
LINES_HEIGHT = 170
LEVELS = (100, 1000, 4000, 9000)

STYLE = """\
text { font-family: system-ui, -apple-system, "Segoe UI", sans-serif; fill: #52514e; font-size: 12px }
.surface { fill: #fcfcfb } .strong { fill: #0b0b0b } .title { fill: #0b0b0b; font-size: 20px; font-weight: 600 }
.panel { fill: #0b0b0b; font-size: 13px; font-weight: 600 } .end { text-anchor: end } .middle { text-anchor: middle }
.axis { stroke: #c9c8c2; stroke-width: 1 } .range { stroke: #0b0b0b; stroke-width: 1.5; opacity: 0.55 }
.own { fill: #2a78d6 } .peer { fill: #a3a29c } .direct { fill: none; stroke: #a3a29c; stroke-dasharray: 3 2 }
.line { fill: none; stroke-width: 2 } .s-own { stroke: #2a78d6 } .s-nginx { stroke: #eb6834 } .s-haproxy { stroke: #1baf7a }
.f-own { fill: #2a78d6 } .f-nginx { fill: #eb6834 } .f-haproxy { fill: #1baf7a }
@media (prefers-color-scheme: dark) {
text { fill: #c3c2b7 } .surface { fill: #1a1a19 } .strong, .title, .panel { fill: #ffffff }
.axis { stroke: #4a4945 } .range { stroke: #ffffff } .own { fill: #3987e5 } .peer { fill: #77766f }
.direct { stroke: #77766f } .s-own { stroke: #3987e5 } .s-nginx { stroke: #d95926 } .s-haproxy { stroke: #199e70 }
.f-own { fill: #3987e5 } .f-nginx { fill: #d95926 } .f-haproxy { fill: #199e70 }
}"""

# One group of bars. `better` is the word for the reader.
Panel = collections.namedtuple("Panel", "title measure figure scale better")
PANELS = (
    Panel("New connections per second", "connect", "per_second", 1, "more"),
    Panel("Processor time of a new connection, µs", "connect", "cpu_us", 1, "less"),
    Panel("Ping-pong per second, 64 connections", "ping-64", "per_second", 1, "more"),
    Panel("Its 99th percentile, µs", "ping-64", "p99_us", 1, "less"),
    Panel("Download, 1 connection, GB/s", "download-1", "gb_per_second", 1, "more"),
    Panel("Its processor time, ms per GB", "download-1", "cpu_s_per_gb", 1000, "less"),
    Panel("Upload, 4 connections, GB/s", "upload-4", "gb_per_second", 1, "more"),
    Panel("Its processor time, ms per GB", "upload-4", "cpu_s_per_gb", 1000, "less"),
    Panel("User memory of an idle connection, bytes", "idle", "pss_bytes", 1, "less"),
    Panel("System calls of a new connection", "syscalls", "connect_calls", 1, "less"),
)
SERIES = (("nginx-reuseport", "nginx"), ("haproxy", "haproxy"), (OWN, "own"))


def text(x, y, content, style=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}">{escape(content)}</text>'


def _entry(results, contestant, panel):
    return results["medians"].get(contestant, {}).get(panel.measure, {}).get(panel.figure)


def bars(results, panel, x, y):
    """One line for each contestant that has the figure, as long as its median; a stroke spans its rounds."""
    parts = [text(x, y, panel.title, "panel"), text(x + PANEL, y, f"{panel.better} is better", "end")]
    found = [(each, entry) for each in results["environment"]["contestants"]
             if (entry := _entry(results, each["name"], panel))]
    most = max((entry["high"] for _, entry in found), default=0) or 1
    room = PANEL - LABEL - VALUE
    for index, (each, entry) in enumerate(found):
        top = y + 14 + index * LINE
        kind = "own" if each["name"] == OWN else "peer" if each["relays"] else "direct"
        left, length = x + LABEL, max(1.0, entry["median"] / most * room)
        parts.append(text(left - 8, top + BAR - 3, each["title"], "end strong" if kind == "own" else "end"))
        parts.append(f'<rect x="{left:.1f}" y="{top:.1f}" width="{length:.1f}" height="{BAR}" rx="2" class="{kind}"/>')
        low, high = (left + entry[end] / most * room for end in ("low", "high"))
        if entry["rounds"] > 1:
            parts.append(f'<path d="M{low:.1f} {top + BAR / 2:.1f}H{high:.1f}" class="range"/>')
        parts.append(text(max(high, left + length) + 8, top + BAR - 3, number(entry["median"] * panel.scale),
                          "strong" if kind == "own" else ""))
    return parts


def lines(results, figure, title, x, y):
    """Cost beside more and more idle connections; the steps between the levels are equally wide."""
    curves = [(name, style, [median(results["medians"], name, "scale", f"{figure}_{level}") for level in LEVELS])
              for name, style in SERIES]
    curves = [(name, style, values) for name, style, values in curves if None not in values]
    parts = [text(x, y, title, "panel"), text(x + PANEL, y, "flat is better", "end")]
    most = max((value for *_, values in curves for value in values), default=0) or 1
    left, right, top, bottom = x + 36, x + PANEL - LABEL, y + 20, y + LINES_HEIGHT - 22
    for share in (0, 0.5, 1):
        height = bottom - share * (bottom - top)
        parts.append(f'<path d="M{left:.1f} {height:.1f}H{right:.1f}" class="axis"/>')
        parts.append(text(left - 8, height + 4, number(most * share) if share else "0", "end"))
    across = [left + index * (right - left) / (len(LEVELS) - 1) for index in range(len(LEVELS))]
    for place, level in zip(across, LEVELS):
        parts.append(text(place, bottom + 18, number(level), "middle"))
    titles = {each["name"]: each["title"] for each in results["environment"]["contestants"]}
    # Labels at the ends of the curves, from the top, so far apart that each can be read.
    lowest = top - 14
    for name, style, values in sorted(curves, key=lambda curve: -curve[2][-1]):
        points = [(place, bottom - value / most * (bottom - top)) for place, value in zip(across, values)]
        parts.append(f'<path d="M{" L".join(f"{px:.1f} {py:.1f}" for px, py in points)}" class="line s-{style}"/>')
        parts += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3.5" class="f-{style}"/>' for px, py in points]
        lowest = max(lowest + 15, points[-1][1] + 4)
        parts.append(f'<circle cx="{right + 14:.1f}" cy="{lowest - 4:.1f}" r="3.5" class="f-{style}"/>')
        parts.append(text(right + 22, lowest, titles[name], "strong" if name == OWN else ""))
    return parts


def rounds(number_of_rounds):
    if number_of_rounds == 1:
        return "one round only"
    return f"medians of {number_of_rounds} rounds; a stroke spans them"


def draw(results):
    place = results["environment"]
    shown = [panel for panel in PANELS if any(_entry(results, each["name"], panel) for each in place["contestants"])]
    row = TITLE + LINE * len(place["contestants"])
    parts = [text(MARGIN, 42, "tandem beside nginx and HAProxy", "title"),
             text(MARGIN, 64, f"{place['date']} · {place['processor']}, {place['cores']} cores for clients, proxy and "
                              f"server · kernel {place['kernel']}"),
             text(MARGIN, 82, f"{', '.join(place['versions'])} · {rounds(place['rounds'])}")]
    for index, panel in enumerate(shown):
        parts += bars(results, panel, MARGIN + index % 2 * (PANEL + GAP), HEADING + 20 + index // 2 * row)
    height = HEADING + 20 + (len(shown) + 1) // 2 * row
    if any("scale" in measures and measures["scale"] for measures in results["medians"].values()):
        for index, (figure, title) in enumerate((("connect_cpu_us", "Cost of a new connection beside idle ones, µs"),
                                                 ("ping_cpu_us", "Cost of a ping beside idle ones, µs"))):
            parts += lines(results, figure, title,
                           MARGIN + index * (PANEL + GAP), height)
        height += LINES_HEIGHT + 20
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
            f'height="{height:.0f}" role="img" aria-label="tandem beside nginx and HAProxy">\n<style>\n{STYLE}\n</style>\n'
            f'<rect width="{WIDTH}" height="{height:.0f}" class="surface"/>\n' + "\n".join(parts) + "\n</svg>\n")
