"""What the two nodes think of each other (X12, X28 to X31)."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

from lab.namespace import run
from lab.waiting import Timeout, wait_for

from .link import KEY, PEER_LINK
from .process import both_answer
from .registry import fault
from .scene import HIGH, MARGIN, NAMES

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clock_offset.c")
SIGNED = ("auth_hmac {", f"    {KEY}", "    active_key 1", "}")


def clock_jump(scene, seconds, **options):
    """The wall clock of the active node jumps; nothing must happen."""
    library, file = scene.lab.path("clock_offset.so"), scene.lab.path("clock")
    run(["cc", "-shared", "-fPIC", "-O", "-o", library, SOURCE])
    scene.make(**options)
    scene.a.environment = {"LD_PRELOAD": library, "TANDEM_CLOCK_OFFSET": file}
    for node in (scene.a, scene.b):
        node.start()
    scene.wait_roles()
    moment = scene.now()
    for jump in seconds:
        with open(file, "w", encoding="ascii") as handle:
            handle.write(str(jump))
        time.sleep(0.7)
    scene.stays(moment, MARGIN)


@fault("X12", "Wall clock of the active node jumps 1 h ahead, 1 h and 1 day back")
def test_x12_clock_jump(scene):
    clock_jump(scene, (3600, -3600, -86400))


@fault("X12", "The same, with `auth_hmac` on both nodes", kinds=("tandem",), later=(
    "knowledge of the peer's clock"))
def test_x12_clock_jump_signed(scene):
    clock_jump(scene, (3600, -3600, -86400), lines=SIGNED)


# What only the peer has, and the kind of alarm that must name it.
MISMATCHES = {
    "version": ({"text": ("version 3", "version 2"), "interval": 1}, "version-error"),
    "interval": ({"interval": 0.2}, "interval"),
    "addresses": ({"addresses": ("198.51.100.100", "198.51.100.101")}, "address-list"),
    "checksum form": ({"lines": ("v3_checksum_as_v2",)}, "checksum-form"),
    "auth_hmac": ({"lines": SIGNED}, "hmac"),
}


@fault("X28", "Configurations that differ in one thing: is it named?", kinds=("tandem",))
def test_x28_mismatch(scene):
    scene.start()
    named(scene, MISMATCHES)


@fault("X28", "Different virtual router, the same addresses: is it named?", kinds=("tandem",), later=PEER_LINK)
def test_x28_other_virtual_router(scene):
    scene.start()
    named(scene, {"virtual router": ({"virtual_router_id": 52}, "vrid")})


def named(scene, mismatches):
    longest, unnamed = 0.0, []
    for field, (options, kind) in mismatches.items():
        scene.b.stop()
        options = dict(options)
        before, after = options.pop("text", ("", ""))
        with open(scene.b.configuration, "w", encoding="ascii") as handle:
            handle.write(scene.text("node2", HIGH + 1 if field == "interval" else 100, **options)
                         .replace(before, after))
        scene.b.start()
        since = scene.now()
        try:
            wait_for("the alarm", lambda kind=kind: any(
                kind in seen for node in (scene.a, scene.b) for seen, _ in node.alarms()), 2.0, 0.05)
            longest = max(longest, scene.now() - since)
        except Timeout:
            unnamed.append(field)
    if scene.expect(not unnamed, "named: " + ", ".join(mismatches), "no alarm names " + ", ".join(unnamed)):
        scene.within("the slowest", longest, 2.0)


@fault("X29", "Equal priorities, both started at the same moment, again and again", slow=True)
def test_x29_equal_priorities(scene):
    scene.make(a={"priority": 100})
    times = 50 if scene.full and scene.kind == "tandem" else 5  # keepalived takes two seconds to come and go
    longest = 0.0
    for _ in range(times):
        moment = scene.now()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda node: node.start(), (scene.a, scene.b)))
        # The higher address wins when both come at once; whoever came first keeps it.
        wait_for("one node to answer", lambda: scene.views[4].answers_since(moment)
                 and len(scene.views[4].answering(0.25)) == 1, 4.0, 0.02)
        longest = max(longest, both_answer(scene, moment))
        for node in (scene.a, scene.b):
            node.stop()
        wait_for("both to end", lambda: not scene.a.pids() and not scene.b.pids(), 5.0)
        time.sleep(0.3)
    scene.within(f"{times} starts: both answered at most", longest, scene.interval + MARGIN)


@fault("X30", "The node is killed and started four times, `preempt_delay 3`", slow=True)
def test_x30_restarts_in_a_loop(scene):
    scene.start(lines=("preempt_delay 3",))
    moment = scene.a.kill_all()
    scene.moved(moment, scene.down() + MARGIN, overlap=scene.lease + 0.5 - scene.down())
    settled = scene.now()
    for _ in range(4):
        scene.a.start()
        time.sleep(0.5)
        scene.a.kill_all()
        if scene.a.process:
            scene.a.process.wait()
    scene.stays(settled, MARGIN, node=scene.b)


@fault("X31", "IPv6 disabled on the active node; both families are one sync group")
def test_x31_sync_group(scene):
    group = "vrrp_sync_group G {\n    group {\n" + "".join(f"        {name}\n" for name in NAMES.values()) + "    }\n}"
    scene.start(families=(4, 6), blocks=(group,))
    moment = scene.now()
    scene.a.namespace.sysctl("net/ipv6/conf/eth0/disable_ipv6", 1)
    for family in (4, 6):
        scene.moved(moment, scene.down() + MARGIN, family=family)
    scene.expect(scene.priority_zero(scene.a, moment), "priority 0 for the other family", "no priority 0")
