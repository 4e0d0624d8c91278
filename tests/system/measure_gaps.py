"""Measures how long a client gets no answer when the active node leaves, and prints it beside the theory.

    measure_gaps.py --binaries build/release/bin [--intervals 1 0.1 0.01] [--repeat 3]

Theory for version 3, with the peer's priority: skew = (256 - priority) / 256 × interval; a node that says goodbye is
followed after the skew time, one that falls silent after 3 × interval + skew.
"""

import argparse
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy"))

from lab import config, topology  # noqa: E402  (the path above comes first)
from lab.daemons import Nginx  # noqa: E402
from lab.pair import PRIORITY, Pair  # noqa: E402


def planned(pair):
    done = pair.node1.tandemctl("failover")
    if done.returncode not in (0, 5):
        raise AssertionError(f"tandemctl failover: exit {done.returncode}: {done.stdout}{done.stderr}")


def link_down(pair):
    pair.lab.link("node1", False)


# What happens to the active node, and whether it can say goodbye.
EVENTS = {
    "planned failover": (planned, True),
    "graceful stop": (lambda pair: pair.node1.terminate(), True),
    "SIGKILL": (lambda pair: pair.node1.kill_all(), False),
    "link down": (link_down, False),
}


def theory(goodbye, advert_int):
    times = config.skew_time if goodbye else config.active_down_interval
    return times(PRIORITY["node2"], advert_int)


def measure(pair, event, advert_int):
    """One event on a fresh pair; returns the gap."""
    act, _ = EVENTS[event]
    pair.start(advert_int=advert_int)
    with pair.prober(interval=0.002) as prober:
        prober.wait_success(count=20)
        moment = time.monotonic()
        act(pair)
        pair.node2.wait_state("active")
        prober.wait_success(after=time.monotonic(), count=20)
        found = prober.gap(moment)
    pair.cleanup()
    pair.lab.heal()
    if not found.closed:
        raise AssertionError(f"{event} at {advert_int:g} s: nothing answered afterwards")
    return found


def main():
    parser = argparse.ArgumentParser(description="failover gaps beside the theory")
    parser.add_argument("--binaries", default="build/release/bin")
    parser.add_argument("--intervals", type=float, nargs="+", default=[1.0, 0.1, 0.01])
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    topology.require_root()
    topology.raise_on_signals()
    broken = 0
    print(f"{'event':<17} {'advert_int':>10} {'theory':>9} {'least':>9} {'median':>9} {'most':>9}", flush=True)
    with topology.Lab() as lab:
        for host in ("up1", "up2"):
            Nginx(lab, host)
        pair = Pair(lab, os.path.abspath(options.binaries), lab.path)
        for event, (_, goodbye) in EVENTS.items():
            for interval in options.intervals:
                try:
                    gaps = sorted(measure(pair, event, interval).seconds for _ in range(options.repeat))
                except AssertionError as error:
                    broken += 1
                    print(f"{event:<17} {interval:>8g} s  {error}", flush=True)
                    pair.cleanup()
                    lab.heal()
                    continue
                columns = [theory(goodbye, interval), gaps[0], gaps[len(gaps) // 2], gaps[-1]]
                print(f"{event:<17} {interval:>8g} s " + " ".join(f"{value:7.3f} s" for value in columns), flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
