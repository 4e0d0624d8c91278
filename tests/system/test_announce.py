"""Which node answers for the virtual address, and what it says on becoming active (A01, A02, C02, C03)."""

import json

from lab.capture import ETHERNET_ARP, Capture
from lab.topology import VIP4
from lab.waiting import wait_for


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
