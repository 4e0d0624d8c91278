"""Configurations that cannot work together: what happens on the link, and what each side says about it."""

import json
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
    """`tandem`, `peer`: options of nodes.instance_text that differ from the common ones. `said`: what tandemd's log line
    must contain; `peer_says`: pattern of the line in the peer's log. `answering`: who answers in the end."""
    title: str
    peer: str
    answering: str  # both, tandem, peer
    said: str
    peer_says: str = ""
    version: int = 3
    family: int = 4
    tandem: dict = field(default_factory=dict)
    other: dict = field(default_factory=dict)

    @property
    def interval(self):
        return 1.0 if 2 in (self.version, self.tandem.get("version"), self.other.get("version")) else 0.1


MISMATCHES = (
    Mismatch("checksum: tandem `v3_checksum_as_v2`, the peer knows the pseudo-header form only", "frr", "both", "", "checksum",
             tandem={"lines": ("v3_checksum_as_v2",)}),
    Mismatch("checksum: tandem `v3_checksum_as_v2`, the peer knows the pseudo-header form only", "keepalived", "both", "",
             "checksum", tandem={"lines": ("v3_checksum_as_v2",)}),
    Mismatch("version: tandem 2, peer 3", "frr", "both", "version", "ersion", tandem={"version": 2}),
    Mismatch("version: tandem 2, peer 3", "keepalived", "both", "version", "ersion", tandem={"version": 2}),
    Mismatch("version: tandem 3, peer 2", "frr", "both", "version", "ersion", other={"version": 2}),
    Mismatch("version: tandem 3, peer 2", "keepalived", "both", "version", "ersion", other={"version": 2}),
    Mismatch("interval in version 2: tandem 2 s, peer 1 s", "frr", "both", "interval", "nterval", version=2,
             tandem={"interval": 2}),
    Mismatch("interval in version 2: tandem 2 s, peer 1 s", "keepalived", "both", "interval", "nterval", version=2,
             tandem={"interval": 2}),
    Mismatch("password: different on the two", "keepalived", "both", "authentication", "auth|passwd", version=2,
             tandem={"password": PASSWORD}, other={"password": "another"}),
    Mismatch("password: on the peer only", "keepalived", "both", "authentication", "auth", version=2,
             other={"password": PASSWORD}),
    Mismatch("password: on tandem only", "keepalived", "both", "authentication", "auth", version=2,
             tandem={"password": PASSWORD}),
    Mismatch("password: on tandem only", "frr", "both", "authentication", "auth", version=2, tandem={"password": PASSWORD}),
    Mismatch("authentication header (`auth_type AH`) on the peer", "keepalived", "both", "", "", version=2,
             other={"lines": AUTHENTICATION_HEADER}),
    Mismatch("addresses: the peer has one more", "keepalived", "both", "address", "ip number",
             other={"addresses": (VIP4, OTHER_ADDRESS)}),
    Mismatch("addresses: the peer has one more", "frr", "tandem", "address", "has . addresses",
             other={"addresses": (VIP4, OTHER_ADDRESS)}),
    Mismatch("hop limit: tandem `min_ttl 255`, keepalived sends 64 (unicast IPv6)", "keepalived", "both", "ttl", "", family=6,
             tandem={"unicast": True, "min_ttl": 255}, other={"unicast": True}),
    Mismatch("transport: tandem unicast, peer multicast", "keepalived", "both", "", "", tandem={"unicast": True}),
    Mismatch("transport: tandem multicast, peer unicast", "keepalived", "both", "destination", "",
             other={"unicast": True}),
    Mismatch("interval in version 3: tandem 0.2 s, peer 0.1 s (learned, works)", "keepalived", "tandem", "", "",
             tandem={"interval": 0.2}),
    Mismatch("interval in version 3: tandem 0.2 s, peer 0.1 s (learned, works)", "frr", "tandem", "", "",
             tandem={"interval": 0.2}),
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
    macs = {"tandem": tandem.macs, "peer": peer.macs, "both": tandem.macs | peer.macs}[mismatch.answering]
    window = 1.5 * mismatch.interval
    peer.start()
    tandem.start()

    def as_expected():
        seen = view.answering(0.3)
        answering = {name for name, node in (("tandem", tandem), ("peer", peer)) if seen & node.macs}
        return seen <= macs and answering == ({"tandem", "peer"} if mismatch.answering == "both" else {mismatch.answering})

    # Two intervals of 2 s: nobody takes over later than four intervals after both are there.
    deadline = 10 if mismatch.interval >= 1 else 4
    note = ""
    try:
        wait_for(mismatch.answering, as_expected, deadline)
        _let_advertisements_cross(view, window)
    except Timeout:
        note = "other than expected"
    seen = view.answering(0.5)
    answering = [name for name, node in (("tandem", tandem), ("peer", peer)) if seen & node.macs]
    line = _tandem_line(tandem.log(), mismatch.said)
    status = _status_words(tandem.status())
    expected = not note and (not mismatch.said or mismatch.said in line)
    return Observation(" and ".join(answering) or "nobody", line, status, _peer_line(peer.log(), mismatch.peer_says), expected,
                       note)


def _let_advertisements_cross(view, seconds):
    """Three more advertisements of each, so that both sides had something to say."""
    moment = time.monotonic()
    wait_for("advertisements", lambda: sum(1 for a in list(view.advertisements) if a.time > moment) >= 6, 6 * seconds + 1)


def _tandem_line(log, said):
    """The warning about the peer, without the moment and what differs from run to run."""
    warnings = [line.split(" ", 2)[2] for line in log.splitlines() if re.match(r"\S+Z (warning|error) ", line)]
    warnings = [line for line in warnings if not re.match(r"NODE_|ELECTION_|CONFIG_", line)]
    chosen = next((line for line in warnings if said and said in line), warnings[0] if warnings else "")
    return normalised(chosen)


def normalised(line):
    line = re.sub(r"\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b", "<mac>", line)
    line = re.sub(r"fe80::[0-9a-f:]+", "<link-local>", line)
    line = re.sub(r"\bsuppressed=\d+", "", line)
    line = re.sub(r"\b0x[0-9a-f]{1,4}\b", "<value>", line)
    return " ".join(line.split())


def _status_words(status):
    """What `tandemctl status` tells of it: reasons with a count, and alarms."""
    if status is None:
        return ""
    instance = status["instances"][0]
    words = [key for key, value in _leaves(instance.get("counters", {})) if value and re.search("discard|error|mismatch", key)]
    words += [json.dumps(alarm.get("kind")) for alarm in instance.get("alarms") or []]
    return ", ".join(words)


def _leaves(tree, prefix=""):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        elif isinstance(value, int):
            yield prefix + key, value


def _peer_line(log, pattern):
    if not pattern:
        return ""
    lines = [re.sub(r"^\S+ \S+ +\d+ [\d:]+ \d+: |^\d+/\S+ [\d:]+ VRRP: \[\S+\] ", "", line) for line in log.splitlines()]
    lines = [line for line in lines if re.search(pattern, line) and not re.search(r"Starting|Command line|NOTICE|Configuration", line)]
    return normalised(lines[0]) if lines else ""
