"""From samples to medians, goals and tables. Pure."""

import collections
import statistics

from .figures import ROWS, number

OWN = "tandem"
NGINX = ("nginx", "nginx-reuseport")
# The better of the two: whoever tunes by hand finds the second.
TUNED = ("haproxy-tuned", "haproxy-splice")
BULK = ("upload-1", "upload-4", "download-1", "download-4")
SYSCALLS_AT_MOST = 15
BYTES_AT_MOST = 600
# A wake-up a second that is not the connections' may fall into one of the two watched times.
WAKEUPS_AT_MOST = 1.0
FLAT_AT_MOST = 1.15

# `met` is None when a figure is missing.
Goal = collections.namedtuple("Goal", "text value wanted met")


def medians(samples):
    """{contestant: {measure: {figure: {"median", "low", "high", "rounds"}}}}; failed rounds and texts are left out."""
    result = {}
    for contestant, measures in samples.items():
        result[contestant] = {}
        for measure, rounds in measures.items():
            values = collections.defaultdict(list)
            for figures in rounds:
                for name, value in figures.items():
                    if isinstance(value, (int, float)):
                        values[name].append(value)
            result[contestant][measure] = {
                name: {"median": statistics.median(found), "low": min(found), "high": max(found),
                       "rounds": len(found)} for name, found in values.items()}
    return result


def median(found, contestant, measure, figure):
    entry = found.get(contestant, {}).get(measure, {}).get(figure)
    return None if entry is None else entry["median"]


def best_peer(found, measure, figure, more, peers=None):
    """The best median of other proxies (`peers`: of these only); None when there is none."""
    names = [name for name in found if name not in (OWN, "direct") and (peers is None or name in peers)]
    values = [value for name in names if (value := median(found, name, measure, figure)) is not None]
    return None if not values else max(values) if more else min(values)


def ratio(value, other):
    return value / other if value is not None and other else None


def _ratio_goal(found, text, measure, figure, more, limit, peers=None):
    value = ratio(median(found, OWN, measure, figure), best_peer(found, measure, figure, more, peers))
    met = None if value is None else value >= limit if more else value <= limit
    return Goal(text, value, f"{'≥' if more else '≤'} {limit:g} ×", met)


def _limit_goal(text, value, limit, unit):
    return Goal(text, value, f"≤ {limit:g} {unit}".strip(), None if value is None else value <= limit)


def judge(found):
    """The goals, in the order in which they were set."""
    goals = []
    for name in BULK:
        title = name.replace("-", ", ") + (" connection" if name.endswith("1") else " connections")
        goals += [_ratio_goal(found, f"{title}: speed beside HAProxy tuned", name, "gb_per_second", True, 1.0, TUNED),
                  _ratio_goal(found, f"{title}: speed beside nginx", name, "gb_per_second", True, 1.4, NGINX),
                  _ratio_goal(found, f"{title}: processor time beside nginx", name, "cpu_s_per_gb", False, 0.6, NGINX),
                  _ratio_goal(found, f"{title}: processor time beside HAProxy tuned", name, "cpu_s_per_gb", False, 1.0,
                              TUNED)]
    goals += [
        _ratio_goal(found, "new connections: rate beside the best", "connect", "per_second", True, 1.1),
        _ratio_goal(found, "new connections: processor time beside the best", "connect", "cpu_us", False, 0.95),
        _limit_goal("new connections: system calls but for waits",
                    median(found, OWN, "syscalls", "connect_calls"), SYSCALLS_AT_MOST, ""),
        _ratio_goal(found, "ping-pong, 64 connections: rate beside the best", "ping-64", "per_second", True, 1.05),
        _ratio_goal(found, "ping-pong, 64 connections: p99 beside the best", "ping-64", "p99_us", False, 1.0),
        _limit_goal("idle connection: user memory", median(found, OWN, "idle", "pss_bytes"), BYTES_AT_MOST, "bytes"),
        _limit_goal("idle connections: wake-ups they cause", median(found, OWN, "idle", "wakeups_per_second"),
                    WAKEUPS_AT_MOST, "1/s"),
    ]
    for name, title in (("connect", "new connection"), ("ping", "ping")):
        few, many = (median(found, OWN, "scale", f"{name}_cpu_us_{level}") for level in (100, 9000))
        goals.append(_limit_goal(f"processor time of a {title} beside 9 000 idle, to that beside 100",
                                 ratio(many, few), FLAT_AT_MOST, "×"))
    return [goal._asdict() for goal in goals]


def mark(met):
    return "not measured" if met is None else "met" if met else "missed"


def _cell(entry, scale):
    if entry is None:
        return ""
    text = number(entry["median"] * scale)
    if entry["rounds"] > 1 and entry["median"]:
        text += f" ±{(entry['high'] - entry['low']) / 2 / abs(entry['median']) * 100:.0f}%"
    return text


def rows(results):
    """Heading and lines of the table: title, unit, one cell for each contestant, tandem beside the best peer."""
    shown = results["environment"]["contestants"]
    heading = ["", "unit", *(each["title"] for each in shown), "tandem ÷ best peer"]
    lines = []
    for row in ROWS:
        entries = [results["medians"].get(each["name"], {}).get(row.measure, {}).get(row.figure) for each in shown]
        if not any(entries):
            continue
        compared = ratio(median(results["medians"], OWN, row.measure, row.figure),
                         best_peer(results["medians"], row.measure, row.figure, row.more))
        wanted = "" if compared is None else f"{compared:.2f} ({'more' if row.more else 'less'} is better)"
        lines.append([row.title, row.unit, *(_cell(entry, row.scale) for entry in entries), wanted])
    return heading, lines


def goal_lines(results):
    return [[goal["text"], number(goal["value"]), goal["wanted"], mark(goal["met"])] for goal in results["goals"]]


def terminal(results):
    """Both tables as text in columns."""
    heading, lines = rows(results)
    return "\n".join([_columns([heading, *lines]), "",
                      _columns([["goal", "measured", "wanted", ""], *goal_lines(results)])])


def _columns(lines):
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join([line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in
                                                             zip(line[1:], widths[1:]))]).rstrip() for line in lines)


def _markdown(heading, lines):
    cells = [[cell.replace("|", "\\|") for cell in line] for line in [heading, *lines]]
    rule = ["---", *["---:"] * (len(heading) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [cells[0], rule, *cells[1:]])


def calls_by_name(samples):
    """The system calls of one new connection by contestant, most frequent first."""
    lines = []
    for contestant, measures in samples.items():
        for figures in measures.get("syscalls", ())[:1]:
            calls = figures.get("connect_by_name", {})
            if calls:
                lines.append(f"- {contestant}: " + ", ".join(f"{name} {count:.2f}" for name, count in calls.items()))
    return "\n".join(lines)


DOCUMENT = """\
# Results of tests/bench/run

Written by `tests/bench/run`; do not edit. What each measure is, and what the figures do not say: [README.md](README.md).

- {date}, {processor}, {cores} cores, kernel {kernel}; load before: {load_before}
- {versions}
- {rounds} rounds in alternating order, {seconds:g} s for each measure; medians, ± half of the range between the rounds
{contestants}

![chart](chart.svg)

## Goals

{goals}

## Figures

{figures}

## System calls of one new connection

{calls}
"""


def document(results):
    place = results["environment"]
    heading, lines = rows(results)
    return DOCUMENT.format(
        **{key: place[key] for key in ("date", "processor", "cores", "kernel", "load_before", "rounds", "seconds")},
        versions=", ".join(place["versions"]),
        contestants="\n".join(f"- {each['title']}: {each['remark']}" for each in place["contestants"]),
        goals=_markdown(["goal", "measured", "wanted", ""], goal_lines(results)),
        figures=_markdown(heading, lines), calls=calls_by_name(results["samples"]) or "Not counted.")
