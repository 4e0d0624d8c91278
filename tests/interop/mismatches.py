"""Configurations that cannot work together: what happens on the link, and what each side says about it."""

import re
import time
from dataclasses import dataclass, field

from lab import topology
from lab.link_view import LinkView
from lab.topology import VIP4
from lab.waiting import Timeout, wait_for

from nodes import FrrNode, KeepalivedNode, TandemNode, instance_text, vip
from scenarios import HIGH, LOW, PASSWORD

OTHER_ADDRESS = "198.51.100.101"
AUTHENTICATION_HEADER = ("authentication {", "    auth_type AH", f"    auth_pass {PASSWORD}", "}")


@dataclass(frozen=True)
class Mismatch:
    """tandem has the higher priority unless the options say otherwise."""
    title: str
    peer: str
    answering: str  # who answers in the end: both, tandem, peer
    said: str  # what tandemd's log line and an alarm in its status must contain; empty: it cannot know
    peer_says: str = ""  # pattern of the line in the peer's log
    version: int = 3
    family: int = 4
    tandem: dict = field(default_factory=dict)  # options of nodes.instance_text that differ from the common ones
    other: dict = field(default_factory=dict)

    @property
    def interval(self):
        return 1.0 if 2 in (self.version, self.tandem.get("version"), self.other.get("version")) else 0.1


def with_both(title, answering, said, frr_says, keepalived_says, **options):
    return (Mismatch(title, "frr", answering, said, frr_says, **options),
            Mismatch(title, "keepalived", answering, said, keepalived_says, **options))


MISMATCHES = (
    *with_both("checksum: tandem has `v3_checksum_as_v2`, the peer knows only the form with pseudo-header", "both",
               "checksum-form", "checksum", "checksum", tandem={"lines": ("v3_checksum_as_v2",)}),
    *with_both("version: tandem 2, peer 3", "both", "version-error", "Bad version", "wrong version",
               tandem={"version": 2}),
    *with_both("version: tandem 3, peer 2", "both", "version-error", "Bad version", "wrong version",
               other={"version": 2}),
    *with_both("interval in version 2: tandem 2 s, peer 1 s", "both", "interval-error", "interval", "interval mismatch",
               version=2, tandem={"interval": 2}),
    Mismatch("password: different on the two", "keepalived", "both", "authentication-error", "passwd", version=2,
             tandem={"password": PASSWORD}, other={"password": "another"}),
    Mismatch("password: on the peer only", "keepalived", "both", "authentication-type-error", "auth", version=2,
             other={"password": PASSWORD}),
    *with_both("password: on tandem only", "both", "authentication-type-error", "authentication type", "auth",
               version=2, tandem={"password": PASSWORD}),
    Mismatch("authentication header (`auth_type AH`) on the peer: another IP protocol, not heard", "keepalived", "both",
             "", "", version=2, other={"lines": AUTHENTICATION_HEADER}),
    Mismatch("addresses: the peer has one more; it discards", "keepalived", "both", "address-list", "ip number",
             other={"addresses": (VIP4, OTHER_ADDRESS)}),
    Mismatch("addresses: the peer has one more; it does not mind", "frr", "tandem", "address-list", "has . addresses",
             other={"addresses": (VIP4, OTHER_ADDRESS)}),
    Mismatch("hop limit: tandem has `min_ttl 255`, keepalived sends 64 (unicast IPv6)", "keepalived", "both",
             "ip-ttl-error", "", family=6, tandem={"unicast": True, "min_ttl": 255, "priority": LOW},
             other={"unicast": True, "priority": HIGH}),
    Mismatch("transport: tandem unicast, peer multicast, not heard", "keepalived", "both", "", "",
             tandem={"unicast": True}),
    Mismatch("transport: tandem multicast, peer unicast", "keepalived", "both", "destination-error", "",
             other={"unicast": True}),
    *with_both("interval in version 3: tandem 0.2 s, peer 0.1 s; learned, works", "peer", "interval", "", "",
               tandem={"interval": 0.2, "priority": LOW}, other={"priority": HIGH}),
)


@dataclass
class Observation:
    answering: str
    tandem_log: str
    tandem_status: str
    peer_log: str
    expected: bool
    note: str = ""


def run_mismatch(binaries, mismatch):
    with topology.Lab() as lab:
        common = {"version": mismatch.version, "family": mismatch.family, "interval": mismatch.interval}
        tandem = TandemNode(lab, binaries, mismatch.family,
                            instance_text("node1", **{**common, "priority": HIGH, **mismatch.tandem}))
        options = {**common, "priority": LOW, **mismatch.other}
        peer = FrrNode(lab, **options) if mismatch.peer == "frr" else \
            KeepalivedNode(lab, mismatch.family, instance_text("node2", **options))
        view = LinkView(lab, vip(mismatch.family), "node1")
        try:
            return _observe(mismatch, tandem, peer, view)
        finally:
            view.close()
            tandem.end()


def _observe(mismatch, tandem, peer, view):
    nodes = {"tandem": tandem, "peer": peer}
    peer.start()
    tandem.start()

    def answering():
        # Between two windows an answer may be on its way: long enough for several.
        seen = view.answering(0.3)
        return {name for name, node in nodes.items() if seen & node.macs}

    wanted = set(nodes) if mismatch.answering == "both" else {mismatch.answering}
    slowest = max(mismatch.interval, mismatch.tandem.get("interval", 0))
    note = ""
    try:
        wait_for(mismatch.answering, lambda: answering() == wanted, 4 * slowest + 3)
        _let_advertisements_cross(view, slowest)
        wait_for(mismatch.answering, lambda: answering() == wanted, 1.0)
    except Timeout:
        note = "other than expected"
    line = _tandem_line(tandem.log(), mismatch.said)
    status = _status_words(tandem.status())
    said = not mismatch.said or (mismatch.said in line and mismatch.said in status)
    return Observation(" and ".join(sorted(answering(), reverse=True)) or "nobody", line, status,
                       _peer_line(peer.log(), mismatch.peer_says), not note and said, note)


def _let_advertisements_cross(view, interval):
    """Some more of each side, so that both had something to say about them."""
    moment = time.monotonic()
    try:
        wait_for("advertisements", lambda: sum(1 for a in list(view.advertisements) if a.time > moment) >= 6,
                 5 * interval + 1)
    except Timeout:
        pass  # only one of them advertises


def _tandem_line(log, said):
    """The warning about the peer, without its moment, its advice and what differs from run to run."""
    warnings = [line.split(" ", 2)[2] for line in log.splitlines() if re.match(r"\S+Z (warning|error) ", line)]
    warnings = [line for line in warnings if not re.match(r"NODE_|CONFIG_|ELECTION_PEER_TIMEOUT", line)]
    return normalised(next((line for line in warnings if said and said in line), "".join(warnings[:1])))


def normalised(line):
    line = re.sub(r"\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b", "<mac>", line)
    line = re.sub(r"fe80::[0-9a-f:]+", "<link-local>", line)
    line = re.sub(r" suppressed=\d+| \([^()]*(\([^()]*\)[^()]*)*\)$", "", line)
    line = re.sub(r"(checksum|be) [0-9a-f]{1,4}\b", r"\1 <value>", line)
    return " ".join(line.split())


def _status_words(status):
    """The kinds of the alarms in `tandemctl status`."""
    if status is None:
        return ""
    return ", ".join(sorted({alarm["kind"] for alarm in status["instances"][0].get("alarms", [])}))


def _peer_line(log, pattern):
    """The first line about it, without its date and FRR's message number."""
    if not pattern:
        return ""
    moment = r"^\S+ \S+ +\d+ [\d:]+ \d+: |^\d+/\S+ [\d:]+ VRRP: \[\S+\] "
    lines = [re.sub(moment, "", line) for line in log.splitlines()]
    noise = r"Starting|Command line|NOTICE|Configuration|Datagram rx|Received VRRP"
    return normalised(next((line for line in lines if re.search(pattern, line) and not re.search(noise, line)), ""))
