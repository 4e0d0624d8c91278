"""Addresses that others take away, add, or remember wrongly (X11, X14 to X17, X26, X27)."""

import contextlib
import random
import time

from lab import config, frames
from lab.daemons import Nginx
from lab.frames import arp_frame
from lab.prober import Prober
from lab.topology import VIP4, address4, address6
from lab.waiting import Timeout, wait_for

from .registry import fault
from .scene import MARGIN

STRANGER_MAC = "02:00:00:00:11:11"


def delete(node, prefix=32):
    node.namespace.ip("address", "del", f"{VIP4}/{prefix}", "dev", "eth0", check=False)


@fault("X11", "Another host announces the address four times in 2 s")
def test_x11_duplicate_address(scene):
    scene.start()
    # Claims just after a takeover are those of the holder before.
    time.sleep(2.2)
    claim = arp_frame(1, STRANGER_MAC, VIP4, VIP4)
    moment = scene.now()
    with frames.FrameSocket(scene.lab.up2) as sender:
        for _ in range(4):
            sender.send(claim)
            time.sleep(0.5)
    if scene.kind == "tandem":
        named = [kind for kind, mac in scene.a.alarms() if mac == STRANGER_MAC]
        scene.expect(named, "an alarm names its MAC", "no alarm names its MAC")
    defence = scene.announcements(scene.a, moment)
    if scene.expect(defence, "", "the address is not defended"):
        scene.within("the address is defended", defence[0].time - moment, MARGIN)
        scene.expect(len(defence) <= 2, "once", f"{len(defence)} announcements in 2 s")
    scene.expect(scene.a.has(VIP4), "", "the address is given up")


@fault("X11", "Another host already has the address when the first node starts")
def test_x11_duplicate_address_at_start(scene):
    scene.make()
    scene.lab.up2.ip("address", "add", f"{VIP4}/32", "dev", "eth0")
    moment = scene.now()
    scene.a.start()
    time.sleep(1.0)
    mac = scene.a.mac
    probes = [p for p in scene.packets(moment) if p.source_mac == mac and p.source == "0.0.0.0"
              and p.destination == VIP4]
    scene.expect(probes, "asks before it claims", "claims without asking")
    if scene.kind == "tandem":
        other = frames.hardware_address(scene.lab.up2)
        scene.expect(any(seen == other for _, seen in scene.a.alarms()), "an alarm names its MAC",
                     "no alarm names its MAC")


@fault("X14", "The address deleted five times while 5000 others come and go")
def test_x14_netlink_overrun(scene):
    scene.start()
    moment = scene.now()
    lines = [f"address {verb} 203.0.113.{number}/32 dev lo" for number in range(1, 251) for verb in ("add", "del")]
    for _ in range(5):
        scene.a.namespace.ip_batch(lines * 2)
        delete(scene.a)
        scene.a.namespace.ip_batch(lines * 2)
    time.sleep(0.5)
    scene.stays(moment, 1.0)
    scene.expect(scene.a.has(VIP4), "", "the address is not back")


@fault("X15", "The address deleted by hand")
def test_x15_address_deleted(scene):
    scene.start()
    watcher = scene.watch(scene.a)
    moment = scene.now()
    delete(scene.a)
    gone = watcher.wait_removed(VIP4, moment)
    time.sleep(1.0)
    back = watcher.find(VIP4, True, gone)
    scene.stays(moment, MARGIN)
    if back is None:
        scene.say("not put back")
    elif not scene.outcome.failures:
        scene.within("put back", back - gone, 0.01, headline=True)


@fault("X15", "The address deleted ten times in half a second")
def test_x15_address_deleted_ten_times(scene):
    scene.start()
    moment = scene.now()
    for _ in range(10):
        delete(scene.a)
        time.sleep(0.05)
    time.sleep(0.5)
    scene.stays(moment, MARGIN)


@fault("X15", "The address deleted 20 times a second for 2 s")
def test_x15_somebody_fights(scene):
    scene.start()
    moment = scene.now()
    for _ in range(40):
        delete(scene.a)
        time.sleep(0.05)
    scene.wait_roles(scene.a)
    scene.stays(moment, MARGIN)


@fault("X15", "The same: is it told?", kinds=("tandem",))
def test_x15_somebody_fights_alarm(scene):
    scene.start()
    for _ in range(40):
        delete(scene.a)
        time.sleep(0.05)
    scene.expect(any("address" in kind for kind, _ in scene.a.alarms()), "an alarm",
                 "no alarm says that somebody removes the address")


@fault("X16", "All addresses of the interface flushed; its own back after 1 s")
def test_x16_flush(scene):
    scene.start()
    moment = scene.now()
    scene.a.namespace.ip("address", "flush", "dev", "eth0")
    scene.moved(moment, scene.skew() + MARGIN)
    time.sleep(max(0.0, moment + 1.0 - scene.now()))
    scene.a.namespace.ip_batch([f"address add {address4('node1')}/24 brd + dev eth0",
                                f"address add {address6('node1')}/64 dev eth0 nodad"])
    back = scene.now()
    scene.moved(back, scene.down(150) + 2 * MARGIN, to=scene.a)
    scene.wait_roles(scene.a)


@fault("X17", "The node's only own address deleted")
def test_x17_own_address_deleted(scene):
    scene.start()
    moment = scene.now()
    scene.a.namespace.ip("address", "del", f"{address4('node1')}/24", "dev", "eth0")
    scene.moved(moment, scene.skew() + MARGIN)


@fault("X17", "The node's own address deleted, the virtual one is /24 and goes with it")
def test_x17_own_address_takes_the_virtual_one(scene):
    scene.start(addresses=(f"{VIP4}/24",))
    moment = scene.now()
    scene.a.namespace.ip("address", "del", f"{address4('node1')}/24", "dev", "eth0")
    scene.moved(moment, scene.skew() + MARGIN)


@fault("X17", "The node's own address deleted, another one remains")
def test_x17_other_source_remains(scene):
    scene.make()
    for host in ("node1", "node2"):
        last = address4(host).rpartition(".")[2]
        scene.lab.hosts[host].ip("address", "add", f"203.0.113.{last}/24", "dev", "eth0")
    for node in (scene.a, scene.b):
        node.start()
    scene.wait_roles()
    moment = scene.now()
    scene.a.namespace.ip("address", "del", f"{address4('node1')}/24", "dev", "eth0")
    time.sleep(1.0)
    scene.stays(moment, MARGIN)


def stale_cache(scene, mute, bound):
    """An upstream host remembers the old node; its way to hear announcements is narrowed during the takeover."""
    client = scene.lab.up1
    client.ip("neighbour", "replace", VIP4, "lladdr", scene.a.mac, "nud", "stale", "dev", "eth0")
    scene.lab.drop(f'oifname "up1" ether type arp {mute}')
    moment = scene.a.kill_all()
    taken = wait_for("the peer to answer", lambda: next(
        (each.time for each in scene.views[4].answers_since(moment) if each.mac == scene.b.mac), None), 2.0, 0.005)

    def follows():
        return scene.b.mac in client.ip("neighbour", "show", "to", VIP4).stdout

    with contextlib.suppress(Timeout):
        wait_for("the cache to follow", follows, 1.0, 0.01)
    followed = scene.now() - taken
    scene.moved(moment, scene.down() + MARGIN, overlap=scene.lease + 0.5 - scene.down())
    if not follows():
        scene.lab.heal()
    try:
        wait_for("the cache to follow", follows, 6.0, 0.01)
        scene.within("its cache follows", followed if followed < 1.0 else scene.now() - taken, bound, headline=True)
    except Timeout:
        scene.expect(False, "", "its cache does not follow in 6 s")


@fault("X26", "A neighbour hears no ARP during the takeover and the second after it")
def test_x26_stale_cache(scene):
    scene.start()
    stale_cache(scene, "", 5.0 + 2 * MARGIN)  # keepalived's schedule: again after 5 s


@fault("X26", "An upstream hears no broadcast during the takeover", kinds=("tandem",))
def test_x26_stale_cache_of_an_upstream(scene):
    nginx = Nginx(scene.lab, "up1")
    scene.start(blocks=(config.service(80, upstreams=("up1",)),))
    prober = scene.enter(Prober(scene.lab.client, VIP4, 80, scene.lab.path("prober.log"), 0.02))
    prober.wait_success()
    wait_for("the peer's first check of the upstream",
             lambda: address4("up1") in scene.b.namespace.ip("neighbour", "show").stdout, 5.0)
    stale_cache(scene, "ether daddr ff:ff:ff:ff:ff:ff", 0.2)
    nginx.stop()


@fault("X27", "Partitions healed at random phases: the winner announces last", slow=True)
def test_x27_winner_announces_last(scene):
    scene.interval = 0.05
    scene.start()
    phases = random.Random(27)
    longest, periods = 0.0, []
    for _ in range(100 if scene.full else 10):
        cut = scene.now()
        scene.lab.partition("node1", "node2")
        wait_for("the peer to answer",
                 lambda cut=cut: any(each.mac == scene.b.mac for each in scene.views[4].answers_since(cut)), 2.0, 0.005)
        time.sleep(phases.uniform(0.0, scene.interval))
        healing = scene.now()
        scene.lab.heal()
        moment = scene.now()
        scene.views[4].wait_only({scene.a.mac}, 3.0, 2 * scene.interval)
        last = max((each.time for each in scene.views[4].answers_since(moment) if each.mac == scene.b.mac),
                   default=moment)
        longest = max(longest, last - moment)
        # Two announcements a second are the bound of a flood: this one may have to wait.
        with contextlib.suppress(Timeout):
            wait_for("the winner to announce", lambda since=healing: scene.announcements(scene.a, since), 1.0)
        periods.append((cut, scene.now()))
    told = {node: [p.time for p in scene.announcements(node)] for node in (scene.a, scene.b)}
    wrong = sum(1 for period in periods
                if last_within(told[scene.b], *period) >= last_within(told[scene.a], *period))
    scene.within("the peer answers no longer", longest, scene.interval + MARGIN)
    scene.expect(wrong == 0, f"the winner announces last, {len(periods)} times",
                 f"{wrong} of {len(periods)} times the loser announces last")


def last_within(moments, begin, end):
    return max((moment for moment in moments if begin <= moment <= end), default=0.0)
