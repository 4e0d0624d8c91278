"""What a run found, as netlink/FAULTS.md."""

from .registry import ELSEWHERE, FAULTS
from .scene import HIGH, INTERVAL, LOW, MARGIN

DOCUMENT = """\
# Faults

Written by `tests/run --only faults-full`; do not edit. Every line is one fault in network namespaces of its own, once
with a pair of tandemd and once with a pair of keepalived {keepalived} and the same configuration: version 3, interval
{interval} ms, priorities {high} (the node) and {low} (the peer), no peer link. A third host asks every 5 ms who answers
for the address; advertisements and announcements are read from a capture on the switch. The time is that of the first
thing named, from the fault on; the bound is tandem's, with {margin} ms for a busy machine and the measurement. {passed}
of {all} hold.

{table}

## Not in this table

{elsewhere}
"""


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def seconds(value):
    if value is None:
        return ""
    return f"{value:.1f} s" if value >= 9.95 else f"{value:.2f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def words(fault, kind, outcome):
    if fault.later and kind == "tandem" and outcome is None:
        return f"comes with {fault.later}"
    if kind not in fault.kinds:
        return "not compared"
    if outcome is None:
        return "not run"
    if kind == "tandem" and outcome.failures:
        return "**fails**: " + "; ".join(outcome.failures)
    return outcome.text


def table(outcomes):
    """`outcomes`: {(name, kind): Outcome}."""
    lines = ["| row | fault | tandem | time | bound | keepalived | time |", "|---|---|---|---|---|---|---|"]
    for name, fault in sorted(FAULTS.items(), key=lambda item: item[1].row):
        tandem, other = outcomes.get((name, "tandem")), outcomes.get((name, "keepalived"))
        lines.append("| " + " | ".join(cell(each) for each in (
            fault.row, fault.title, words(fault, "tandem", tandem), seconds(tandem and tandem.seconds),
            seconds(tandem and tandem.bound), words(fault, "keepalived", other),
            seconds(other and other.seconds))) + " |")
    return "\n".join(lines)


def document(keepalived, outcomes):
    judged = [outcome for (_, kind), outcome in outcomes.items() if kind == "tandem"]
    return DOCUMENT.format(
        keepalived=keepalived, interval=round(INTERVAL * 1000), high=HIGH, low=LOW, margin=round(MARGIN * 1000),
        passed=sum(1 for each in judged if not each.failures), all=len(judged), table=table(outcomes),
        elsewhere="\n".join(f"- {row} {title}: {why}." for row, title, why in ELSEWHERE))
