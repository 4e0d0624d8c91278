"""The network between the nodes (X05 to X10, X18, X20, X24, X25) and debris of a flapping interface."""

import signal
import time

from lab.attacker import ATTACKER_MAC, Attacker
from lab.frames import hardware_address
from lab.topology import VIP4
from lab.waiting import Timeout, wait_for

from . import debris, nodes
from .process import both_answer
from .registry import fault
from .scene import MARGIN, VIPS

MULTICAST = "ip daddr 224.0.0.18"
PEER_LINK = "the peer link"


def gives_up(scene, node, since, bound):
    """The address leaves the node, seen in its own namespace."""
    try:
        wait_for("the address to leave", lambda: not node.has(VIP4), bound, 0.01)
    except Timeout:
        scene.expect(False, "", f"the address is still on the node {scene.now() - since:.1f} s later")


@fault("X05", "Carrier lost on the active node")
def test_x05_link_down_on_the_active_node(scene):
    scene.start()
    moment = scene.now()
    scene.lab.link("node1", False)
    gives_up(scene, scene.a, moment, 0.2)
    scene.moved(moment, scene.down() + MARGIN)
    if scene.kind == "tandem":
        reason = str(scene.a.instance().get("faults"))
        scene.expect("link" in reason, "status says why", f"status gives no reason: {reason}")
    scene.lab.link("node1", True)
    back = scene.now()
    scene.wait_roles(scene.a)
    both = both_answer(scene, back)
    scene.expect(both <= MARGIN, "", f"both answer for {both * 1000:.0f} ms when the link returns")


@fault("X06", "Carrier lost on the backup")
def test_x06_link_down_on_the_backup(scene):
    scene.start()
    moment = scene.now()
    scene.lab.link("node2", False)
    time.sleep(2 * scene.down())
    scene.lab.link("node2", True)
    time.sleep(2 * scene.down())
    scene.stays(moment, MARGIN)


@fault("X06", "Carrier lost on the backup, then `failover`", kinds=("tandem",), later=PEER_LINK)
def test_x06_failover_to_a_lost_backup(scene):
    scene.start()
    scene.lab.link("node2", False)
    time.sleep(2 * scene.down())
    done = scene.a.tandemctl("failover", "--dry-run")
    scene.expect(done.returncode == 3, "refused", f"`failover --dry-run` exits {done.returncode}")
    scene.lab.link("node2", True)
    scene.wait_roles(scene.a)


def one_way(scene, source, destination, match, seconds=1.5, **options):
    """Drops something one way for a while; returns the moment when it began."""
    scene.start(**options)
    moment = scene.now()
    scene.lab.cut(source, destination, match)
    time.sleep(seconds)
    return moment


@fault("X07", "Advertisements of the active node do not arrive, multicast", later=PEER_LINK)
def test_x07_one_way_loss_multicast(scene):
    moment = one_way(scene, "node1", "node2", "ip protocol 112")
    both = both_answer(scene, moment)
    scene.expect(both <= MARGIN, "one answers", f"both answer for {both * 1000:.0f} ms of 1500")


@fault("X07", "Multicast of the active node does not arrive, peers by unicast")
def test_x07_one_way_loss_unicast(scene):
    moment = one_way(scene, "node1", "node2", MULTICAST, unicast=True)
    scene.stays(moment, MARGIN)


@fault("X07", "Advertisements of the active node do not arrive, unicast", later=PEER_LINK)
def test_x07_one_way_loss_of_all(scene):
    moment = one_way(scene, "node1", "node2", "ip protocol 112", unicast=True)
    both = both_answer(scene, moment)
    scene.expect(both <= MARGIN, "one answers", f"both answer for {both * 1000:.0f} ms of 1500")


@fault("X07", "Nothing of the active node arrives at the peer; it ends")
def test_x07_one_way_loss_heals(scene):
    one_way(scene, "node1", "node2", "ip protocol 112", seconds=0.8)
    healed(scene)


@fault("X08", "Advertisements of the backup do not arrive")
def test_x08_one_way_loss_from_the_backup(scene):
    moment = one_way(scene, "node2", "node1", "ip protocol 112")
    scene.stays(moment, MARGIN)


def healed(scene):
    """Ends a partition: the loser yields at once, the winner announces last."""
    healing = scene.now()
    scene.lab.heal()
    moment = scene.now()
    scene.views[4].wait_only({scene.a.mac}, 3.0, 0.3)
    last = max((each.time for each in scene.views[4].answers_since(moment) if each.mac == scene.b.mac), default=moment)
    scene.within("after it the peer answers no longer", last - moment, scene.interval + MARGIN, headline=True)
    time.sleep(2 * scene.interval)
    announced_last(scene, healing)


def announced_last(scene, moment):
    last = {node: max((p.time for p in scene.announcements(node)), default=0.0) for node in (scene.a, scene.b)}
    scene.expect(last[scene.a] > max(last[scene.b], moment), "the winner announces last",
                 "the loser was the last to announce")


@fault("X09", "Both nodes reach the clients, not each other; it ends")
def test_x09_partition(scene):
    scene.start()
    moment = scene.now()
    scene.lab.partition("node1", "node2")
    view = scene.views[4]
    wait_for("the peer to answer", lambda: any(each.mac == scene.b.mac for each in view.answers_since(moment)), 2.0)
    scene.say("both answer until it heals")
    time.sleep(0.3)
    healed(scene)


@fault("X10", "A foreign cluster with the same virtual router, other addresses, priority 254")
def test_x10_foreign_cluster(scene):
    scene.start()
    attacker = Attacker(scene.lab)
    try:
        moment = scene.now()
        frame = attacker.frame(254, addresses=["198.51.100.77"], interval=10)
        attacker.repeat(frame, scene.interval)
        if scene.kind == "tandem":
            try:
                wait_for("an alarm", lambda: ("address-list", ATTACKER_MAC) in scene.a.alarms(), 2.0)
                scene.within("an alarm names its MAC", scene.now() - moment, 1.0)
            except Timeout:
                scene.expect(False, "", "no alarm names its MAC")
        time.sleep(max(0.0, moment + 1.0 - scene.now()))
        scene.expect(scene.views[4].answering(0.3) == {scene.a.mac}, "the address stays",
                     "gives way to it: nobody answers")
    finally:
        attacker.close()
    scene.wait_roles(scene.a)


KEY = "key 1 hex:" + bytes(range(32)).hex()


@fault("X10", "The same, with `auth_hmac` on both nodes", kinds=("tandem",))
def test_x10_foreign_cluster_signed(scene):
    scene.start(lines=("auth_hmac {", f"    {KEY}", "    active_key 1", "}"))
    attacker = Attacker(scene.lab)
    try:
        moment = scene.now()
        attacker.repeat(attacker.frame(254, addresses=["198.51.100.77"], interval=10), scene.interval)
        time.sleep(1.0)
        scene.stays(moment, MARGIN)
        scene.expect(("hmac-missing", ATTACKER_MAC) in scene.a.alarms(), "an alarm names its MAC",
                     "no alarm names its MAC")
    finally:
        attacker.close()


@fault("X18", "Interface deleted and made anew")
def test_x18_interface_made_anew(scene):
    scene.start()
    for _ in range(10 if scene.full else 2):
        moment = scene.now()
        scene.a.namespace.ip("link", "delete", "eth0")
        scene.moved(moment, scene.down() + MARGIN)
        scene.lab.make_interface("node1")
        made = scene.now()
        scene.a.mac = hardware_address(scene.a.namespace)
        scene.moved(made, scene.down(150) + 2 * MARGIN, to=scene.a)
        scene.wait_roles(scene.a)


@fault("X18", "Interface renamed, and back")
def test_x18_interface_renamed(scene):
    scene.start()
    moment = scene.now()
    scene.a.namespace.ip("link", "set", "eth0", "name", "lost0")
    time.sleep(0.05)
    scene.moved(moment, scene.down() + MARGIN)
    scene.a.namespace.ip("link", "set", "lost0", "name", "eth0")
    named = scene.now()
    scene.moved(named, scene.down(150) + 2 * MARGIN, to=scene.a)
    scene.wait_roles(scene.a)


@fault("X20", "MAC address of the interface changes")
def test_x20_mac_changes(scene):
    scene.start()
    old = scene.a.mac
    moment = scene.now()
    scene.a.namespace.ip("link", "set", "eth0", "address", "02:00:00:00:20:20")
    time.sleep(0.5)
    scene.a.mac = "02:00:00:00:20:20"
    told = scene.announcements(scene.a, moment)
    if scene.expect(told, "", "the new MAC address is not announced"):
        scene.within("the new MAC address is announced", told[0].time - moment, MARGIN)
    answered = {each.mac for each in scene.views[4].answers_since(moment)}
    scene.expect(answered <= {old, scene.a.mac}, "no role change", "the other node answered")


@fault("X24", "The switch forwards no multicast", later=PEER_LINK)
def test_x24_no_multicast(scene):
    scene.start()
    moment = scene.now()
    scene.lab.drop(MULTICAST)
    time.sleep(1.5)
    both = both_answer(scene, moment)
    scene.expect(both <= MARGIN, "one answers", f"both answer for {both * 1000:.0f} ms of 1500")


@fault("X24", "The switch forwards no multicast, peers by unicast")
def test_x24_no_multicast_unicast(scene):
    scene.start(unicast=True)
    moment = scene.now()
    scene.lab.drop(MULTICAST)
    time.sleep(1.5)
    scene.stays(moment, MARGIN)


@fault("X25", "The switch port forwards only 1.5 s after the link came up")
def test_x25_port_opens_late(scene):
    scene.start()
    scene.lab.link("node1", False)
    scene.moved(scene.now(), scene.down() + MARGIN)
    scene.outcome.seconds = None
    scene.lab.up1.ip("neighbour", "replace", VIP4, "lladdr", scene.b.mac, "nud", "stale", "dev", "eth0")
    scene.lab.drop('iifname "node1"')
    scene.lab.drop('oifname "node1"')
    scene.lab.link("node1", True)
    time.sleep(1.5)
    scene.lab.heal()
    moment = scene.now()
    scene.moved(moment, scene.interval + MARGIN, to=scene.a, overlap=scene.interval)
    scene.wait_roles(scene.a)
    try:
        wait_for("a cache to follow", lambda: scene.a.mac in
                 scene.lab.up1.ip("neighbour", "show", "to", VIP4).stdout, 1.0)
        scene.say("caches follow")
    except Timeout:
        scene.expect(False, "", "a neighbour's cache does not follow")


@fault("debris", "30 interface flaps, SIGTERM, start, SIGKILL: what is left", slow=True)
def test_debris_of_thirty_flaps(scene):
    scene.start()
    before = nodes.descriptors(scene.a)
    for _ in range(30):
        scene.lab.interface("node1", False)
        time.sleep(0.02)
        scene.lab.interface("node1", True)
        time.sleep(0.02)
    scene.wait_roles(scene.a)
    grown = debris.growth(scene.a, before)
    scene.expect(not grown, "no descriptor more", "; ".join(grown))
    scene.a.stop()
    left = debris.left_by(scene.a, VIPS.values())
    scene.expect(not left, "nothing left after SIGTERM", "left after SIGTERM: " + "; ".join(left))
    scene.a.start()
    scene.wait_roles(scene.a)
    moment = scene.a.signal_all(signal.SIGKILL)
    scene.a.process.wait()
    time.sleep(max(0.0, moment + scene.lease + 0.5 - scene.now()))
    left = debris.left_by(scene.a, VIPS.values())
    scene.expect(not left, "nothing left after SIGKILL and the lease", "left after SIGKILL: " + "; ".join(left))
