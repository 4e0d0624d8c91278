"""What two nodes are put through. The link says who answers; the daemons' own word is only compared with it."""

from dataclasses import dataclass, field

from lab import topology
from lab.link_view import LinkView
from lab.waiting import Timeout, wait_for

from nodes import FrrNode, KeepalivedNode, TandemNode, instance_text, vip, wait_holding

HIGH, LOW = 150, 100
# What a busy machine adds to every bound.
SLACK = 0.35
PASSWORD = "s3cretPW"


@dataclass(frozen=True, order=True)
class Combination:
    peer: str  # frr, keepalived, tandem: the latter with the form of checksum that neither of the others knows
    version: int
    family: int
    transport: str = "multicast"
    authentication: str = ""

    @property
    def interval(self):
        return 1.0 if self.version == 2 else 0.1

    @property
    def name(self):
        return "-".join([self.peer, f"v{self.version}", f"ipv{self.family}", self.transport,
                         *([self.authentication] if self.authentication else [])])

    def skew(self, priority):
        return (256 - priority) / 256 * self.interval

    def down(self, priority):
        return 3 * self.interval + self.skew(priority)

    @property
    def lease(self):
        """tandemd's default: the active down interval of the fastest peer in whole seconds, at least one."""
        return max(1, int(self.down(255)))


COMBINATIONS = (
    Combination("frr", 2, 4),
    Combination("frr", 3, 4),
    Combination("frr", 3, 6),
    Combination("keepalived", 2, 4),
    Combination("keepalived", 2, 4, "multicast", "PASS"),
    Combination("keepalived", 2, 4, "unicast"),
    Combination("keepalived", 2, 4, "unicast", "PASS"),
    Combination("keepalived", 3, 4),
    Combination("keepalived", 3, 4, "unicast"),
    Combination("keepalived", 3, 6),
    Combination("keepalived", 3, 6, "unicast"),
    Combination("tandem", 3, 4),
)


@dataclass
class Outcome:
    scenario: str
    passed: bool
    note: str = ""
    measured: dict = field(default_factory=dict)


class Cell:
    """One combination with one assignment of priorities: a lab of its own, both nodes and the view from the link."""

    def __init__(self, lab, binaries, combination, tandem_options, peer_options):
        self.combination = combination
        self._lab = lab
        self.tandem = TandemNode(lab, binaries, combination.family, self._text("node1", **tandem_options))
        if combination.peer == "frr":
            self.peer = FrrNode(lab, combination.version, combination.family, interval=combination.interval,
                                **peer_options)
        elif combination.peer == "tandem":
            self.peer = TandemNode(lab, binaries, combination.family,
                                   self._text("node2", lines=("v3_checksum_as_v2",), **peer_options), "node2")
        else:
            self.peer = KeepalivedNode(lab, combination.family, self._text("node2", **peer_options))
        self.priority = {self.tandem: tandem_options["priority"], self.peer: peer_options["priority"]}
        self.view = LinkView(lab, vip(combination.family), "node1")

    def _text(self, host, **options):
        combination = self.combination
        return instance_text(host, combination.version, combination.family, interval=combination.interval,
                             unicast=combination.transport == "unicast",
                             password=PASSWORD if combination.authentication else None, **options)

    def other(self, node):
        return self.peer if node is self.tandem else self.tandem

    def start_alone(self, node):
        node.start()
        self.wait_answers(node, self.combination.down(self.priority[node]) + 3)

    def wait_answers(self, node, timeout):
        """Waits until one node, and no other, answers and has the address; a neighbour's cache must follow."""
        window = max(0.3, 1.2 * self.combination.interval)
        self.view.wait_only(node.macs, timeout + window, window)
        wait_holding(node, self.other(node), 1.0)
        if node is self.tandem:
            wait_for("tandemd to say that it is active", lambda: self.tandem.state() == "active", 1.0)

    def remember(self, node):
        """A neighbour that talked to the node: its cache must follow an announcement."""
        mac = sorted(self.view.answering())[0]
        assert mac in node.macs, f"{mac} answers, not {node.name}"
        self._lab.up1.ip("neighbour", "replace", vip(self.combination.family), "lladdr", mac, "nud", "stale",
                         "dev", "eth0")

    def wait_announced(self, node):
        def followed():
            shown = self._lab.up1.ip("neighbour", "show", "to", vip(self.combination.family)).stdout
            return any(mac in shown for mac in node.macs)

        wait_for(f"a neighbour's cache to follow to {node.name}", followed, 2.0)

    def take_over(self, to, since, gap=None, overlap=SLACK, wait=None):
        """Waits until `to` answers after a moment and checks how long nobody and how long both did."""
        bound = (gap or 0) + SLACK
        self.wait_answers(to, wait or bound + overlap)
        seen = self.view.handover(self.other(to).macs, to.macs, since)
        if gap is not None and seen.gap > bound:
            raise AssertionError(f"nobody answered for {seen.gap * 1000:.0f} ms, more than {bound * 1000:.0f}")
        if seen.overlap > overlap:
            raise AssertionError(f"both answered for {seen.overlap * 1000:.0f} ms")
        self.wait_announced(to)
        return {"after": seen.first, "silent": seen.gap, "both": seen.overlap}

    def priority_zero_since(self, moment):
        wait_for("priority 0 on the link", lambda: any(
            a.priority == 0 and a.time >= moment for a in list(self.view.advertisements)), 0.5 + SLACK)

    def close(self):
        self.view.close()
        for node in (self.tandem, self.peer):
            if isinstance(node, TandemNode):
                node.end()


def preempts(cell, node):
    """The node with the higher priority arrives."""
    cell.remember(cell.other(node))
    since = cell.view.answers[-1].time
    node.start()
    # Its start and its wait are no gap: the other node answers meanwhile.
    return cell.take_over(node, since, gap=0, wait=cell.combination.down(cell.priority[node]) + 3)


def stops(cell, node):
    cell.remember(node)
    since = node.stop()
    to = cell.other(node)
    measured = cell.take_over(to, since, gap=cell.combination.skew(cell.priority[to]), overlap=0.05)
    cell.priority_zero_since(since)
    return measured


def tandem_killed(cell):
    cell.remember(cell.tandem)
    since = cell.tandem.kill()
    combination = cell.combination
    gap = combination.down(cell.priority[cell.peer])
    return cell.take_over(cell.peer, since, gap=gap, wait=max(gap, combination.lease) + SLACK,
                          overlap=max(0.05, combination.lease + SLACK - 2 * combination.interval))


def peer_killed(cell):
    """The peer's kernel keeps the address; only what tandemd does is judged, and that the peer can come back."""
    cell.remember(cell.peer)
    since = cell.peer.kill()
    bound = cell.combination.down(cell.priority[cell.tandem]) + SLACK
    wait_for("tandemd to answer", lambda: any(a.mac in cell.tandem.macs for a in cell.view.answers_since(since)), bound)
    wait_for("tandemd to be active", lambda: cell.tandem.state() == "active" and cell.tandem.holds(), 1.0)
    first = next(a.time for a in cell.view.answers_since(since) if a.mac in cell.tandem.macs)
    cell.peer.start()
    cell.wait_answers(cell.peer, cell.combination.down(cell.priority[cell.peer]) + 3)
    return {"after": first - since}


def stays_backup(cell, node):
    """A node that must not preempt arrives with the higher priority; later the other one leaves."""
    active = cell.other(node)
    node.start()
    patience = 1.5 * cell.combination.down(LOW) + SLACK
    try:
        wait_for("", lambda: node.holds() or not cell.view.answering(0.5) <= active.macs, patience)
    except Timeout:
        pass
    else:
        raise AssertionError(f"{node.name} took the address from {active.name}")
    return stops(cell, active)


@dataclass(frozen=True)
class Chain:
    """Scenarios that follow from each other, with the options of both nodes and who is there first."""
    name: str
    first: str
    tandem: dict
    peer: dict
    steps: tuple  # (scenario, function of the cell)


CHAINS = (
    Chain("tandem-higher", "peer", {"priority": HIGH}, {"priority": LOW}, (
        ("tandem wins", lambda cell: preempts(cell, cell.tandem)),
        ("tandem stops", lambda cell: stops(cell, cell.tandem)),
        ("tandem returns", lambda cell: preempts(cell, cell.tandem)),
        ("tandem killed", tandem_killed),
    )),
    Chain("peer-higher", "tandem", {"priority": LOW}, {"priority": HIGH}, (
        ("peer wins", lambda cell: preempts(cell, cell.peer)),
        ("peer stops", lambda cell: stops(cell, cell.peer)),
        ("peer returns", lambda cell: preempts(cell, cell.peer)),
        ("peer killed", peer_killed),
    )),
    Chain("tandem-nopreempt", "peer", {"priority": HIGH, "nopreempt": True}, {"priority": LOW}, (
        ("tandem nopreempt", lambda cell: stays_backup(cell, cell.tandem)),
    )),
    Chain("peer-nopreempt", "tandem", {"priority": LOW}, {"priority": HIGH, "nopreempt": True}, (
        ("peer nopreempt", lambda cell: stays_backup(cell, cell.peer)),
    )),
)
SCENARIOS = tuple(name for chain in CHAINS for name, _ in chain.steps)


def run_chain(binaries, combination, chain):
    """Runs one chain in a lab of its own; returns an outcome per scenario and the logs of what failed."""
    outcomes, logs = [], ""
    with topology.Lab() as lab:
        cell = Cell(lab, binaries, combination, chain.tandem, chain.peer)
        try:
            cell.start_alone(cell.peer if chain.first == "peer" else cell.tandem)
            for name, step in chain.steps:
                outcomes.append(Outcome(name, True, measured=step(cell)))
        except Exception as error:  # every way to fail is an outcome of the scenario that was running
            name = chain.steps[len(outcomes)][0]
            outcomes.append(Outcome(name, False, f"{type(error).__name__}: {error}"))
            logs = f"--- tandemd\n{cell.tandem.log()[-6000:]}\n--- {combination.peer}\n{cell.peer.log()[-6000:]}"
        finally:
            cell.close()
    outcomes += [Outcome(name, False, "not reached") for name, _ in chain.steps[len(outcomes):]]
    return outcomes, logs
