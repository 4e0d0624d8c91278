"""The process ends, hangs, or is starved (X01 to X04, X13)."""

import os
import signal
import time

from lab.processes import Process
from lab.topology import VIP4, VIP6
from lab.waiting import Timeout

from .registry import fault
from .scene import MARGIN


def lease_ends(scene, watcher, since, addresses=(VIP4,)):
    """The kernel takes the addresses away by itself."""
    for address in addresses:
        try:
            left = watcher.wait_removed(address, since, scene.lease + 2.0) - since
        except Timeout:
            scene.expect(False, "", "the address stays on the node")
            return
        scene.expect(left <= scene.lease + 0.5, "the lease ends on the node", f"{address} left after {left:.2f} s")


@fault("X01", "SIGTERM")
def test_x01_stop(scene):
    scene.start()
    watcher = scene.watch(scene.a)
    moment = scene.a.stop()
    scene.moved(moment, scene.skew() + MARGIN)
    zero = scene.priority_zero(scene.a, moment)
    scene.expect(zero, "priority 0", "no priority 0")
    removed = watcher.find(VIP4, False, moment)
    if zero and removed:
        # The kernel takes the time of a packet, a reader that of the removal: that one is a little late.
        scene.expect(removed <= zero[0] + 0.003, "", "priority 0 before the address was removed")


@fault("X02", "SIGKILL of all processes")
def test_x02_kill_all(scene):
    scene.start(families=(4, 6))
    watcher = scene.watch(scene.a)
    moment = scene.a.kill_all()
    for family in (4, 6):
        scene.moved(moment, scene.down() + MARGIN, overlap=scene.lease + 0.5 - scene.down(), family=family)
    lease_ends(scene, watcher, moment, (VIP4, VIP6))


@fault("X02", "SIGKILL of the process that elects")
def test_x02_kill_node(scene):
    scene.start()
    moment = scene.now()
    os.kill(scene.a.node_pid(), signal.SIGKILL)
    scene.moved(moment, scene.skew() + MARGIN)
    scene.expect(scene.priority_zero(scene.a, moment), "priority 0", "no priority 0")
    scene.wait_roles(scene.a)
    scene.say("the node returns")


@fault("X02", "SIGKILL of the guardian")
def test_x02_kill_guardian(scene):
    scene.start()
    moment = scene.now()
    os.kill(scene.a.process.pid, signal.SIGKILL)
    time.sleep(scene.lease + 1)
    scene.stays(moment, 3 * scene.interval)
    if scene.kind == "tandem":
        scene.expect("GUARDIAN_GONE" in scene.a.log(), "the log says so", "the log does not say so")
        for pid in scene.a.pids():
            os.kill(pid, signal.SIGTERM)


def resumes_as_backup(scene, moment):
    """After a long stop: nothing is claimed before the election ran again, and then one answers."""
    early = [p for p in scene.adverts(scene.a, moment) if p.time < moment + scene.skew(150) and p.vrrp_priority]
    scene.expect(not early, "claims nothing when it wakes", "advertises at once when it wakes")
    told = [p for p in scene.announcements(scene.a, moment) if p.time < moment + scene.skew(150)]
    scene.expect(not told, "", "announces the address at once when it wakes")


def stop_and_wake(scene, seconds, number=signal.SIGSTOP):
    watcher = scene.watch(scene.a)
    moment = scene.a.signal_all(number)
    scene.moved(moment, scene.down() + MARGIN, overlap=scene.lease + 0.5 - scene.down())
    lease_ends(scene, watcher, moment)
    time.sleep(max(0.0, moment + seconds - scene.now()))
    woken = scene.a.signal_all(signal.SIGCONT)
    scene.wait_roles(scene.a)
    resumes_as_backup(scene, woken)
    both = both_answer(scene, woken)
    scene.expect(both <= MARGIN, "", f"both answer for {both * 1000:.0f} ms after it woke")


def both_answer(scene, since, family=4):
    """How long after a moment both nodes gave answers in turn."""
    answers = scene.views[family].answers_since(since)
    by_a = [each.time for each in answers if each.mac == scene.a.mac]
    by_b = [each.time for each in answers if each.mac == scene.b.mac]
    if not by_a or not by_b:
        return 0.0
    return max(0.0, min(by_a[-1], by_b[-1]) - max(by_a[0], by_b[0]))


@fault("X03", "All processes stopped for 2.5 s (SIGSTOP)")
def test_x03_stop_longer_than_the_lease(scene):
    scene.start()
    stop_and_wake(scene, 2.5)


@fault("X03", "All processes stopped for 30 s (SIGSTOP)", full=True)
def test_x03_stop_for_long(scene):
    scene.start()
    stop_and_wake(scene, 30)


@fault("X03", "All processes stopped for 0.2 s, less than the peer waits")
def test_x03_short_stop(scene):
    scene.start()
    moment = scene.a.signal_all(signal.SIGSTOP)
    time.sleep(0.2)
    scene.a.signal_all(signal.SIGCONT)
    time.sleep(0.6)
    scene.stays(moment, MARGIN)


@fault("X03", "The process that elects stopped (SIGSTOP)")
def test_x03_stop_node(scene):
    scene.start()
    moment = scene.now()
    os.kill(scene.a.node_pid(), signal.SIGSTOP)
    scene.moved(moment, scene.down() + MARGIN, overlap=1.0 + MARGIN)
    scene.wait_roles(scene.a)


@fault("X04", "Host paused for 2.5 s (processes stopped and link away; the kernel itself goes on)")
def test_x04_pause(scene):
    scene.start()
    watcher = scene.watch(scene.a)
    # In this order: a node that still runs gives the address away when its link goes.
    moment = scene.a.signal_all(signal.SIGSTOP)
    scene.lab.link("node1", False)
    scene.moved(moment, scene.down() + MARGIN)
    time.sleep(max(0.0, moment + 2.5 - scene.now()))
    scene.lab.link("node1", True)
    woken = scene.a.signal_all(signal.SIGCONT)
    lease_ends(scene, watcher, moment)
    scene.wait_roles(scene.a)
    resumes_as_backup(scene, woken)
    both = both_answer(scene, woken)
    scene.expect(both <= MARGIN, "", f"both answer for {both * 1000:.0f} ms after it woke")


SPIN = "while True: pass"


@fault("X13", "Four programs that compute, for 2.5 s", alone=True)
def test_x13_busy_processors(scene):
    scene.start()
    hogs = [Process(scene.a.namespace, ["/usr/bin/python3", "-c", SPIN], scene.lab.path(f"hog{number}.log"))
            for number in range(2 * (os.cpu_count() or 1))]
    moment = scene.now()
    try:
        time.sleep(2.5)
        until = scene.now()
    finally:
        for hog in hogs:
            hog.stop(signal.SIGKILL)
    times = [p.time for p in scene.adverts(scene.a, moment) if p.time <= until]
    longest = max((later - earlier for earlier, later in zip(times, times[1:])), default=until - moment)
    scene.within("longest time between advertisements", longest, 2 * scene.interval)
    scene.stays(moment, 3 * scene.interval, until=until)
