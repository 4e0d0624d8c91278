"""One fault in a lab of its own: a pair of one kind of daemon, the view from the link, and what was found."""

import contextlib
import time
from dataclasses import dataclass, field

from lab import config
from lab.capture import ETHERNET_ARP, Capture
from lab.frames import packed
from lab.link_view import LinkView
from lab.topology import VIP4, VIP6, address4, address6
from lab.waiting import Timeout, wait_for
from lab.watch import AddressWatcher

from . import debris, nodes

HIGH, LOW = 150, 100
INTERVAL = 0.1
# What a busy machine and the probe every 5 ms add to every bound of the protocol.
MARGIN = 0.05
VIPS = {4: VIP4, 6: VIP6}
NAMES = {4: "VI_4", 6: "VI_6"}
# keepalived competes with a busy machine as tandemd does: real-time, and not killed for a slow moment.
GLOBAL_LINES = ("vrrp_rt_priority 20", "vrrp_rlimit_rttime 5000000")


@dataclass
class Outcome:
    text: str = ""
    seconds: float = None
    bound: float = None
    failures: list = field(default_factory=list)


class Scene:
    """`a` has the higher priority. Every expectation adds its words to the outcome; `bad` ones are failures."""

    interval = INTERVAL

    def __init__(self, lab, binaries, kind, full=False):
        self.lab, self.binaries, self.kind, self.full = lab, binaries, kind, full
        self.outcome = Outcome()
        self._words = []
        self._stack = contextlib.ExitStack()
        self.families = (4,)
        self.views = {}
        self.a = self.b = None
        self._descriptors = {}
        self.notes = []  # what helps to find the cause of a failure

    # --- the pair

    def text(self, host, priority, families=(4,), unicast=False, lines=(), blocks=(), addresses=None, state="BACKUP",
             interval=None, global_lines=(), virtual_router_id=51):
        """A configuration that both daemons read: one instance per family."""
        other = "node2" if host == "node1" else "node1"
        instances = []
        for family in families:
            own = address4 if family == 4 else address6
            peers = [f"unicast_src_ip {own(host)}", "unicast_peer {", f"    {own(other)}", "}"] if unicast else []
            instances.append(config.instance(
                priority, interval or self.interval, state, NAMES[family], addresses=addresses or (VIPS[family],),
                virtual_router_id=virtual_router_id, lines=[*peers, *lines]))
        return config.configuration(host, *instances, *blocks, global_lines=(*GLOBAL_LINES, *global_lines))

    def make(self, a=None, b=None, daemon_a=None, **options):
        """Both nodes, not started. `a` and `b` are options that only one has; `daemon_a` a class for the one."""
        self.families = options.get("families", (4,))
        daemon = nodes.KINDS[self.kind]
        self.a = (daemon_a or daemon)(
            self.lab, "node1", self.text("node1", **{"priority": HIGH, **options, **(a or {})}), self.binaries)
        self.b = daemon(self.lab, "node2", self.text("node2", **{"priority": LOW, **options, **(b or {})}),
                        self.binaries)
        for family in self.families:
            self.views[family] = self._stack.enter_context(LinkView(self.lab, VIPS[family], "up1", 0.005))
        self._capture = self._stack.enter_context(Capture(
            self.lab.switch, "br0", self.lab.path("switch.pcap"), "ip proto 112 or ip6 proto 112 or arp or icmp6"))

    def start(self, **options):
        """Both nodes run and `a` answers."""
        self.make(**options)
        for node in (self.a, self.b):
            node.start()
        self.wait_roles()

    def wait_roles(self, active=None, timeout=10.0):
        active = active or self.a
        other = self.b if active is self.a else self.a
        for family in self.families:
            try:
                self.views[family].wait_only({active.mac}, timeout, 0.2)
            except Timeout:
                raise AssertionError(f"not {self.name_of(active)} alone in the end") from None
            wait_for(f"{VIPS[family]} on {active.host} only",
                     lambda family=family: active.has(VIPS[family]) and not other.has(VIPS[family]), timeout)
        self._descriptors = {node: nodes.descriptors(node) for node in (self.a, self.b)}

    def skew(self, priority=LOW):
        return config.skew_time(priority, self.interval)

    def down(self, priority=LOW):
        return config.active_down_interval(priority, self.interval)

    @property
    def lease(self):
        return config.vip_lease(self.interval)

    @staticmethod
    def now():
        return time.monotonic()

    def watch(self, node):
        return self._stack.enter_context(AddressWatcher(node.namespace))

    def enter(self, context):
        """Closed with the scene."""
        return self._stack.enter_context(context)

    # --- what is expected

    def say(self, words):
        if words and words not in self._words:
            self._words.append(words)

    def expect(self, condition, good, bad):
        """One of two wordings of what happened."""
        self.say(good if condition else bad)
        if not condition:
            self.outcome.failures.append(bad)
        return condition

    def within(self, what, seconds, bound, headline=False):
        """A time with its bound; the first, or the headline, goes into the table."""
        if self.outcome.seconds is None or headline:
            self.outcome.seconds, self.outcome.bound = seconds, bound
        if seconds > bound:
            self.outcome.failures.append(f"{what}: {seconds * 1000:.0f} ms, bound {bound * 1000:.0f} ms")
        self.say(what)

    def moved(self, since, bound, to=None, overlap=0.0, family=4):
        """The answers move to a node: first answer within `bound` of a moment, two answer no longer than `overlap`."""
        to = to or self.b
        old = self.a if to is self.b else self.b
        view, macs = self.views[family], {to.mac}
        name = self.name_of(to) + (" (IPv6)" if family == 6 else "")
        try:
            wait_for("the first answer",
                     lambda: any(each.mac in macs for each in view.answers_since(since)), bound + 2.0, 0.01)
        except Timeout:
            self.expect(False, "", f"{name} never answers")
            return
        alone = True
        try:
            view.wait_only(macs, overlap + 1.5, 0.15)
        except Timeout:
            alone = False
        found = view.handover({old.mac}, macs, since)
        asleep = view.stalled(since, since + found.first)
        if asleep:
            self.notes.append(f"the view itself slept for {asleep * 1000:.0f} ms before the first answer")
        self.within(f"{name} answers", found.first, bound)
        if not alone:
            self.expect(False, "", "both answer, without an end")
        elif found.overlap > 0.01:
            words = f"both answer for {found.overlap * 1000:.0f} ms"
            self.expect(found.overlap <= overlap + MARGIN, words, words)

    def stays(self, since, gap, node=None, family=4, until=None):
        """Only this node answered since a moment, never silent for longer than `gap`."""
        node = node or self.a
        until = until or self.now()
        view = self.views[family]
        answers = [each for each in view.answers_since(since) if each.time <= until]
        others = {each.mac for each in answers} - {node.mac}
        moments = [since, *(each.time for each in answers if each.mac == node.mac), until]
        # Nobody answers who is not asked.
        silent, begin = max((later - earlier - view.stalled(earlier, later), earlier)
                            for earlier, later in zip(moments, moments[1:]))
        self.expect(not others, "no role change", "the other node answered")
        self.within(f"silent for {silent * 1000:.0f} ms" if silent > gap else "", silent, gap)
        if silent > gap:
            self.notes.append(f"silent from {begin - since:.3f} s after the fault on; asked all the time")

    def name_of(self, node):
        return "the peer" if node is self.b else "the node"

    # --- what was on the wire

    def packets(self, since=0.0):
        return [packet for packet in self._capture.packets() if packet.time >= since]

    def adverts(self, node, since=0.0):
        """Advertisements of a node, whether they arrived or not."""
        mac = node.mac
        return [p for p in self.packets(since) if p.vrrp_priority is not None and p.source_mac == mac]

    def announcements(self, node, since=0.0, address=VIP4):
        """Gratuitous ARP or unsolicited neighbour advertisements of a node for an address."""
        mac = node if isinstance(node, str) else node.mac
        raw = packed(address)
        return [p for p in self.packets(since) if p.source_mac == mac and (
            (p.ethernet_type == ETHERNET_ARP and p.source == address and p.destination == address)
            or (p.protocol == 58 and p.payload[:1] == b"\x88" and p.destination == "ff02::1"
                and p.payload[8:24] == raw))]

    def priority_zero(self, node, since):
        return [p.time for p in self.adverts(node, since) if p.vrrp_priority == 0]

    # --- the end

    def check_debris(self):
        for node in (self.a, self.b):
            if self.kind == "tandem" and nodes.running(node):
                self.outcome.failures += debris.growth(node, self._descriptors.get(node, {}))
        for node in (self.a, self.b):
            if self.kind == "tandem":
                self.outcome.failures += debris.left_by(node, VIPS.values())

    def finish(self):
        self.outcome.text = "; ".join(self._words)
        return self.outcome

    def logs(self):
        return "\n".join(self.notes + [f"--- {node.host}\n" + "\n".join(node.log().splitlines()[-30:])
                                       for node in (self.a, self.b) if node])

    def close(self):
        self._stack.close()
        for node in (self.a, self.b):
            if node:
                node.cleanup()
