"""A node that cannot serve, or reaches no upstream, gives the address to one that can."""

import contextlib
import ctypes
import os
import resource
import time

import pytest

from lab import config
from lab.topology import address4
from lab.waiting import wait_for

# From the first failed check to the priority, at most.
JUDGEMENT = 12.0
# How long the cause has to be absent.
ABSENCE = 5.0
# How long a shortage has to last.
PATIENCE = 2.0


def start(pair, **options):
    """With checks that fail soon: what is waited for is the judgement, not they."""
    service = config.service(80, delay_loop=0.1).replace("connect_timeout 1", "connect_timeout 0.2")
    return pair.start(service, **options)


def cut_upstreams(pair, *nodes):
    """The node's own checks and connections reach no upstream; the election goes on."""
    for node in nodes:
        for upstream in ("up1", "up2"):
            pair.lab.cut(node.host, upstream, f"ip saddr {address4(node.host)}")


def one_holder(pair):
    wait_for("one holder", lambda: sorted(node.has(pair.lab.vip) for node in pair.nodes) == [False, True])


def assert_served(pair):
    with pair.prober() as prober:
        prober.wait_success()


def transitions(node):
    return node.log().count("Entering MASTER STATE") + node.log().count("Entering BACKUP STATE")


def test_peer_that_reaches_an_upstream_takes_over(pair):
    start(pair)
    cut_upstreams(pair, pair.node1)
    pair.wait_roles(pair.node2, pair.node1, timeout=JUDGEMENT)
    instance = pair.node1.instance()
    assert instance["no_upstream"] is True and instance["effective_priority"] == 1
    assert "NO_UPSTREAM_AT_ALL" in pair.node1.log()
    assert_served(pair)
    pair.lab.heal()
    pair.wait_roles(pair.node1, pair.node2, timeout=JUDGEMENT + ABSENCE)
    assert pair.node1.instance()["no_upstream"] is False


def assert_stays(pair):
    """One node has the address, and no state changes any more."""
    wait_for("one active, one backup", lambda: sorted(n.state() for n in pair.nodes) == ["active", "backup"])
    one_holder(pair)
    before, since = [transitions(node) for node in pair.nodes], time.monotonic()
    wait_for("longer than any takeover", lambda: time.monotonic() - since > 2 * pair.down_interval())
    assert [transitions(node) for node in pair.nodes] == before


def wait_no_upstream(*nodes):
    wait_for("no upstream to be known", lambda: all(node.instance()["no_upstream"] for node in nodes), JUDGEMENT)


def test_where_nobody_reaches_an_upstream_the_address_stays_on_one_node(pair):
    start(pair)
    cut_upstreams(pair, *pair.nodes)
    wait_no_upstream(*pair.nodes)
    assert_stays(pair)
    pair.lab.heal()
    assert_served(pair)


def test_where_nobody_preempts_the_active_node_gives_up_and_the_address_stays_on_one_node(pair):
    start(pair, lines=("nopreempt",))
    cut_upstreams(pair, pair.node1)
    pair.wait_roles(pair.node2, pair.node1, timeout=JUDGEMENT)
    assert_served(pair)
    cut_upstreams(pair, pair.node2)
    wait_no_upstream(*pair.nodes)
    assert_stays(pair)
    pair.lab.heal()
    assert_served(pair)


def listeners(node):
    return len(node.namespace.run(["ss", "-Hltn", "sport", "=", ":80"]).stdout.splitlines())


def test_listener_that_is_gone_is_a_fault(pair):
    """`ss -K` ends listening sockets as it ends connections, where the kernel can (INET_DIAG_DESTROY)."""
    pair.start()
    before = listeners(pair.node1)
    pair.node1.namespace.run(["ss", "-K", "-t", "state", "listening", "sport", "=", ":80"], check=False)
    # Workers share the port: the kernel may find some of their sockets only.
    if listeners(pair.node1) == before:
        pytest.skip("this kernel does not end sockets for ss -K")
    pair.node1.wait_state("fault", timeout=3.0)
    assert "the listener of service" in " ".join(pair.node1.instance()["faults"])
    pair.node2.wait_state("active")
    assert_served(pair)


@contextlib.contextmanager
def without_descriptors(node):
    """The node cannot open another one; those it has stay."""
    pid = node.node_pid()
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def test_node_without_descriptors_is_a_fault(pair):
    pair.start()
    with without_descriptors(pair.node1):
        moment = time.monotonic()
        with pair.lab.client.connect(pair.lab.vip, 80):
            # Its control socket cannot accept either: the log and the peer tell.
            pair.node2.wait_state("active", timeout=5.0)
        assert time.monotonic() - moment >= PATIENCE
        log = pair.node1.log()
        assert "cannot accept connections: Too many open files" in log
        assert "NO_UPSTREAM_AT_ALL" not in log, "a shortage here says nothing about the upstreams"
        assert "NODE_HANGS" not in log and "NODE_DIED" not in log
        wait_for("one holder", lambda: pair.node2.has(pair.lab.vip) and not pair.node1.has(pair.lab.vip))
        assert_served(pair)
    pair.wait_roles(pair.node1, pair.node2, timeout=3 * ABSENCE)
    assert "NODE_CAN_SERVE " in pair.node1.log()


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
        assert_served(pair)
    pair.wait_roles(pair.node1, pair.node2, timeout=3 * ABSENCE)
