"""Which node answers for the virtual address, and what it says on becoming active (A01-A07, C02, C03)."""

import json
import socket

from lab import config, frames
from lab.capture import ETHERNET_ARP, Capture
from lab.topology import VIP4, VIP6, address6
from lab.waiting import wait_for
from lab.watch import AddressWatcher


def mac_of(host):
    return json.loads(host.ip("-j", "link", "show", "dev", "eth0").stdout)[0]["address"]


def test_a02_gratuitous_arp_of_the_node_that_becomes_active(pair):
    pair.configure()
    with Capture.sent_by(pair.lab, "node1", pair.lab.scratch("arp.pcap"), "arp") as capture:
        pair.start()

        def announcements():
            return [p for p in capture.packets()
                    if p.ethernet_type == ETHERNET_ARP and p.source == VIP4 and p.destination == VIP4]

        wait_for("both forms", lambda: {p.payload[7] for p in announcements()} == {1, 2}, 5)
        own = mac_of(pair.lab.node1)
        assert {p.source_mac for p in announcements()} == {own}
        assert {p.payload[8:14].hex(":") for p in announcements()} == {own}


def test_a01_c03_backup_neither_answers_nor_accepts(pair):
    pair.start()
    with Capture.sent_by(pair.lab, "node2", pair.lab.scratch("arp.pcap"), "arp") as capture:
        pair.lab.client.run(["ip", "neighbour", "flush", "dev", "eth0"])
        with pair.prober() as prober:
            prober.wait_success()  # C02: the active node answers and accepts
        assert not [p for p in capture.packets() if p.source == VIP4]
    assert pair.node1.has(pair.lab.vip) and not pair.node2.has(pair.lab.vip)


ICMPV6 = 58
ROUTER_ADVERTISEMENT, NEIGHBOUR_ADVERTISEMENT = 134, 136


def icmp6(packets, kind, target=None):
    """Packets of one ICMPv6 type, about one target."""
    return [p for p in packets if p.protocol == ICMPV6 and p.payload[0] == kind and
            (target is None or p.payload[8:24] == socket.inet_pton(socket.AF_INET6, target))]


def start6(pair):
    pair.configure(config.service(80, address=VIP6, upstreams=()), addresses=(VIP6,))
    for node in pair.nodes:
        node.start()
    pair.node1.wait_state("active")
    pair.node2.wait_state("backup")
    wait_for("the address on node1", lambda: pair.node1.has(VIP6))


def test_a03_a04_a06_neighbour_advertisements_of_the_active_node(pair):
    with Capture.sent_by(pair.lab, "node1", pair.lab.scratch("na.pcap"), "icmp6") as capture:
        start6(pair)
        wait_for("the announcement", lambda: icmp6(capture.packets(), NEIGHBOUR_ADVERTISEMENT, VIP6), 5)
        own = mac_of(pair.lab.node1)
        packet = icmp6(capture.packets(), NEIGHBOUR_ADVERTISEMENT, VIP6)[0]
        message = packet.payload
        # Unsolicited: to all nodes; Override, not Solicited, no router; our MAC as target address.
        assert packet.destination == "ff02::1"
        assert message[4] & 0xE0 == 0x20
        assert message[24:26] == bytes([2, 1]) and message[26:32].hex(":") == own
        # A04: who asks is told the same address.
        pair.lab.client.run(["ip", "-6", "neighbour", "flush", "dev", "eth0"])
        pair.lab.client.run(["ping", "-6", "-c1", "-W2", VIP6])
        assert own in pair.lab.client.run(["ip", "-6", "neighbour", "show", VIP6]).stdout
        # A06: a proxy is no router.
        assert not icmp6(capture.packets(), ROUTER_ADVERTISEMENT)


def test_a01_backup_answers_no_neighbour_solicitation(pair):
    start6(pair)
    with Capture.sent_by(pair.lab, "node2", pair.lab.scratch("na.pcap"), "icmp6") as capture:
        pair.lab.client.run(["ip", "-6", "neighbour", "flush", "dev", "eth0"])
        pair.lab.client.run(["ping", "-6", "-c3", "-i0.2", "-W2", VIP6])
        assert not icmp6(capture.packets(), NEIGHBOUR_ADVERTISEMENT, VIP6)


def test_a05_nothing_is_announced_before_the_address_is_there(pair):
    with AddressWatcher(pair.lab.node1) as watcher, \
            Capture.sent_by(pair.lab, "node1", pair.lab.scratch("arp.pcap"), "arp") as capture:
        pair.start()
        wait_for("announcements", lambda: [p for p in capture.packets() if p.source == VIP4], 5)
        first = min(p.time for p in capture.packets() if p.source == VIP4)
        assert first >= watcher.wait_added(VIP4, 0.0) - 0.002


def test_a07_unsolicited_neighbour_advertisements_are_accepted_in_every_state(pair):
    """The kernel's work: the daemon must not have turned it off."""
    start6(pair)
    client = address6("client")
    for node in pair.nodes:
        host = pair.lab.hosts[node.host]
        host.run(["ping", "-6", "-c1", "-W2", client])
        with frames.FrameSocket(pair.lab.client) as sender:
            sender.send(frames.neighbour_advertisement_frame("02:00:00:00:07:07", client))
            wait_for(f"{node.host} to believe it",
                     lambda h=host: "02:00:00:00:07:07" in h.run(["ip", "-6", "neighbour", "show", client]).stdout, 5)
        host.run(["ip", "-6", "neighbour", "flush", "dev", "eth0"])
