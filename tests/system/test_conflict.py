"""Another machine claims the virtual address (RFC 5227): it is named, answered within bounds, and never elected."""

import contextlib
import time

import pytest

from lab import config, frames
from lab.attacker import ATTACKER_MAC, Attacker
from lab.capture import Capture
from lab.pair import PRIORITY
from lab.topology import VIP4, VIP6
from lab.waiting import wait_for

# What counts as the last words of the holder before, and is answered without a report.
HANDOVER_GRACE = 2.0
# One burst of one announcement and none later: what else is announced is a defence.
QUIET = ["garp_master_delay 1", "garp_master_repeat 1"]


def start(pair, vip):
    for node in pair.nodes:
        block = config.instance(PRIORITY[node.host], pair.advert_int, addresses=(vip,), lines=QUIET)
        node.configuration = pair.scratch(f"{node.host}.conf")
        with open(node.configuration, "w", encoding="ascii") as handle:
            handle.write(config.configuration(node.host, block, config.service(80, address=vip)))
        node.start()
    pair.node1.wait_state("active")
    wait_for("the address", lambda: pair.node1.has(vip))


def claim_frame(vip, mac=ATTACKER_MAC):
    if ":" in vip:
        return frames.neighbour_advertisement_frame(mac, vip)
    return frames.arp_frame(2, mac, vip, vip, mac)


def conflicts(node):
    instance = node.instance()
    return [alarm for alarm in instance["alarms"] if alarm["kind"] == "address-conflict"] if instance else []


def announcements(capture, vip, after):
    """Moments at which the node announced the address; of ARP's two forms the request counts."""
    def announces(packet):
        if ":" in vip:
            return packet.protocol == frames.PROTOCOL_ICMP6 and packet.payload[:1] == b"\x88" and packet.source == vip
        return packet.ethernet_type == frames.ETHERNET_ARP and packet.source == packet.destination == vip \
            and packet.payload[6:8] == b"\0\1"

    return [p.time for p in capture.packets() if p.time >= after and announces(p)]


def wait_settled(pair, vip):
    """Until what is claimed counts as a conflict."""
    held = time.monotonic()
    wait_for("the time after the takeover", lambda: time.monotonic() - held > HANDOVER_GRACE + 0.2)


@pytest.mark.parametrize("vip", [VIP4, VIP6], ids=["ipv4", "ipv6"])
def test_a_arp_hijack_is_answered_and_the_intruder_named(pair, vip):
    start(pair, vip)
    wait_settled(pair, vip)
    with Capture.sent_by(pair.lab, "node1", pair.scratch("node1.pcap"), "arp or icmp6") as capture, \
            contextlib.closing(Attacker(pair.lab)) as attacker:
        began = time.monotonic()
        stop = attacker.repeat(claim_frame(vip), 0.05)
        alarm = wait_for("the alarm", lambda: conflicts(pair.node1), 2.0)[0]
        assert alarm["mac"] == ATTACKER_MAC and alarm["source"] == vip
        first = wait_for("a defence", lambda: announcements(capture, vip, began), 1.0)[0]
        assert first - began <= 0.25
        wait_for("three seconds of claims", lambda: time.monotonic() - began > 3.0)
        stop()
        assert len(announcements(capture, vip, began)) == 1, "at most one defence in ten seconds"
    assert pair.node1.state() == "active" and pair.node2.state() == "backup"
    assert pair.node1.log().count("error ADDRESS_CONFLICT") == 1


@pytest.mark.parametrize("vip, entry", [(VIP4, [f"{VIP4}/32"]), (VIP6, [f"{VIP6}/128", "nodad"])], ids=["ipv4", "ipv6"])
def test_x11_somebody_holds_the_address_before_the_start(pair, vip, entry):
    client = pair.lab.client
    client.ip("address", "add", *entry, "dev", "eth0")
    try:
        mac = frames.hardware_address(client)
        start(pair, vip)
        alarm = wait_for("the alarm", lambda: conflicts(pair.node1), 2.0)[0]
        assert alarm["mac"] == mac
    finally:
        client.ip("address", "del", entry[0], "dev", "eth0")
    assert pair.node1.state() == "active"


def test_changing_roles_is_no_conflict(pair):
    start(pair, VIP4)
    pair.node2.wait_state("backup")
    assert pair.node1.tandemctl("failover", "--no-handover").returncode in (0, 5)
    pair.wait_roles(pair.node2, pair.node1)
    wait_settled(pair, VIP4)
    assert pair.node1.tandemctl("resume").returncode == 0
    pair.wait_roles(pair.node1, pair.node2)
    for node in pair.nodes:
        assert not conflicts(node), node.log()


def test_claims_of_others_and_floods_of_them_are_bounded(pair):
    """10 000 claims a second of the address and of another one: one report, the advertisements go on."""
    start(pair, VIP4)
    wait_settled(pair, VIP4)
    made = [claim_frame(VIP4), claim_frame("198.51.100.77")]
    with Capture.sent_by(pair.lab, "node1", pair.scratch("node1.pcap"), "ip proto 112 or arp") as capture, \
            contextlib.closing(Attacker(pair.lab)) as attacker:
        began = time.monotonic()
        attacker.flood(made, 10_000, 2.0)
        ended = time.monotonic()
        adverts = [p.time for p in capture.packets() if p.vrrp_priority and began <= p.time <= ended]
        defences = announcements(capture, VIP4, began)
    widest = max(b - a for a, b in zip(adverts, adverts[1:]))
    assert widest <= 2 * pair.advert_int, f"{widest:.3f} s between advertisements"
    assert len(defences) == 1
    assert pair.node1.log().count("error ADDRESS_CONFLICT") == 1
    assert pair.node2.state() == "backup"
