"""Somebody on the link who wants the address, or wants nobody to have it (reference ids A-*).

Without protection RFC 9568 lets the highest priority win, whoever sends it: then the log must say who it was. With
auth_hmac, or a list of peers, nothing changes and an alarm names address and MAC.
"""

import json
import os
import re
import struct
import time

import pytest
from lab import config, frames
from lab.attacker import ATTACKER_MAC, Attacker
from lab.capture import Capture
from lab.link_view import LinkView
from lab.topology import VIP4, VIP6, address4, address6
from lab.waiting import Timeout, wait_for

ADVERT_INT = 0.2
KEYS = {1: bytes([0x5A] * 32), 2: b"another key of thirty-two bytes."}
NODE1, NODE2, STRANGER = address4("node1"), address4("node2"), address4("client")
FOREIGN_VIP = "203.0.113.5"


@pytest.fixture
def attacker(lab):
    made = Attacker(lab)
    yield made
    made.close()


def unicast(host):
    other = "node2" if host == "node1" else "node1"
    return (f"unicast_src_ip {address4(host)}", "unicast_peer {", f"    {address4(other)}", "}")


def start(pair, lines=lambda host: (), version=3, advert_int=ADVERT_INT):
    """A pair with extra lines in the instance, node1 active."""
    pair.advert_int = advert_int
    for node in pair.nodes:
        text = config.configuration(node.host, config.instance({"node1": 150, "node2": 100}[node.host], advert_int,
                                                               lines=lines(node.host)))
        node.configuration = pair.scratch(f"{node.host}.conf")
        with open(node.configuration, "w", encoding="ascii") as handle:
            handle.write(text.replace("version 3", f"version {version}"))
    for node in pair.nodes:
        node.start()
    pair.wait_roles(pair.node1, pair.node2)
    return pair


def alarm(node, kind, mac=ATTACKER_MAC):
    return next((each for each in node.instance()["alarms"] if each["kind"] == kind and each["mac"] == mac), None)


def wait_alarm(node, kind, source=STRANGER, mac=ATTACKER_MAC, timeout=2.0):
    """The alarm in the status, and the line in the log that names address and MAC."""
    try:
        found = wait_for(f"alarm {kind}", lambda: alarm(node, kind, mac), timeout)
    except Timeout as error:
        raise AssertionError(f"{error}; alarms: {node.instance()['alarms']}; log:\n{node.log()[-2000:]}") from None
    assert found["source"] == source and found["count"] >= 1, found
    line = next((line for line in node.log().splitlines()
                 if "ADVERTISEMENT_ALARM" in line and kind in line and source in line and mac in line), None)
    assert line, f"no line names {kind}, {source} and {mac}:\n{node.log()[-2000:]}"
    return found


def discarded(node, kind):
    return node.instance()["counters"]["discarded_by_reason"][kind]


def transitions(pair):
    return [node.instance()["counters"]["became_active"] for node in pair.nodes] + \
        [len(re.findall("Entering (?:BACKUP|FAULT) STATE", node.log())) for node in pair.nodes]


class Calm:
    """Nothing changes while the block runs: no transition on either node, and node1 alone answers."""

    def __init__(self, pair, address=VIP4):
        self._pair = pair
        self._address = address

    def __enter__(self):
        self._before = transitions(self._pair)
        self._view = LinkView(self._pair.lab, self._address, "node1")
        self._since = time.monotonic()
        wait_for("answers", lambda: self._view.answering())
        return self

    def last(self, seconds):
        """Lets time pass in which something could happen."""
        deadline = time.monotonic() + seconds
        wait_for("time to pass", lambda: time.monotonic() >= deadline, seconds + 1)

    def __exit__(self, kind, *_):
        self.last(3 * ADVERT_INT)
        answers = self._view.answers_since(self._since)
        self._view.close()
        if kind is None:
            assert transitions(self._pair) == self._before
            node1 = frames.hardware_address(self._pair.lab.node1)
            assert {a.mac for a in answers} == {node1}
            moments = [a.time for a in answers]
            assert max(b - a for a, b in zip(moments, moments[1:])) < 0.5


# Without protection: what the RFC allows, and the log says who did it


@pytest.mark.parametrize("priority", [250, 255])
def test_spoofed_priority_wins_while_it_lasts(pair, attacker, priority):
    start(pair)
    stop = attacker.repeat(attacker.frame(priority), ADVERT_INT)
    pair.node1.wait_state("backup")
    wait_for("nobody of the pair to have the address", lambda: not any(node.has(VIP4) for node in pair.nodes))
    peer = pair.node1.instance()["peer"]
    assert (peer["address"], peer["priority"]) == (STRANGER, priority)
    stop()
    pair.wait_roles(pair.node1, pair.node2)


def test_who_won_is_in_the_log(pair, attacker):
    start(pair)
    stop = attacker.repeat(attacker.frame(250), ADVERT_INT)
    pair.node1.wait_state("backup")
    stop()
    lines = [line for line in pair.node1.log().splitlines() if "reason=higher-priority" in line]
    assert lines and STRANGER in lines[-1], lines


def test_spoofed_priority_zero_does_not_move_the_address(pair, attacker):
    start(pair)
    stop = attacker.repeat(attacker.frame(0, source=NODE1), 0.3)
    # The backup claims after its skew time, as it must; the active node has the better claim and answers at once.
    wait_for("priority 0 to be heard", lambda: pair.node2.instance()["counters"]["priority_zero_received"] >= 3)
    stop()
    pair.wait_roles(pair.node1, pair.node2)
    assert pair.node1.instance()["counters"]["became_active"] == 1
    assert "Entering BACKUP STATE" not in pair.node1.log().partition("Entering MASTER STATE")[2]


def test_x10_foreign_cluster_is_ignored_and_named(pair, attacker):
    start(pair)
    with Calm(pair) as calm:
        stop = attacker.repeat(attacker.frame(254, addresses=[FOREIGN_VIP]), ADVERT_INT)
        for node in pair.nodes:
            found = wait_alarm(node, "address-list")
            assert "another cluster" in found["detail"]
        calm.last(5 * ADVERT_INT)
        stop()


def test_password_is_no_defence(pair, attacker):
    """A-pass-sniffed: the password is in every advertisement."""
    start(pair, lambda host: ("authentication {", "    auth_type PASS", "    auth_pass s3cret", "}"), 2, 1)
    with Calm(pair) as calm:
        attacker.advertise(250, version=2, interval=1)
        wait_alarm(pair.node1, "authentication-type-error")
        attacker.advertise(250, version=2, interval=1, password="guess")
        wait_alarm(pair.node1, "authentication-error")
        calm.last(1)
    heard = attacker.hear(NODE1)
    password = heard[14 + 20 + 8 + 4:][:8].rstrip(b"\0").decode("ascii")
    stop = attacker.repeat(attacker.frame(250, version=2, interval=1, password=password), 1)
    pair.node1.wait_state("backup")
    stop()


# Refused whatever the configuration


def test_advertisement_from_off_the_link(pair, attacker):
    start(pair)
    with Calm(pair) as calm:
        for priority in (0, 250, 255):
            for _ in range(5):
                attacker.advertise(priority, time_to_live=64)
        for node in pair.nodes:
            wait_for("all to be counted", lambda node=node: discarded(node, "ip-ttl-error") == 15)
            wait_alarm(node, "ip-ttl-error")
        calm.last(3 * ADVERT_INT)


def test_interval_zero(pair, attacker):
    start(pair)
    with Calm(pair) as calm:
        attacker.advertise(250, interval=0)
        for node in pair.nodes:
            wait_alarm(node, "interval-error")
            assert discarded(node, "interval-error") == 1
        calm.last(4 * ADVERT_INT)


def forge_intervals(attacker, count):
    """Right behind each advertisement of node1, in its name: one that promises the next in 10 ms."""
    for _ in range(count):
        attacker.hear(NODE1)
        attacker.advertise(150, source=NODE1, interval=1)


def test_forged_interval_is_clamped_and_told(pair, attacker):
    start(pair)
    view = LinkView(pair.lab, VIP4, "node1")
    since = time.monotonic()
    forge_intervals(attacker, 10)
    wait_for("the interval to be told", lambda: alarm(pair.node2, "interval"))
    answers = view.answers_since(since)
    view.close()
    assert "advertises every 10 ms, this node every 200 ms" in pair.node2.log()
    pair.wait_roles(pair.node1, pair.node2)
    # The node with the better claim never leaves, and the address is never without an answer.
    assert pair.node1.instance()["counters"]["became_active"] == 1
    assert max(b.time - a.time for a, b in zip(answers, answers[1:])) < 0.5


def cpu_seconds(pids):
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as handle:
            words = handle.read().rpartition(")")[2].split()
        ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def test_flood(pair, attacker, lab):
    """10 000 packets per second of junk: advertisements stay on time, all is counted, the processor is not eaten."""
    start(pair)
    good = attacker.frame(250)
    bad_checksum = good[:-6] + bytes([good[-6] ^ 0xFF]) + good[-5:]
    junk = [bad_checksum, attacker.frame(250, time_to_live=64), attacker.frame(250, version=2, interval=1),
            attacker.frame(250, virtual_router_id=99)]
    kinds = ["checksum-error", "ip-ttl-error", "version-error"]
    before = {node: node.instance()["counters"] for node in pair.nodes}
    with Calm(pair), Capture.sent_by(lab, "node1", lab.scratch("flood.pcap"), "ip proto 112") as capture:
        began, used = time.monotonic(), cpu_seconds(pair.node1.pids())
        sent, seconds = attacker.flood(junk, 10_000, 4)
        used = cpu_seconds(pair.node1.pids()) - used
        ended = time.monotonic()
        assert sum(sent) / seconds > 8_000, "the sender was too slow to prove anything"

        def counted(node):
            counters = node.instance()["counters"]
            lost = counters["dropped"] - before[node]["dropped"]
            return lost, {kind: counters["discarded_by_reason"][kind] - before[node]["discarded_by_reason"][kind]
                          for kind in kinds}

        for node in pair.nodes:
            wait_for("everything to be counted", lambda node=node: counted(node)[0] + sum(counted(node)[1].values())
                     == sum(sent[:3]), 3.0)
            for kind, expected in zip(kinds, sent):
                assert expected * 0.2 < counted(node)[1][kind] <= expected
            wait_alarm(node, "checksum-error")
    moments = [p.time for p in capture.packets() if p.source == NODE1 and began <= p.time <= ended]
    gaps = [b - a for a, b in zip(moments, moments[1:])]
    assert len(moments) >= 0.9 * seconds / ADVERT_INT and max(gaps) < 1.5 * ADVERT_INT, (len(moments), max(gaps))
    assert used / seconds < 0.7, f"{used:.2f} s of processor in {seconds:.2f} s"
    # Limited: not a line per packet.
    assert pair.node1.log().count("ADVERTISEMENT_ALARM") < 12 * seconds
    print(f"flood: {sum(sent)} packets in {seconds:.1f} s, processor {100 * used / seconds:.0f} %, widest gap "
          f"{max(gaps) * 1000:.1f} ms of {ADVERT_INT * 1000:.0f} ms")


@pytest.mark.parametrize("priorities", [(1, 50), (0,)], ids=["lower-claims", "priority-0"])
def test_flood_of_valid_claims(pair, attacker, lab, priorities):
    """10 000 advertisements per second that the RFC answers each with one: the answers have a bound (I8)."""
    start(pair, lambda host: unicast(host) if priorities == (0,) else ())
    to = {}
    if priorities == (0,):
        # To the active node alone: the backup would claim, as it must.
        to = {"source": NODE2, "destination": NODE1, "destination_mac": frames.hardware_address(lab.node1)}
    node1 = pair.node1
    before = node1.instance()["counters"]
    with Calm(pair), Capture.sent_by(lab, "node1", lab.scratch("claims.pcap"), "ip proto 112") as capture, \
            Capture.sent_by(lab, "node1", lab.scratch("arp.pcap"), "arp[6:2] = 1") as announced:
        began = time.monotonic()
        sent, seconds = attacker.flood([attacker.frame(each, **to) for each in priorities], 10_000, 2)
        ended = time.monotonic()
        assert sum(sent) / seconds > 8_000, "the sender was too slow to prove anything"

        def heard(name):
            return node1.instance()["counters"][name] - before[name]

        wait_for("everything to be heard", lambda: heard("adverts_received") + heard("dropped") >= sum(sent), 3.0)
        assert heard("answers_delayed") > 0.2 * sum(sent)
    moments = [p.time for p in capture.packets() if p.source == NODE1 and began <= p.time <= ended]
    gaps = [b - a for a, b in zip(moments, moments[1:])]
    assert len(moments) <= 10 * seconds / ADVERT_INT + 5, len(moments)
    assert max(gaps) < 1.5 * ADVERT_INT, max(gaps)
    # Twice a second, with the default of five times both forms; requests of the host itself are few.
    frames_announced = sum(began <= p.time <= ended for p in announced.packets())
    assert frames_announced <= (2 * seconds + 2) * 10, frames_announced
    print(f"flood of claims: {sum(sent)} in {seconds:.1f} s, {len(moments)} answers, widest gap "
          f"{max(gaps) * 1000:.1f} ms, {frames_announced} announcements")


# With auth_hmac: nothing changes and an alarm names who it was


def signed(mode="enforce", active_key=1, keys=(1, 2)):
    return ("auth_hmac {", *(f"    key {each} hex:{KEYS[each].hex()}" for each in keys), f"    active_key {active_key}",
            f"    mode {mode}", "}")


@pytest.fixture
def signed_pair(pair):
    return start(pair, lambda host: signed(keys=(1,)))


@pytest.mark.parametrize("priority", [0, 250, 255])
def test_spoofed_priority_against_hmac(signed_pair, attacker, priority):
    with Calm(signed_pair) as calm:
        stop = attacker.repeat(attacker.frame(priority), ADVERT_INT)
        for node in signed_pair.nodes:
            wait_alarm(node, "hmac-missing")
        calm.last(5 * ADVERT_INT)
        stop()


def test_foreign_cluster_against_hmac(signed_pair, attacker):
    with Calm(signed_pair) as calm:
        stop = attacker.repeat(attacker.frame(254, addresses=[FOREIGN_VIP]), ADVERT_INT)
        for node in signed_pair.nodes:
            wait_alarm(node, "hmac-missing")
        calm.last(5 * ADVERT_INT)
        stop()


def test_forged_name_of_the_peer_against_hmac(signed_pair, attacker):
    """In the peer's name: the MAC address in the alarm is the attacker's all the same."""
    with Calm(signed_pair) as calm:
        stop = attacker.repeat(attacker.frame(250, source=NODE2), 0.07)
        wait_alarm(signed_pair.node1, "hmac-missing", source=NODE2)
        calm.last(5 * ADVERT_INT)
        stop()


def change(frame, offset, value):
    """A byte of the VRRP packet of a captured IPv4 frame."""
    at = 14 + 20 + offset
    return frame[:at] + bytes([value]) + frame[at + 1:]


def with_priority(frame, priority):
    """A captured advertisement with another priority and a checksum that fits: only the signature does not."""
    message = frame[34:34 + 12]
    old_word, new_word = struct.unpack("!H", message[2:4])[0], priority << 8 | message[3]
    checksum = struct.unpack("!H", message[6:8])[0]
    total = (~checksum & 0xFFFF) + (~old_word & 0xFFFF) + new_word
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    forged = change(frame, 2, priority)
    return forged[:40] + struct.pack("!H", ~total & 0xFFFF) + forged[42:]


def from_attacker(frame):
    return frame[:6] + frames.mac_bytes(ATTACKER_MAC) + frame[12:]


def test_changed_copy_against_hmac(signed_pair, attacker):
    """A-mutations: a signed advertisement with another priority, key or signature."""
    with Calm(signed_pair) as calm:
        original = attacker.hear(NODE1)
        node2 = signed_pair.node2
        attacker.send(from_attacker(with_priority(original, 250)))
        wait_alarm(node2, "hmac-invalid", source=NODE1)
        attacker.send(from_attacker(change(original, 12 + 1, 9)))
        wait_alarm(node2, "hmac-unknown-key", source=NODE1)
        attacker.send(from_attacker(change(original, 12 + 2, 1)))
        wait_alarm(node2, "hmac-malformed", source=NODE1)
        for offset in range(12 + 12, 12 + 28, 3):
            attacker.send(from_attacker(change(original, offset, original[34 + offset] ^ 1)))
        wait_for("all to be counted", lambda: discarded(node2, "hmac-invalid") == 7)
        calm.last(2 * ADVERT_INT)


def test_replay_against_hmac(signed_pair, attacker):
    """A-replay: the same frame again, also much later and after a restart of the one that heard it."""
    node2 = signed_pair.node2
    with Calm(signed_pair) as calm:
        original = attacker.hear(NODE1)
        attacker.hear(NODE1)
        attacker.send(from_attacker(original))
        wait_alarm(node2, "hmac-replay", source=NODE1)
        calm.last(2 * ADVERT_INT)
    node2.terminate()
    node2.start()
    node2.wait_state("backup")
    attacker.send(from_attacker(original))
    wait_for("the replay to be refused after a restart", lambda: discarded(node2, "hmac-replay") == 1)
    time_window = 5
    deadline = time.monotonic() + time_window + 1
    wait_for("the time window to pass", lambda: time.monotonic() > deadline, time_window + 2)
    with Calm(signed_pair):
        attacker.send(from_attacker(original))
        wait_alarm(node2, "hmac-stale", source=NODE1)


def test_replayed_release_against_hmac(signed_pair, attacker, lab):
    """The priority 0 of an earlier stop must not make the backup claim, however soon it is sent again."""
    node1, node2 = signed_pair.node1, signed_pair.node2
    view = Capture.sent_by(lab, "node1", lab.scratch("release.pcap"), "ip proto 112")
    node1.terminate()
    node2.wait_state("active")
    view.close()
    with open(lab.scratch("release.pcap"), "rb") as handle:
        data = handle.read()
    released = last_frame(data)
    assert released[34 + 2] == 0
    node1.start()
    signed_pair.wait_roles(node1, node2)
    with Calm(signed_pair) as calm:
        stop = attacker.repeat(from_attacker(released), ADVERT_INT / 4)
        calm.last(4 * ADVERT_INT)
        stop()
        assert alarm(node2, "hmac-replay") or alarm(node2, "hmac-stale"), node2.instance()["alarms"]


def last_frame(pcap):
    frame, offset = b"", 24
    while offset + 16 <= len(pcap):
        length = struct.unpack_from("<I", pcap, offset + 8)[0]
        frame = pcap[offset + 16:offset + 16 + length]
        offset += 16 + length
    return frame


def test_vrrp0wn_against_hmac(signed_pair, attacker):
    """What VRRP0wn does: copies VRID, interval and addresses from the air, sends priority 250 with a virtual MAC
    address and without authentication."""
    with Calm(signed_pair) as calm:
        heard = attacker.hear(NODE1)[34:]
        addresses = [".".join(map(str, heard[8 + 4 * i:12 + 4 * i])) for i in range(heard[3])]
        mac = f"00:00:5e:00:01:{heard[1]:02x}"
        interval = struct.unpack("!H", heard[4:6])[0]
        stop = attacker.repeat(attacker.frame(250, mac=mac, virtual_router_id=heard[1], interval=interval,
                                              addresses=addresses), 0.1)
        for node in signed_pair.nodes:
            wait_alarm(node, "hmac-missing", mac=mac, timeout=1.0 + ADVERT_INT)
        calm.last(5 * ADVERT_INT)
        stop()


def signer(key_id=1, late=0.0):
    """Signs as a node does that has the key; `late`: seconds that its clock is behind."""
    return lambda source, message: frames.hmac_trailer(KEYS[key_id], key_id, time.time() - late, source, message)


def test_only_the_key_counts(signed_pair, attacker):
    """The control of the tests above: the same advertisement with the right signature is obeyed."""
    node1, node2 = signed_pair.nodes
    with Calm(signed_pair):
        for late, kind in ((100, "hmac-stale"), (-100, "hmac-stale")):
            attacker.advertise(250, sign=signer(late=late))
            wait_for(f"{late} s to be refused", lambda kind=kind: alarm(node1, kind))
        attacker.advertise(250, sign=signer(2))
        wait_alarm(node1, "hmac-unknown-key")
        assert [discarded(node, "hmac-stale") for node in signed_pair.nodes] == [2, 2]
    attacker.advertise(250, sign=signer())
    node1.wait_state("backup")
    assert node2.state() == "backup"


def test_clock_apart_is_told(signed_pair, attacker):
    """More than half of the time window: still obeyed, but said before it is too late."""
    attacker.advertise(1, sign=signer(late=3))
    wait_for("the difference to be told", lambda: alarm(signed_pair.node1, "clock-skew"))
    assert "ELECTION_PEER_DIFFERS" in signed_pair.node1.log()


def quiet(pair):
    """No advertisement of the other node was refused."""
    for node in pair.nodes:
        reasons = node.instance()["counters"]["discarded_by_reason"]
        assert not any(reasons.values()), (node.host, reasons)


def test_rotation_of_keys(pair, attacker):
    """A-rotation: both keys everywhere, another one active on each node."""
    start(pair, lambda host: signed(active_key=1 if host == "node1" else 2))
    with Calm(pair) as calm:
        calm.last(5 * ADVERT_INT)
        quiet(pair)
        assert pair.node1.instance()["counters"]["adverts_sent"] > 5
    pair.node1.terminate()
    pair.node2.wait_state("active")
    attacker.advertise(250, sign=signer(2))
    pair.node2.wait_state("backup")


def test_rollout_in_sweeps(pair):
    """A-rollout: from nothing to enforce, one node after the other; no advertisement is refused on the way."""
    start(pair)
    modes = {"node1": None, "node2": None}
    for mode in ("receive-only", "permissive", "enforce"):
        for node in (pair.node2, pair.node1):
            modes[node.host] = mode
            text = config.configuration(node.host, config.instance({"node1": 150, "node2": 100}[node.host], ADVERT_INT,
                                                                   lines=signed(mode)))
            with open(node.configuration, "w", encoding="ascii") as handle:
                handle.write(text)
            node.terminate()
            node.start()
            pair.wait_roles(pair.node1, pair.node2)
            quiet(pair)


# With unicast: strangers are not heard


@pytest.fixture
def unicast_pair(pair):
    return start(pair, unicast)


@pytest.mark.parametrize("priority", [0, 250, 255])
def test_stranger_against_unicast(unicast_pair, attacker, priority):
    with Calm(unicast_pair) as calm:
        stops = []
        for node in unicast_pair.nodes:
            to = {"destination": address4(node.host),
                  "destination_mac": frames.hardware_address(unicast_pair.lab.hosts[node.host])}
            stops.append(attacker.repeat(attacker.frame(priority, **to), ADVERT_INT))
        for node in unicast_pair.nodes:
            wait_alarm(node, "unknown-peer")
        stops.append(attacker.repeat(attacker.frame(priority), ADVERT_INT))
        calm.last(5 * ADVERT_INT)
        for stop in stops:
            stop()


def test_forged_peer_from_off_the_link_against_unicast(unicast_pair, attacker):
    to = {"destination": NODE1, "destination_mac": frames.hardware_address(unicast_pair.lab.node1)}
    with Calm(unicast_pair) as calm:
        for _ in range(5):
            attacker.advertise(250, source=NODE2, time_to_live=64, **to)
        wait_alarm(unicast_pair.node1, "ip-ttl-error", source=NODE2)
        calm.last(3 * ADVERT_INT)


def test_list_of_peers_is_no_defence(unicast_pair, attacker):
    """In the peer's name and from the link: only a signature tells."""
    node1 = unicast_pair.node1
    to = {"destination": NODE1, "destination_mac": frames.hardware_address(unicast_pair.lab.node1)}
    stop = attacker.repeat(attacker.frame(250, source=NODE2, **to), ADVERT_INT)
    node1.wait_state("backup")
    stop()
    unicast_pair.wait_roles(*unicast_pair.nodes)


# The same over IPv6: its own pseudo-header, hop limit from a control message, link-local sources


def link_local(namespace):
    return next(address for address in namespace.addresses() if address.startswith("fe80:"))


def start6(pair, lines=lambda host: ()):
    pair.advert_int = ADVERT_INT
    for node in pair.nodes:
        block = config.instance({"node1": 150, "node2": 100}[node.host], ADVERT_INT, addresses=(VIP6,),
                                lines=lines(node.host))
        node.configuration = pair.scratch(f"{node.host}.conf")
        with open(node.configuration, "w", encoding="ascii") as handle:
            handle.write(config.configuration(node.host, block))
        node.start()
    wait_roles6(pair)
    return pair


def wait_roles6(pair):
    pair.node1.wait_state("active")
    pair.node2.wait_state("backup")
    wait_for("the address on node1 only", lambda: pair.node1.has(VIP6) and not pair.node2.has(VIP6))


def frame6(attacker, priority, source=None, **fields):
    return attacker.frame(priority, source or link_local(attacker.lab.client), [VIP6], **fields)


def test_spoofed_priority_over_ipv6(pair, attacker, lab):
    start6(pair)
    for priority in (250, 255):
        stop = attacker.repeat(frame6(attacker, priority), ADVERT_INT)
        pair.node1.wait_state("backup")
        wait_for("nobody of the pair to have the address", lambda: not any(node.has(VIP6) for node in pair.nodes))
        lines = [line for line in pair.node1.log().splitlines() if "reason=higher-priority" in line]
        assert link_local(lab.client) in lines[-1] and ATTACKER_MAC in lines[-1], lines
        stop()
        wait_roles6(pair)
    became_active = pair.node1.instance()["counters"]["became_active"]
    stop = attacker.repeat(frame6(attacker, 0, link_local(lab.node1)), 0.1)
    wait_for("priority 0 to be heard", lambda: pair.node2.instance()["counters"]["priority_zero_received"] >= 3)
    stop()
    wait_roles6(pair)
    assert pair.node1.instance()["counters"]["became_active"] == became_active


def test_ipv6_advertisement_from_off_the_link(pair, attacker, lab):
    start6(pair)
    with Calm(pair, VIP6):
        for priority in (0, 250, 255):
            attacker.send(frame6(attacker, priority, time_to_live=64))
        for node in pair.nodes:
            wait_for("all to be counted", lambda node=node: discarded(node, "ip-ttl-error") == 3)
            wait_alarm(node, "ip-ttl-error", link_local(lab.client))


def test_ipv6_unicast_with_min_ttl(pair, attacker, lab):
    """keepalived sends unicast over IPv6 with hop limit 64: only min_ttl tells that a packet is from the link."""
    def lines(host):
        other = "node2" if host == "node1" else "node1"
        return (f"unicast_src_ip {address6(host)}", "unicast_peer {", f"    {address6(other)} min_ttl 255", "}")

    start6(pair, lines)
    to = {"destination": address6("node1"), "destination_mac": frames.hardware_address(lab.node1)}
    with Calm(pair, VIP6):
        for priority in (0, 250, 255):
            attacker.send(frame6(attacker, priority, address6("node2"), time_to_live=64, **to))
        wait_for("all to be counted", lambda: discarded(pair.node1, "ip-ttl-error") == 3)
        wait_alarm(pair.node1, "ip-ttl-error", address6("node2"))
        attacker.send(frame6(attacker, 250, address6("client"), **to))
        wait_alarm(pair.node1, "unknown-peer", address6("client"))


def test_ipv6_against_hmac(pair, attacker, lab):
    start6(pair, lambda host: signed(keys=(1,)))
    node1, node2 = pair.nodes
    with Calm(pair, VIP6):
        for priority in (0, 250, 255):
            attacker.send(frame6(attacker, priority))
        for node in pair.nodes:
            wait_for("all to be counted", lambda node=node: discarded(node, "hmac-missing") == 3)
            wait_alarm(node, "hmac-missing", link_local(lab.client))
        original = attacker.hear(link_local(lab.node1))
        attacker.hear(link_local(lab.node1))
        attacker.send(from_attacker(original))
        wait_alarm(node2, "hmac-replay", link_local(lab.node1))
        assert discarded(node2, "hmac-replay") == 1
    # The control: the right key is obeyed.
    attacker.send(frame6(attacker, 250, sign=signer()))
    node1.wait_state("backup")


def test_status_shows_alarms_to_people(signed_pair, attacker):
    attacker.advertise(250)
    wait_alarm(signed_pair.node1, "hmac-missing")
    shown = signed_pair.node1.tandemctl("status").stdout
    assert STRANGER in shown and ATTACKER_MAC in shown, shown
    assert "ADVERTISEMENT_ALARM" in json.dumps(signed_pair.node1.events())
