"""Planned failover, hold and resume, and what tandemctl says about them."""

import json
import threading
import time

from lab.waiting import wait_for

SLACK = 0.25


def failover(node, *options):
    """Runs a failover; returns (exit code, answer)."""
    done = node.tandemctl("--json", "failover", *options)
    return done.returncode, json.loads(done.stdout) if done.stdout.strip() else {"message": done.stderr}


def assert_stays(what, condition, duration):
    """The condition holds for a while."""
    until = time.monotonic() + duration
    while time.monotonic() < until:
        assert condition(), f"it did not last: {what}"
        time.sleep(0.05)


def test_there_and_back(pair):
    pair.start()
    with pair.prober() as prober:
        prober.wait_success()
        moment = time.monotonic()
        code, answer = failover(pair.node1)
        assert code == answer["code"], answer
        assert code in (0, 5), answer
        pair.wait_roles(pair.node2, pair.node1)
        prober.wait_success(after=time.monotonic())
        found = prober.gap(moment)
        assert found.closed and found.seconds <= pair.skew() + SLACK, found
        assert 0 < answer["gap_ms"] <= (pair.skew() + SLACK) * 1000, answer

        assert pair.node1.instance()["hold"]["active"]
        moment = time.monotonic()
        code, answer = failover(pair.node2)
        assert code in (0, 5), answer
        pair.wait_roles(pair.node1, pair.node2)
        prober.wait_success(after=time.monotonic())
        found = prober.gap(moment)
        assert found.closed and found.seconds <= pair.skew("node1") + SLACK, found


def test_hold_prevents_preemption_until_resume(pair):
    pair.start()
    assert failover(pair.node1)[0] in (0, 5)
    pair.wait_roles(pair.node2, pair.node1)
    assert_stays("node1 holds", lambda: pair.node1.state() == "backup" and pair.node2.state() == "active",
                 pair.down_interval("node1") + 1.0)
    assert pair.node1.tandemctl("resume").returncode == 0
    pair.wait_roles(pair.node1, pair.node2)
    assert not pair.node1.instance()["hold"]["active"]


def test_hold_runs_out(pair):
    pair.start()
    assert failover(pair.node1, "--hold-for", "2s")[0] in (0, 5)
    moment = time.monotonic()
    pair.wait_roles(pair.node2, pair.node1)
    assert pair.node1.instance()["hold"]["until"]
    pair.wait_roles(pair.node1, pair.node2)
    assert time.monotonic() - moment >= 1.5


def test_death_of_the_peer_ends_the_hold(pair):
    pair.start()
    assert failover(pair.node1)[0] in (0, 5)
    pair.wait_roles(pair.node2, pair.node1)
    with pair.prober() as prober:
        prober.wait_success()
        moment = pair.node2.kill_all()
        pair.node1.wait_state("active")
        prober.wait_success(after=time.monotonic())
        found = prober.gap(moment)
    assert found.closed and found.seconds <= pair.down_interval("node1") + SLACK, found
    assert not pair.node1.instance()["hold"]["active"]


def test_without_a_peer_the_node_keeps_serving(pair):
    """A backup is silent, so its absence shows before (refused) or while it should take over (rolled back)."""
    pair.configure()
    pair.node1.start()
    pair.node1.wait_state("active")
    code, answer = failover(pair.node1)
    assert code in (3, 4) and answer["code"] == code, answer
    pair.node1.wait_state("active", timeout=2)
    assert pair.node1.has(pair.lab.vip)


def test_dry_run_changes_nothing(pair):
    pair.start()
    code, answer = failover(pair.node1, "--dry-run")
    assert code == 0, answer
    assert_stays("node1 is active", lambda: pair.node1.state() == "active", pair.down_interval() + 0.5)


def test_unknown_instance_is_refused(pair):
    pair.start()
    done = pair.node1.tandemctl("failover", "NO_SUCH_INSTANCE")
    assert done.returncode in (2, 3), done
    assert "NO_SUCH_INSTANCE" in done.stdout + done.stderr
    assert pair.node1.state() == "active"


def test_exit_codes_without_daemon_and_for_usage(pair):
    pair.configure()
    assert pair.node1.tandemctl("status").returncode == 8
    assert pair.node1.tandemctl("failover").returncode == 8
    assert pair.node1.tandemctl("no-such-command").returncode == 2
    assert pair.node1.tandemctl("failover", "--no-such-option").returncode == 2
    assert pair.node1.tandemctl("failover", "--hold-for", "soon").returncode == 2
    assert pair.node1.tandemctl().returncode == 2


def test_resume_without_a_hold_is_harmless(pair):
    pair.start()
    assert pair.node1.tandemctl("resume").returncode in (0, 3)
    assert pair.node1.state() == "active"


def test_status_events_and_version(pair):
    pair.start()
    status = pair.node1.status()
    found = status["instances"][0]
    assert (found["name"], found["state"]) == ("VI_1", "active")
    assert found["reason"] and found["since"]
    assert any(pair.lab.vip in str(address) for address in found["addresses"])
    service = status["services"][0]
    assert service["accepting"] is True and service["name"]
    wait_for("both upstreams up", lambda: all(
        u["state"] == "up" for u in pair.node1.status()["services"][0]["upstreams"]))
    assert len(service["upstreams"]) == 2

    assert pair.node1.tandemctl("status").stdout.strip()
    done = pair.node1.tandemctl("--json", "events")
    assert done.returncode == 0
    assert "ELECTION" in done.stdout
    assert pair.node1.tandemctl("version").returncode == 0
    assert "MASTER STATE" in pair.node1.log()


def test_events_tell_cause_of_a_failover(pair):
    pair.start()
    assert failover(pair.node1)[0] in (0, 5)
    pair.wait_roles(pair.node2, pair.node1)
    told = pair.node1.events()
    sequences = [event["sequence"] for event in told]
    assert sequences == sorted(set(sequences))
    assert all(event["id"] and event["time"] for event in told)


def test_two_control_clients_at_once(pair):
    """A second failover while one runs is answered, and the pair ends with one active node."""
    pair.start()
    codes = []
    threads = [threading.Thread(target=lambda: codes.append(pair.node1.tandemctl("failover").returncode))
               for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert any(code in (0, 5) for code in codes), codes
    wait_for("one active node", lambda: sorted([pair.node1.state(), pair.node2.state()]) == ["active", "backup"], 15)
