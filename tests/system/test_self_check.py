"""A node that cannot serve, or reaches no upstream, gives the address to one that can."""

import ctypes
import os
import time

import pytest

from lab.topology import address4
from lab.waiting import wait_for

# From the first failed check to the priority: two failed checks of a second each, and the time that it has to last.
JUDGEMENT = 12.0
# How long the cause has to be absent.
ABSENCE = 5.0


def cut_upstreams(pair, *nodes):
    """The node's own checks and connections reach no upstream; the election goes on."""
    for node in nodes:
        for upstream in ("up1", "up2"):
            pair.lab.cut(node.host, upstream, f"ip saddr {address4(node.host)}")


def transitions(node):
    return node.log().count("Entering MASTER STATE") + node.log().count("Entering BACKUP STATE")


def test_peer_that_reaches_an_upstream_takes_over(pair):
    pair.start()
    cut_upstreams(pair, pair.node1)
    pair.wait_roles(pair.node2, pair.node1, timeout=JUDGEMENT)
    instance = pair.node1.instance()
    assert instance["no_upstream"] is True and instance["effective_priority"] == 1
    assert "NO_UPSTREAM_AT_ALL" in pair.node1.log()
    with pair.prober() as prober:
        prober.wait_success()
    pair.lab.heal()
    pair.wait_roles(pair.node1, pair.node2, timeout=JUDGEMENT + ABSENCE)
    assert pair.node1.instance()["no_upstream"] is False


def test_where_nobody_reaches_an_upstream_the_address_stays_on_one_node(pair):
    pair.start()
    cut_upstreams(pair, *pair.nodes)
    wait_for("both to know", lambda: all(node.instance()["no_upstream"] for node in pair.nodes), JUDGEMENT)
    wait_for("one holder", lambda: sorted(node.has(pair.lab.vip) for node in pair.nodes) == [False, True])
    before, known = [transitions(node) for node in pair.nodes], time.monotonic()
    wait_for("several intervals", lambda: time.monotonic() - known > 10 * pair.advert_int)
    assert [transitions(node) for node in pair.nodes] == before
    pair.lab.heal()
    pair.wait_roles(pair.node1, pair.node2, timeout=JUDGEMENT + ABSENCE)
    with pair.prober() as prober:
        prober.wait_success()


def test_listener_that_is_gone_is_a_fault(pair):
    """`ss -K` ends listening sockets as it ends connections, where the kernel can (INET_DIAG_DESTROY)."""
    pair.start()
    pair.node1.namespace.run(["ss", "-K", "-t", "state", "listening", "sport", "=", ":80"], check=False)
    if pair.node1.namespace.run(["ss", "-Hltn", "sport", "=", ":80"]).stdout.strip():
        pytest.skip("this kernel does not end sockets for ss -K")
    pair.node1.wait_state("fault", timeout=3.0)
    assert "the listener of service" in " ".join(pair.node1.instance()["faults"])
    pair.node2.wait_state("active")
    with pair.prober() as prober:
        prober.wait_success()


class StoppedThread:
    """One thread held by ptrace while the others of its process go on."""

    SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
    WALL = 0x40000000

    def __init__(self, thread):
        self._thread = thread

    def _ptrace(self, request):
        if ctypes.CDLL(None, use_errno=True).ptrace(request, self._thread, None, None) == -1:
            raise OSError(ctypes.get_errno(), f"ptrace {request:#x}")

    def __enter__(self):
        self._ptrace(self.SEIZE)
        self._ptrace(self.INTERRUPT)
        os.waitpid(self._thread, self.WALL)
        return self

    def __exit__(self, *_):
        self._ptrace(self.DETACH)


def relay_worker(node):
    """A thread of the node, not its first, that waits for events at ordinary priority."""
    pid, epoll_wait = node.pids()[-1], {"232", "281"}
    for thread in sorted(map(int, os.listdir(f"/proc/{pid}/task"))):
        with open(f"/proc/{pid}/task/{thread}/syscall", encoding="ascii") as handle:
            waits = handle.read().split()[0] in epoll_wait
        if waits and thread != pid and os.sched_getscheduler(thread) == os.SCHED_OTHER:
            return thread
    raise AssertionError("no relay worker found")


def test_worker_that_stalls_is_a_fault(pair):
    pair.start()
    with StoppedThread(relay_worker(pair.node1)):
        pair.node1.wait_state("fault", timeout=3.0)
        assert "a relay worker does not answer" in " ".join(pair.node1.instance()["faults"])
        pair.node2.wait_state("active")
        wait_for("one holder", lambda: pair.node2.has(pair.lab.vip) and not pair.node1.has(pair.lab.vip))
        with pair.prober() as prober:
            prober.wait_success()
    pair.wait_roles(pair.node1, pair.node2, timeout=3 * ABSENCE)
