"""keepalived's election features on the real daemon: tracking, sync groups, notification, authentication, delays."""

import json
import os
import time

import pytest

from lab import config
from lab.capture import Capture
from lab.pair import PRIORITY
from lab.processes import Process
from lab.topology import VIP4, address4
from lab.waiting import wait_for

SLACK = 0.25
SERVICE_VIP = "203.0.113.77"


def write(path, text, mode=None):
    # Replaced as a whole: a script may be running.
    fresh = path + ".fresh"
    with open(fresh, "w", encoding="ascii") as handle:
        handle.write(text)
    if mode is not None:
        os.chmod(fresh, mode)
    os.rename(fresh, path)


class Switch:
    """A script that a test turns off and on: it succeeds while its flag file exists."""

    def __init__(self, pair, name):
        self.flag = pair.scratch(f"{name}.flag")
        self.path = pair.scratch(f"{name}.sh")
        write(self.path, f"#!/bin/sh\ntest -e {self.flag}\n", 0o755)
        self.on()

    def on(self):
        write(self.flag, "")

    def off(self):
        os.unlink(self.flag)


def script_block(name, path, lines=()):
    inner = [f'script "{path}"', "interval 0.1", "timeout 5", "user root", *lines]
    return "\n".join([f"vrrp_script {name} {{", *(f"    {line}" for line in inner), "}"])


def start(pair, node1=(), node2=(), both=(), blocks=(), blocks1=(), blocks2=(), advert_int=0.2, wait=True):
    """Starts both with lines of the instance and blocks of the file for one node or both."""
    pair.advert_int = advert_int
    own = {"node1": (node1, blocks1), "node2": (node2, blocks2)}
    for node in pair.nodes:
        lines, extra = own[node.host]
        block = config.instance(PRIORITY[node.host], advert_int, lines=[*both, *lines])
        node.configuration = pair.scratch(f"{node.host}.conf")
        write(node.configuration, config.configuration(node.host, *blocks, *extra, block, config.service(80)))
        node.start()
    if wait:
        pair.wait_roles(pair.node1, pair.node2)
    return pair


def track(name, weight=None):
    return f"track_script {{ {name}{'' if weight is None else f' weight {weight}'} }}"


# Tracking


def test_script_without_weight_that_fails_is_a_fault_and_the_peer_needs_the_skew_time_only(pair):
    switch = Switch(pair, "web")
    start(pair, node1=[track("chk_web")], blocks1=[script_block("chk_web", switch.path)])
    with pair.prober() as prober:
        prober.wait_success()
        moment = time.monotonic()
        switch.off()
        pair.node1.wait_state("fault")
        pair.node2.wait_state("active")
        prober.wait_success(after=time.monotonic())
        worst = prober.gap(moment)
    # The script itself may take as long as it likes: counted is the time that nobody answered.
    assert worst.seconds <= pair.skew() + SLACK, f"gap {worst.seconds:.3f} s"
    faults = pair.node1.instance()["faults"]
    assert faults == ["script chk_web failed: exit code 1"]
    assert "sent 0 priority" in pair.node1.log()
    switch.on()
    pair.wait_roles(pair.node1, pair.node2)


def test_weight_changes_the_priority_and_the_peer_preempts(pair):
    switch = Switch(pair, "web")
    start(pair, node1=[track("chk_web")], blocks1=[script_block("chk_web", switch.path, ["weight -60"])])
    switch.off()
    pair.wait_roles(pair.node2, pair.node1)
    found = pair.node1.instance()
    assert (found["priority"], found["effective_priority"]) == (150, 90)
    assert "Changing effective priority from 150 to 90" in pair.node1.log()
    switch.on()
    pair.wait_roles(pair.node1, pair.node2)
    assert pair.node1.instance()["effective_priority"] == 150


@pytest.mark.parametrize("weight, good", [(-60, 150), (2, 152)])
def test_weighted_script_with_nopreempt_does_not_leave_the_address_on_the_failed_node(pair, weight, good):
    switch = Switch(pair, "web")
    start(pair, both=["nopreempt"], node1=[track("chk_web")],
          blocks1=[script_block("chk_web", switch.path, [f"weight {weight}"])], wait=False)
    # Whoever came first: a planned failover puts the address where the script runs.
    wait_for("one to be active", lambda: "active" in (pair.node1.state(), pair.node2.state()))
    if pair.node2.state() == "active":
        assert pair.node2.tandemctl("failover").returncode in (0, 5)
        assert pair.node2.tandemctl("resume").returncode == 0
    pair.wait_roles(pair.node1, pair.node2)
    switch.off()
    pair.wait_roles(pair.node2, pair.node1)
    switch.on()
    wait_for("the priority to be back", lambda: pair.node1.instance()["effective_priority"] == good)
    assert pair.node2.state() == "active"


def test_weighted_script_with_nopreempt_and_no_peer_keeps_serving(pair):
    switch = Switch(pair, "web")
    start(pair, both=["nopreempt"], node1=[track("chk_web")],
          blocks1=[script_block("chk_web", switch.path, ["weight -60"])], wait=False)
    pair.node2.terminate()
    pair.node1.wait_state("active")
    switch.off()
    wait_for("the failover to be undone", lambda: "failover: " in pair.node1.log())
    pair.node1.wait_state("active")
    wait_for("the address to be back", lambda: pair.node1.has(pair.lab.vip))


def test_instance_waits_for_the_first_result_of_a_script(pair):
    gate = pair.scratch("gate")
    os.mkfifo(gate)
    path = pair.scratch("slow.sh")
    write(path, f"#!/bin/sh\nread line < {gate}\n", 0o755)
    start(pair, node1=[track("chk_slow")], blocks1=[script_block("chk_slow", path, ["timeout 60"])], wait=False)
    pair.node2.wait_state("active")
    found = pair.node1.instance()
    assert found["state"] == "initialize"
    assert found["faults"] == ["script chk_slow has no result yet"]
    with open(gate, "w", encoding="ascii") as handle:
        handle.write("go\n")
    pair.wait_roles(pair.node1, pair.node2)


def test_track_file_is_the_manual_lever(pair):
    lever = pair.scratch("lever")
    write(lever, "0\n")
    block = f"track_file lever {{\n    file {lever}\n    weight 1\n}}"
    start(pair, node1=["track_file { lever }"], blocks1=[block])
    write(lever, "-60\n")
    pair.wait_roles(pair.node2, pair.node1)
    assert pair.node1.instance()["effective_priority"] == 90
    write(lever, "-254\n")
    pair.node1.wait_state("fault")
    write(lever, "0\n")
    pair.wait_roles(pair.node1, pair.node2)


def test_track_process_sees_the_end_of_the_process(pair):
    name = f"tdm-w{os.getpid()}"[:15]
    program = pair.scratch(name)
    os.symlink("/bin/sleep", program)
    helper = Process(pair.lab.node1, [program, "600"], pair.scratch("sleep.log"))
    block = f"vrrp_track_process web {{\n    process {os.path.basename(program)[:15]}\n}}"
    start(pair, node1=["track_process { web }"], blocks1=[block])
    helper.stop()
    pair.node1.wait_state("fault")
    pair.node2.wait_state("active")
    assert "process web" in pair.node1.instance()["faults"][0]


def test_track_interface_with_weight(pair):
    pair.lab.node1.ip("link", "add", "tdm0", "type", "veth", "peer", "name", "tdm1")
    try:
        pair.lab.node1.ip("link", "set", "tdm1", "up")
        pair.lab.node1.ip("link", "set", "tdm0", "up")
        start(pair, node1=["track_interface { tdm0 weight -60 }"])
        pair.lab.node1.ip("link", "set", "tdm1", "down")
        pair.wait_roles(pair.node2, pair.node1)
        pair.lab.node1.ip("link", "set", "tdm1", "up")
        pair.wait_roles(pair.node1, pair.node2)
    finally:
        pair.lab.node1.ip("link", "delete", "tdm0")


# Two owners of the addresses


def start_owners(pair, node1=(), node2=()):
    pair.advert_int = 0.2
    for node, lines in zip(pair.nodes, (node1, node2)):
        node.configuration = pair.scratch(f"{node.host}.conf")
        write(node.configuration, config.configuration(node.host, config.instance(255, 0.2, lines=lines)))
        node.start()


def test_of_two_owners_the_lower_address_gives_way(pair):
    start_owners(pair)
    pair.wait_roles(pair.node2, pair.node1)
    assert any(alarm["kind"] == "duplicate-owner" for alarm in pair.node1.instance()["alarms"])
    assert pair.node2.instance()["effective_priority"] == 255


def test_owner_gives_in_to_one_that_ignores_it(pair):
    start_owners(pair, node1=["owner_ignore_adverts"])
    pair.wait_roles(pair.node1, pair.node2)
    assert pair.node2.instance()["effective_priority"] == 254
    wait_for("the log to say so", lambda: "gave in and says 254" in pair.node2.log())
    pair.node1.kill_all()
    pair.node2.wait_state("active")
    assert pair.node2.instance()["effective_priority"] == 254


# Interfaces of virtual addresses beside the one of the advertisements


@pytest.fixture
def service_links(lab):
    """svc0 on each node; its carrier goes with svc1."""
    for node in (lab.node1, lab.node2):
        node.ip_batch(["link add svc0 type veth peer name svc1", "link set svc0 up", "link set svc1 up"])
    yield
    for node in (lab.node1, lab.node2):
        node.ip("link", "delete", "svc0")


def wait_release(capture, routers):
    """Priority 0 of node1 for each virtual router; returns when the last one left."""
    def said():
        moments = {p.payload[1]: p.time for p in capture.packets()
                   if p.source == address4("node1") and p.vrrp_priority == 0}
        return max(moments.values()) if set(moments) == set(routers) else None

    return wait_for(f"priority 0 on the wire for {sorted(routers)}", said)


@pytest.mark.usefixtures("service_links")
def test_lost_link_of_an_address_says_priority_zero(pair):
    """The advertisements do not need that link: the peer is told, and does not wait for silence."""
    pair.start(advert_int=1, addresses=(VIP4, f"{SERVICE_VIP} dev svc0"))
    with Capture.sent_by(pair.lab, "node1", pair.scratch("release.pcap"), "ip proto 112") as capture:
        began = time.monotonic()
        pair.lab.node1.ip("link", "set", "svc1", "down")
        wait_release(capture, {51})
        pair.node2.wait_state("active")
        assert time.monotonic() - began < 2.0 < pair.down_interval("node2")
    assert pair.node1.state() == "fault"
    assert pair.node1.instance()["faults"] == ["link down on svc0"]
    wait_for("no address on node1", lambda: not pair.node1.has(VIP4))
    pair.lab.node1.ip("link", "set", "svc1", "up")
    pair.wait_roles(pair.node1, pair.node2)
    assert pair.node1.instance()["faults"] == []


@pytest.mark.usefixtures("service_links")
def test_lost_link_at_startup_keeps_the_instance_out(pair):
    pair.lab.node1.ip("link", "set", "svc1", "down")
    pair.configure(addresses=(VIP4, f"{SERVICE_VIP} dev svc0"))
    for node in pair.nodes:
        node.start()
    pair.node2.wait_state("active")
    assert pair.node1.state() == "fault"
    assert pair.node1.instance()["counters"]["became_active"] == 0


@pytest.mark.usefixtures("service_links")
def test_lost_link_of_a_member_says_priority_zero_for_the_group(pair):
    pair.advert_int = 1
    group = "vrrp_sync_group VG {\n    group { VI_4 VI_S }\n}"
    for node in pair.nodes:
        priority = PRIORITY[node.host]
        four = config.instance(priority, 1, name="VI_4")
        service = config.instance(priority, 1, name="VI_S", virtual_router_id=52,
                                  addresses=(f"{SERVICE_VIP} dev svc0",))
        node.configuration = pair.scratch(f"{node.host}.conf")
        write(node.configuration, config.configuration(node.host, group, four, service, config.service(80)))
        node.start()
    for name in ("VI_4", "VI_S"):
        pair.node1.wait_state("active", name)
    with Capture.sent_by(pair.lab, "node1", pair.scratch("release.pcap"), "ip proto 112") as capture:
        pair.lab.node1.ip("link", "set", "svc1", "down")
        wait_release(capture, {51, 52})
    for name in ("VI_4", "VI_S"):
        pair.node2.wait_state("active", name)
        assert pair.node1.state(name) == "fault"
    assert "sync group VG" in pair.node1.instance("VI_4")["faults"][0]
    pair.lab.node1.ip("link", "set", "svc1", "up")
    for name in ("VI_4", "VI_S"):
        pair.node1.wait_state("active", name)


# Sync groups


def start_group(pair, extra1=(), blocks1=()):
    """IPv4 and IPv6 instance of each node in one sync group."""
    group = "vrrp_sync_group VG {\n    group { VI_4 VI_6 }\n}"
    for node in pair.nodes:
        priority = PRIORITY[node.host]
        four = config.instance(priority, 0.2, name="VI_4", lines=extra1 if node is pair.node1 else ())
        six = config.instance(priority, 0.2, name="VI_6", virtual_router_id=61, addresses=(pair.lab.vip6,))
        node.configuration = pair.scratch(f"{node.host}.conf")
        extra = blocks1 if node is pair.node1 else ()
        write(node.configuration, config.configuration(node.host, *extra, group, four, six, config.service(80)))
        node.start()
    wait_group(pair, pair.node1, pair.node2)


def wait_group(pair, active, backup, state="backup"):
    for name in ("VI_4", "VI_6"):
        active.wait_state("active", name)
        backup.wait_state(state, name)
    for address in (pair.lab.vip, pair.lab.vip6):
        wait_for(f"{address} on {active.host} only", lambda a=address: active.has(a) and not backup.has(a))


def test_sync_group_moves_as_one_when_a_member_fails(pair):
    switch = Switch(pair, "web")
    start_group(pair, [track("chk_web")], [script_block("chk_web", switch.path)])
    switch.off()
    wait_group(pair, pair.node2, pair.node1, "fault")
    assert "sync group VG" in pair.node1.instance("VI_6")["faults"][0]
    switch.on()
    wait_group(pair, pair.node1, pair.node2)


def test_failover_of_one_member_moves_the_group_and_resume_brings_it_back(pair):
    start_group(pair)
    done = pair.node1.tandemctl("failover", "VI_4")
    assert done.returncode in (0, 5), done.stdout + done.stderr
    wait_group(pair, pair.node2, pair.node1)
    assert pair.node1.tandemctl("resume", "VI_6").returncode == 0
    wait_group(pair, pair.node1, pair.node2)


def test_sync_group_of_a_dead_node_moves_as_one(pair):
    start_group(pair)
    pair.node1.kill_all()
    for name in ("VI_4", "VI_6"):
        pair.node2.wait_state("active", name)
    pair.node1.start()
    wait_group(pair, pair.node1, pair.node2)


# Notification


def test_notify_scripts_and_fifo_tell_keepaliveds_words(pair):
    told = pair.scratch("told")
    path = pair.scratch("notify.sh")
    write(path, f'#!/bin/sh\necho "$@" >> {told}\n', 0o755)
    special = pair.scratch("special.sh")
    write(special, f'#!/bin/sh\necho "master $#" >> {told}\n', 0o755)
    fifo = pair.scratch("fifo")
    start(pair, node1=[f'notify_master "{special}" root', f'notify "{path}" root'],
          blocks1=[f"global_defs {{\n    notify_fifo {fifo}\n}}"])
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)

    def lines():
        with open(told, encoding="ascii") as handle:
            return handle.read().splitlines()

    wait_for("the scripts to be told", lambda: os.path.exists(told) and "INSTANCE VI_1 MASTER 150" in lines())
    assert lines() == ["INSTANCE VI_1 BACKUP 150", "master 0", "INSTANCE VI_1 MASTER 150"]
    pair.node1.terminate()
    assert lines()[-1] == "INSTANCE VI_1 STOP 150"
    heard = os.read(reader, 65536).decode()
    os.close(reader)
    assert heard == ('INSTANCE "VI_1" BACKUP 150\nINSTANCE "VI_1" MASTER 150\nINSTANCE "VI_1" STOP 150\n')
    assert not os.path.exists(fifo)


def test_a_group_of_one_instance_is_told_of_and_moves(pair):
    told = pair.scratch("told")
    path = pair.scratch("notify.sh")
    write(path, f'#!/bin/sh\necho "$@" >> {told}\n', 0o755)
    group = "vrrp_sync_group VG {{ group {{ VI_1 }}\n{}\n}}"
    start(pair, blocks1=[group.format(f'notify "{path}" root')], blocks2=[group.format("")])

    def lines():
        with open(told, encoding="ascii") as handle:
            return handle.read().splitlines()

    wait_for("the script to be told", lambda: os.path.exists(told) and "GROUP VG MASTER 0" in lines())
    pair.node1.terminate()
    pair.node2.wait_state("active")
    assert lines() == ["GROUP VG BACKUP 0", "GROUP VG MASTER 0", "GROUP VG STOP 0"]


# Delays, routes


def test_preempt_delay_leaves_the_address_where_it_is_for_that_long(pair):
    start(pair, node1=["preempt_delay 1.5"])
    pair.node1.kill_all()
    pair.node2.wait_state("active")
    moment = time.monotonic()
    pair.node1.start()
    pair.node1.wait_state("backup")
    pair.wait_roles(pair.node1, pair.node2)
    assert time.monotonic() - moment >= 1.5


def test_virtual_routes_move_with_the_address(pair):
    route = "203.0.113.0/24"
    start(pair, both=[f"virtual_routes {{ {route} via {pair.lab.address('client')} dev eth0 }}"])

    def has_route(node):
        return route in pair.lab.hosts[node.host].run(["ip", "route"]).stdout

    wait_for("the route on node1", lambda: has_route(pair.node1) and not has_route(pair.node2))
    assert pair.node1.tandemctl("failover").returncode in (0, 5)
    wait_for("the route on node2", lambda: has_route(pair.node2) and not has_route(pair.node1))
    pair.node2.terminate()
    assert not has_route(pair.node2)


# Authentication


def hmac(key="11" * 32, mode="enforce"):
    return f"auth_hmac {{\n        key 1 hex:{key}\n        active_key 1\n        mode {mode}\n    }}"


def test_auth_hmac_pair_elects_and_keeps_its_marks(pair):
    start(pair, both=[hmac()])
    marks = os.path.join(pair.node2.run_directory, "replay-marks.json")
    wait_for("the marks to be kept", lambda: os.path.exists(marks) and "198.51.100.11" in open(marks).read())
    assert os.stat(marks).st_mode & 0o777 == 0o600
    assert pair.node1.tandemctl("failover").returncode in (0, 5)
    pair.wait_roles(pair.node2, pair.node1)
    counters = pair.node1.instance()["counters"]["discarded_by_reason"]
    assert sum(counters.values()) == 0


def test_nodes_with_different_keys_raise_an_alarm_that_names_the_mac(pair):
    start(pair, node1=[hmac()], node2=[hmac("22" * 32)], wait=False)
    for node in pair.nodes:
        node.wait_state("active")
    wait_for("an alarm", lambda: pair.node1.instance()["alarms"])
    alarm = pair.node1.instance()["alarms"][0]
    assert alarm["kind"] == "hmac-invalid"
    assert alarm["source"] == pair.lab.address("node2")
    link = json.loads(pair.lab.node2.run(["ip", "-j", "link", "show", "eth0"]).stdout)[0]
    assert alarm["mac"] == link["address"]
    assert "ADVERTISEMENT_ALARM" in pair.node1.log()
