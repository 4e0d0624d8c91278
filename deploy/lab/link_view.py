"""Who answers for an address, and who advertises: seen on the link, not told by the daemons."""

import os
import select
import threading
import time
from dataclasses import dataclass

from . import frames
from .capture import parse_frame
from .topology import address4, address6
from .waiting import Timeout, wait_for


@dataclass(frozen=True)
class Answer:
    time: float
    mac: str


@dataclass(frozen=True)
class Advertisement:
    time: float
    source: str
    priority: int


@dataclass(frozen=True)
class Handover:
    """What a change of the answering node looked like, in seconds. `gap`: nobody answered. `overlap`: both did."""
    first: float
    gap: float
    overlap: float


class LinkView:
    """Asks for an address every few milliseconds from the client (ARP or neighbour solicitation) and notes which MAC
    addresses answer; listens at one node's switch port for advertisements.

    with LinkView(lab, "198.51.100.100", "node1") as view: ... view.answering(0.2)
    """

    def __init__(self, lab, address, node, interval=0.01):
        self._address = address
        self._interval = interval
        self._client = frames.FrameSocket(lab.client, receive=True)
        self._port = frames.FrameSocket(lab.switch, node, receive=True)
        self._probe = self._make_probe()
        self._closing = False
        self.answers = []
        self.advertisements = []
        self.stalls = []  # (begin, end) of times when it did not ask: a busy machine, not a silent node
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _make_probe(self):
        if ":" in self._address:
            return frames.solicitation_frame(self._client.mac, address6("client"), self._address)
        return frames.arp_frame(1, self._client.mac, address4("client"), self._address)

    def _work(self):
        # The moments are taken here, so this thread must not wait for a busy machine.
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        due = time.monotonic()
        while not self._closing:
            now = time.monotonic()
            if now >= due:
                if now - due > 4 * self._interval:
                    self.stalls.append((due, now))
                self._client.send(self._probe)
                due = max(due + self._interval, now)
            readable, _, _ = select.select([self._client, self._port], [], [], max(0.0, due - time.monotonic()))
            for source in readable:
                while (frame := source.receive()) is not None:
                    self._note(source, frame, time.monotonic())

    def _note(self, source, frame, now):
        packet = parse_frame(now, frame)
        if source is self._port:
            if packet.vrrp_priority is not None:
                self.advertisements.append(Advertisement(now, packet.source, packet.vrrp_priority))
        elif packet.source_mac != self._client.mac and self._is_answer(frame, packet):
            self.answers.append(Answer(now, packet.source_mac))

    def _is_answer(self, frame, packet):
        """A reply to the client alone: announcements are for all and do not count."""
        if frame[:6] != frames.mac_bytes(self._client.mac):
            return False
        if packet.ethernet_type == frames.ETHERNET_ARP:
            return packet.payload[6:8] == b"\0\2" and packet.source == self._address
        return (packet.protocol == frames.PROTOCOL_ICMP6 and packet.payload[:1] == b"\x88"
                and packet.payload[8:24] == frames.packed(self._address))

    def answering(self, window=0.2):
        """MAC addresses that answered in the last `window` seconds."""
        return {a.mac for a in self.answers_since(time.monotonic() - window)}

    def answers_since(self, moment):
        return [a for a in list(self.answers) if a.time >= moment]

    def stalled(self, begin, end):
        """For how much of a period it did not ask."""
        return sum(max(0.0, min(end, last) - max(begin, first)) for first, last in list(self.stalls))

    def wait_only(self, macs, timeout, window=0.2):
        """Waits until every answer of the last `window` seconds, and at least one, came from these MAC addresses."""
        def only():
            seen = self.answering(window)
            return bool(seen) and seen <= macs

        try:
            wait_for(f"only {sorted(macs)} to answer for {self._address}", only, timeout)
        except Timeout as error:
            raise Timeout(f"{error}; answering: {sorted(self.answering(window))}") from None

    def wait_silence(self, timeout, window=0.2):
        wait_for(f"nobody to answer for {self._address}", lambda: not self.answering(window), timeout)

    def handover(self, old, new, since):
        """How the answers moved from the MAC addresses `old` to `new` after a moment."""
        answers = self.answers_since(since)
        first = next((a.time for a in answers if a.mac in new), None)
        if first is None:
            raise AssertionError(f"{sorted(new)} never answered for {self._address}")
        by_old = [a.time for a in answers if a.mac in old]
        before = [moment for moment in by_old if moment <= first]
        return Handover(first - since, first - (before[-1] if before else since),
                        max(0.0, by_old[-1] - first) if by_old else 0.0)

    def priority_zero(self, source, since):
        """A node gave its addresses up after a moment."""
        return any(a.source == source and a.priority == 0 and a.time >= since for a in list(self.advertisements))

    def close(self):
        self._closing = True
        self._thread.join()
        self._client.close()
        self._port.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
