"""The election goes on while the log is stuck, and a node that did not run for a while says nothing stale (I1, I7)."""

import os
import resource
import signal
import socket
import time

import measure_jitter
import pytest
from lab.blocked import BlockedTandem
from lab.capture import ETHERNET_IPV4, PROTOCOL_VRRP, Capture, Packet
from lab.daemons import Tandem
from lab.pair import PRIORITY
from lab.waiting import wait_for

SCHED_OTHER, SCHED_RR = 0, 2


def replace_nodes(pair, node_class):
    """Other daemons in a pair that was not started."""
    nodes = [node_class(pair.lab, node.host, pair.binaries, None) for node in pair.nodes]
    for node in nodes:
        node.log_path = pair.scratch(f"{node.host}.log")
    pair.node1, pair.node2 = pair.nodes = nodes
    return pair


def adverts(capture, since):
    return [p for p in capture.packets() if p.vrrp_priority is not None and p.time >= since]


def received(node):
    return node.instance()["counters"]["adverts_received"]


# Stalls


def test_active_node_that_did_not_run_steps_down_before_it_claims(pair):
    pair.start()
    with Capture.sent_by(pair.lab, "node1", pair.lab.scratch("vrrp.pcap"), "ip proto 112") as capture:
        pair.node1.signal_all(signal.SIGSTOP)
        pair.node2.wait_state("active")
        woken = pair.node1.signal_all(signal.SIGCONT)
        pair.wait_roles(pair.node1, pair.node2)
        claim = wait_for("a claim of node1", lambda: next(
            (p for p in adverts(capture, woken) if p.vrrp_priority != 0), None))
    # It claims as any backup of the higher priority: after the active down interval, not out of its old timer.
    assert claim.time - woken >= pair.down_interval("node1"), "the node that woke up sent a stale claim"


def test_active_node_that_did_not_run_leaves_the_addresses_to_a_better_one(pair):
    """node2 has become the better one meanwhile: nothing that node1 ever says may disturb it."""
    pair.start(lines=["nopreempt"])
    with Capture.sent_by(pair.lab, "node1", pair.lab.scratch("vrrp.pcap"), "ip proto 112") as capture:
        pair.node1.signal_all(signal.SIGSTOP)
        pair.node2.wait_state("active")
        woken = pair.node1.signal_all(signal.SIGCONT)
        pair.node1.wait_state("backup")
        heard = received(pair.node1)
        wait_for("node1 to follow node2", lambda: received(pair.node1) >= heard + 5)
        claims = [p for p in adverts(capture, woken) if p.vrrp_priority != 0]
    assert claims == []
    assert pair.node2.state() == "active"


def test_backup_that_did_not_run_reads_first(pair):
    pair.start()
    with Capture.sent_by(pair.lab, "node2", pair.lab.scratch("vrrp.pcap"), "ip proto 112") as capture:
        stopped = pair.node2.signal_all(signal.SIGSTOP)
        wait_for("the down interval of node2 to pass",
                 lambda: time.monotonic() - stopped > 2 * pair.down_interval("node2"))
        woken = pair.node2.signal_all(signal.SIGCONT)
        heard = received(pair.node2)
        wait_for("node2 to follow node1", lambda: received(pair.node2) >= heard + 5)
        assert adverts(capture, woken) == []
    assert pair.node1.state() == "active"


# A log that takes nothing


def assert_works(pair):
    """Election, control socket, planned failover."""
    pair.start()
    counted = pair.node1.instance()["counters"]["adverts_sent"]
    wait_for("advertisements", lambda: pair.node1.instance()["counters"]["adverts_sent"] >= counted + 5)
    done = pair.node1.tandemctl("failover")
    assert done.returncode in (0, 5), done.stdout + done.stderr
    pair.wait_roles(pair.node2, pair.node1)


def test_standard_error_that_nobody_reads(pair):
    replace_nodes(pair, BlockedTandem)
    assert_works(pair)
    for node in (pair.node1, pair.node2):
        _, code = node.terminate()
        assert code == 0
        assert not node.has(pair.lab.vip)


def test_log_continues_when_somebody_reads_again(pair):
    replace_nodes(pair, BlockedTandem)
    pair.start()
    text = []

    def seen():
        text.append(pair.node1.blocked.read())
        return "Entering MASTER STATE" in "".join(text)

    wait_for("what was queued meanwhile", seen)


class StuckSyslog(Tandem):
    """Logs to a syslog that reads nothing: /dev/log of a mount namespace of its own is a socket with a short queue."""

    SETUP = ("mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/urandom c 1 9 && "
             "ln -s {socket} /dev/log && exec {command}")

    def arguments(self):
        command = " ".join(arg for arg in super().arguments() if arg != "-l")
        return ["unshare", "--mount", "sh", "-c", self.SETUP.format(socket=self.socket_path, command=command)]

    def start(self, timeout=10.0):
        self.socket_path = self.lab.path(f"{self.host}-syslog")
        if os.path.exists(self.socket_path):
            os.unlink(self.socket_path)
        self.syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.syslog.bind(self.socket_path)
        super().start(timeout)

    def lines(self):
        """What waits in the socket."""
        found = []
        try:
            while True:
                found.append(self.syslog.recv(65536, socket.MSG_DONTWAIT))
        except BlockingIOError:
            return found


def test_syslog_that_reads_nothing(pair):
    replace_nodes(pair, StuckSyslog)
    assert_works(pair)
    for node in (pair.node1, pair.node2):
        _, code = node.terminate()
        assert code == 0
        assert node.lines(), "the test did not reach syslog at all"


class FullDisk(Tandem):
    def log(self):
        return "(the disk is full)"

    def start(self, timeout=10.0):
        self.log_path = "/dev/full"
        super().start(timeout)


def test_log_on_a_full_disk(pair):
    replace_nodes(pair, FullDisk)
    assert_works(pair)


# Priority and memory


def threads(pid):
    """Scheduling policy of each thread: field 41 of its stat."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/stat", encoding="ascii") as handle:
            yield int(handle.read().rpartition(")")[2].split()[38])


def locked_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as handle:
        return next(int(line.split()[1]) for line in handle if line.startswith("VmLck:"))


def test_one_thread_is_real_time_and_memory_is_locked(pair):
    if "NODE_NO_REALTIME" in pair.start().node1.log():
        pytest.skip("this machine permits no real-time priority")
    pid = pair.node1.pids()[-1]
    assert sorted(set(threads(pid))) == [SCHED_OTHER, SCHED_RR]
    assert list(threads(pid)).count(SCHED_RR) == 1
    # The code of the daemon is there before it is needed: more than what a start alone touches.
    executable = os.path.getsize(f"/proc/{pid}/exe")
    assert locked_kib(pid) > 1024, executable


class WithoutNice(Tandem):
    """No CAP_SYS_NICE, as in most containers."""

    def arguments(self):
        return ["setpriv", "--bounding-set", "-sys_nice", *super().arguments()]


def test_without_permission_for_real_time_priority(pair):
    if resource.getrlimit(resource.RLIMIT_RTPRIO)[0] != 0:
        pytest.skip("RLIMIT_RTPRIO permits it anyway")
    replace_nodes(pair, WithoutNice)
    assert_works(pair)
    assert pair.node1.log().count("NODE_NO_REALTIME") == 1
    assert set(threads(pair.node1.pids()[-1])) == {SCHED_OTHER}


# The measurement


def advert(moment, source, priority):
    message = bytes([0x31, 51, priority, 1, 0, 1, 0, 0])
    return Packet(moment, "", ETHERNET_IPV4, source, "224.0.0.18", PROTOCOL_VRRP, message)


def test_measured_jitter_and_takeovers():
    node1, node2 = "198.51.100.11", "198.51.100.12"
    even = [advert(number / 100, node1, PRIORITY["node1"]) for number in range(1000)]
    found = measure_jitter.evaluate(even, 0.01, 0, 10, 1.0)
    assert (found["adverts"], found["takeovers"], found["met"]) == (1000, 0, True)
    assert found["max"] < 1e-6
    # One in a hundred is 3 ms late, and the peer was active for a moment.
    late = [advert(p.time + (0.003 if number % 100 == 50 else 0), node1, PRIORITY["node1"])
            for number, p in enumerate(even)]
    found = measure_jitter.evaluate([*late, advert(5.0001, node2, PRIORITY["node2"])], 0.01, 0, 10, 1.0)
    assert found["takeovers"] == 2
    assert found["p50"] < 1e-6
    assert found["p99.9"] == pytest.approx(0.003)
    assert not found["met"]
