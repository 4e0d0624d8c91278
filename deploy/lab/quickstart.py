"""Shows a tandem pair at work and measures what it promises. Started by deploy/quickstart."""

import argparse
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from lab import config, http, topology  # noqa: E402  (the path above comes first)
from lab.daemons import Nginx, Tandem  # noqa: E402
from lab.namespace import CommandError  # noqa: E402
from lab.prober import Prober  # noqa: E402
from lab.waiting import wait_for  # noqa: E402
from lab.watch import AddressWatcher  # noqa: E402

# What deploy/examples/node1.conf and node2.conf say.
ADVERT_INT = 1.0
PRIORITY = {"node1": 150, "node2": 100}
LEASE = 3
SLACK = 0.1
LEASE_SLACK = 0.5
# A node that preempts takes over while the other one still serves.
PREEMPTION_LIMIT = 0.25
EXAMPLES = os.path.join(os.path.dirname(HERE), "examples")


@dataclass(frozen=True)
class Verdict:
    promise: str
    limit: str
    measured: str
    held: bool


def seconds(value):
    return f"{value:.3f} s"


def say(text=""):
    print(text, flush=True)


class Tour:
    """The steps, in order, on one lab; each adds its verdicts."""

    def __init__(self, lab, binaries):
        self.lab = lab
        self.verdicts = []
        self.upstreams = [Nginx(lab, "up1"), Nginx(lab, "up2")]
        self.node1, self.node2 = (
            Tandem(lab, host, binaries, os.path.join(EXAMPLES, host + ".conf")) for host in ("node1", "node2"))

    def promise(self, promise, limit, measured, held):
        self.verdicts.append(Verdict(promise, limit, measured, held))

    def gap(self, promise, limit, prober, since):
        found = prober.gap(since)
        failed = ", ".join(f"{count} {name}" for name, count in sorted(found.failures.items())) or "none"
        say(f"   longest time without an answer: {seconds(found.seconds)} (requests that failed: {failed})")
        self.promise(promise, f"<= {seconds(limit)}", seconds(found.seconds), found.closed and found.seconds <= limit)

    def settled(self, active, backup):
        """Waits until one is active, the other backup, and exactly one has the address."""
        active.wait_state("active")
        backup.wait_state("backup")
        wait_for("the address to be on the active node only",
                 lambda: active.has(self.lab.vip) and not backup.has(self.lab.vip))

    def show_states(self):
        for node in (self.node1, self.node2):
            found = node.instance() or {"state": "no daemon"}
            hold = ", holding" if (found.get("hold") or {}).get("active") else ""
            say(f"   {node.host}: {found['state']}{hold}; {found.get('reason', '')}")

    def start(self):
        say("1. Two nodes start with deploy/examples/node1.conf and node2.conf")
        self.node1.start()
        self.node2.start()
        self.settled(self.node1, self.node2)
        self.show_states()
        self.promise("the higher priority is active, the other backup", "node1 active", "node1 active", True)

    def page(self):
        say("\n2. A page through the virtual address")
        seen = [http.page(self.lab.client, self.lab.vip) for _ in range(4)]
        say(f"   client {self.lab.address('client')} asked http://{self.lab.vip}/")
        for answer in seen[:2]:
            say(f"   {answer['upstream']} answered; the peer address it saw: {answer['peer']}")
        sources = sorted({answer["peer"] for answer in seen})
        self.promise("upstreams see the virtual address as the source", self.lab.vip, ", ".join(sources),
                     sources == [self.lab.vip])
        whole = all(http.digest(self.lab.client, self.lab.vip) in [n.large_digest for n in self.upstreams]
                    for _ in range(4))
        self.promise("an 8 MiB file arrives unchanged", "equal", "equal" if whole else "different", whole)

    def planned(self, prober):
        say("\n3. Planned failover under continuous requests: tandemctl failover on node1")
        prober.wait_success()
        since = time.monotonic()
        done = self.node1.tandemctl("--json", "failover")
        answer = json.loads(done.stdout) if done.stdout.strip() else {}
        say(f"   tandemctl: {answer.get('message', done.stderr.strip())}")
        # Connections that are open at that moment are reset, and the command says so with exit code 5.
        self.promise("tandemctl failover reports that it is done", "exit 0 or 5", f"exit {done.returncode}",
                     done.returncode in (0, 5))
        self.settled(self.node2, self.node1)
        prober.wait_success(after=time.monotonic())
        limit = config.skew_time(PRIORITY["node2"], ADVERT_INT) + SLACK
        told = answer.get("gap_ms")
        self.promise("planned failover, gap told by the command", f"<= {seconds(limit)}",
                     "none told" if told is None else seconds(told / 1000), told is not None and told / 1000 <= limit)
        self.gap("planned failover, gap seen by the client", limit, prober, since)
        self.show_states()

    def hold(self, prober):
        say("\n4. The old node holds: its priority is higher, but it stays backup until resume")
        wait = config.active_down_interval(PRIORITY["node1"], ADVERT_INT) + 1
        since = time.monotonic()
        wait_for("the time in which it would have preempted", lambda: time.monotonic() > since + wait, wait + 5, 0.1)
        held = self.node1.state() == "backup" and self.node2.state() == "active"
        self.promise("the old node does not take back on its own", "backup", self.node1.state() or "-", held)
        since = time.monotonic()
        done = self.node1.tandemctl("resume")
        say(f"   tandemctl resume: exit {done.returncode}")
        self.settled(self.node1, self.node2)
        prober.wait_success(after=time.monotonic())
        self.gap("give-back after resume, gap seen by the client", PREEMPTION_LIMIT, prober, since)
        self.show_states()

    def crash(self, prober):
        say("\n5. The active node dies: SIGKILL to every process of tandemd on node1")
        prober.wait_success()
        with AddressWatcher(self.lab.node1) as left, AddressWatcher(self.lab.node2) as came:
            moment = self.node1.kill_all()
            removed = left.wait_removed(self.lab.vip, moment) - moment
            taken = came.wait_added(self.lab.vip, moment) - moment
        self.node2.wait_state("active")
        prober.wait_success(after=time.monotonic())
        say(f"   the kernel dropped the address from node1 {seconds(removed)} after the kill")
        say(f"   node2 took it after {seconds(taken)}")
        limit = config.active_down_interval(PRIORITY["node2"], ADVERT_INT) + SLACK
        self.gap("active node killed, gap seen by the client", limit, prober, moment)
        self.promise("killed node loses the address without a daemon", f"<= {seconds(LEASE + LEASE_SLACK)}",
                     seconds(removed), removed <= LEASE + LEASE_SLACK)

    def back(self, prober):
        say("\n6. The killed node starts again")
        since = time.monotonic()
        self.node1.start()
        self.settled(self.node1, self.node2)
        prober.wait_success(after=time.monotonic())
        self.show_states()
        self.promise("the returning node elects: highest priority active", "node1 active",
                     f"node1 {self.node1.state()}, node2 {self.node2.state()}", True)
        self.gap("take-back by the returning node, gap seen by the client", PREEMPTION_LIMIT, prober, since)

    def traffic(self, prober):
        attempts = [a for a in prober.attempts() if a.succeeded]
        foreign = [a for a in attempts if a.seen_address != self.lab.vip]
        shares = Counter(a.upstream for a in attempts)
        say("\n7. All requests of the run: " + ", ".join(f"{n} answered by {u}" for u, n in sorted(shares.items())))
        self.promise("no request reached an upstream from another address", "0", str(len(foreign)), not foreign)
        self.promise("both upstreams served", "up1, up2", ", ".join(sorted(shares)), sorted(shares) == ["up1", "up2"])

    def events(self):
        say("\n   tandemctl events on node2, the last lines:")
        for line in self.node2.tandemctl("events").stdout.splitlines()[-8:]:
            say(f"   {line}")

    def run(self):
        self.start()
        self.page()
        with Prober(self.lab.client, self.lab.vip, 80, self.lab.path("prober.log")) as prober:
            for step in (self.planned, self.hold, self.crash, self.back, self.traffic):
                step(prober)
        self.events()


def table(verdicts):
    rows = [("promise", "limit", "measured", "verdict")]
    rows += [(v.promise, v.limit, v.measured, "held" if v.held else "BROKEN") for v in verdicts]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def commands(tour):
    """What to type in a lab that was kept."""
    return [
        ("who is active, and why", tour.node1.tandemctl_command("status")),
        ("a page through the virtual address", f"ip netns exec {tour.lab.client.name} curl -s http://{tour.lab.vip}/"),
        ("move everything to the other node", tour.node1.tandemctl_command("failover")),
        ("normal election again", tour.node1.tandemctl_command("resume")),
        ("what happened on node 2", tour.node2.tandemctl_command("events")),
        ("addresses of node 1", f"ip -n {tour.lab.node1.name} address show eth0"),
        ("pull the cable of node 1 (up: put it back)", f"ip -n {tour.lab.switch.name} link set node1 down"),
        ("a shell on node 1", f"ip netns exec {tour.lab.node1.name} bash"),
        ("logs", f"ls {tour.lab.directory}/*.log"),
        ("remove the lab", f"{os.path.join(os.path.dirname(HERE), 'quickstart')} --down"),
    ]


def tour_of(lab, binaries, keep):
    """Runs everything in the lab; returns the exit code."""
    say(f"== the lab: client, node1, node2, up1, up2 behind one switch, as namespaces {lab.prefix}-*\n")
    tour = Tour(lab, binaries)
    broken = None
    try:
        tour.run()
    except (AssertionError, CommandError, OSError) as error:
        broken = error
        say(f"\nstopped: {error}")
        for node in (tour.node1, tour.node2):
            say(f"\nlast lines of {node.host}:\n" + "\n".join(node.log().splitlines()[-15:]))
    say("\n" + table(tour.verdicts))
    held = sum(v.held for v in tour.verdicts)
    good = broken is None and held == len(tour.verdicts)
    say(f"\n{held} of {len(tour.verdicts)} promises held" + (", and the tour did not reach its end" if broken else ""))
    if keep:
        lab.keep()
        say("\nThe lab stays. Try:")
        for what, line in commands(tour):
            say(f"  # {what}\n  {line}")
    return 0 if good else 1


def main():
    parser = argparse.ArgumentParser(prog="deploy/quickstart")
    parser.add_argument("--binaries", help="directory of tandemd and tandemctl")
    parser.add_argument("--keep", action="store_true", help="leave the lab running")
    parser.add_argument("--down", action="store_true", help="remove labs of earlier runs")
    options = parser.parse_args()
    topology.require_root()
    topology.raise_on_signals()
    if options.down:
        for line in topology.remove_leftovers() or ["nothing to remove"]:
            say(line)
        return 0
    for program in ("tandemd", "tandemctl"):
        if not os.access(os.path.join(options.binaries or "", program), os.X_OK):
            sys.exit(f"deploy/quickstart: no {program} in {options.binaries}")
    with topology.Lab() as lab:
        return tour_of(lab, os.path.abspath(options.binaries), options.keep)


if __name__ == "__main__":
    sys.exit(main())
