"""A real keepalived as the other node: the same election, without the relay on its side."""

import pytest
from lab import config
from lab.daemons import Keepalived
from lab.pair import ADVERT_INT, PRIORITY
from lab.waiting import wait_for


@pytest.fixture
def keepalived(lab):
    made = Keepalived(lab, "node2", config.configuration("node2", config.instance(PRIORITY["node2"], ADVERT_INT)))
    made.start()
    yield made
    made.terminate()
    wait_for("keepalived to give the address up", lambda: not made.has(lab.vip))


def test_tandem_wins_leaves_and_returns(pair, keepalived):
    vip = pair.lab.vip
    wait_for("keepalived alone to be active", lambda: keepalived.has(vip))
    pair.configure()
    pair.node1.start()
    pair.node1.wait_state("active")
    wait_for("keepalived to yield", lambda: not keepalived.has(vip))

    pair.node1.terminate()
    wait_for("keepalived to take over", lambda: keepalived.has(vip))
    assert not pair.node1.has(vip)

    pair.node1.start()
    pair.node1.wait_state("active")
    wait_for("keepalived to yield again", lambda: not keepalived.has(vip))


def test_crash_of_either(pair, keepalived):
    vip = pair.lab.vip
    pair.configure()
    pair.node1.start()
    pair.node1.wait_state("active")
    wait_for("keepalived to yield", lambda: not keepalived.has(vip))
    pair.node1.kill_all()
    wait_for("keepalived to take over", lambda: keepalived.has(vip))
