"""The instruments themselves: a reader of gaps and packets that is wrong would make every other test worthless."""

from lab.capture import ETHERNET_ARP, PROTOCOL_VRRP, parse_frame
from lab.exchange import random_size
from lab.prober import Attempt, longest_gap
from lab.processes import Process, executable
from lab.waiting import Timeout, wait_for
from lab.watch import AddressWatcher

import pytest
import random


def success(moment):
    return Attempt(moment - 0.001, moment, "ok", "up1", "198.51.100.100")


def failure(moment):
    return Attempt(moment, moment + 0.25, "timeout", "-", "-")


def test_gap_is_the_longest_time_between_successes_around_the_event():
    attempts = [success(t / 10) for t in range(0, 20)] + [failure(2.0), failure(2.5)] + [success(3.0), success(3.1)]
    found = longest_gap(attempts, 1.95, 3.05)
    assert found.closed
    assert found.seconds == pytest.approx(1.1)
    assert found.failures == {"timeout": 2}


def test_gap_that_never_closed_is_told():
    found = longest_gap([success(1.0), failure(1.1)], 1.05, 9.0)
    assert not found.closed
    assert found.seconds == pytest.approx(8.0)


def test_gap_before_the_event_does_not_count():
    attempts = [success(0.0), success(5.0), success(5.1), success(5.3), success(5.4)]
    assert longest_gap(attempts, 5.15, 5.35).seconds == pytest.approx(0.2)


def test_vrrp_frame():
    ip = bytes.fromhex("45c0002000000000ff700000c633640be0000012")
    frame = bytes.fromhex("01005e000012" "0200000000aa" "0800") + ip + bytes.fromhex("313300010064c0de" "c6336464")
    packet = parse_frame(1.5, frame)
    assert (packet.source, packet.destination) == ("198.51.100.11", "224.0.0.18")
    assert packet.protocol == PROTOCOL_VRRP
    assert packet.vrrp_priority == 0


def test_arp_frame():
    body = bytes.fromhex("0001080006040001" "0200000000aa" "c6336464" "000000000000" "c6336464")
    packet = parse_frame(0, bytes.fromhex("ffffffffffff" "0200000000aa" "0806") + body)
    assert packet.ethernet_type == ETHERNET_ARP
    assert packet.source == packet.destination == "198.51.100.100"


def test_random_sizes_stay_in_range():
    source = random.Random(1)
    sizes = [random_size(source, 1 << 17) for _ in range(1000)]
    assert 1 <= min(sizes) < 4
    assert 1 << 16 < max(sizes) <= 1 << 17


def test_lease_expiry_is_seen_when_the_kernel_does_it(lab):
    with AddressWatcher(lab.node1) as watcher:
        lab.node1.ip("address", "add", "198.51.100.99/32", "dev", "eth0", "valid_lft", 1, "preferred_lft", 1)
        added = watcher.wait_added("198.51.100.99", 0.0)
        removed = watcher.wait_removed("198.51.100.99", added)
    assert 0.5 < removed - added < 2.0


def test_cut_is_one_way_and_healed(lab):
    assert lab.client.run(["ping", "-c1", "-W1", lab.address("node1")], check=False).returncode == 0
    lab.cut("node1", "client", "ip protocol icmp")
    assert lab.client.run(["ping", "-c1", "-W1", lab.address("node1")], check=False).returncode != 0
    lab.heal()
    assert lab.client.run(["ping", "-c1", "-W1", lab.address("node1")], check=False).returncode == 0


def test_processes_of_a_namespace_are_found_and_ended(lab):
    process = Process(lab.node1, ["sleep", "1000"], lab.scratch("sleep.log"))
    try:
        wait_for("sleep", lambda: executable(process.pid) == "sleep")
        assert process.pid in lab.node1.pids()
    finally:
        process.stop()
    assert process.pid not in lab.node1.pids()


def test_waiting_names_what_did_not_come():
    with pytest.raises(Timeout, match="the moon"):
        wait_for("the moon", lambda: False, 0.05)
