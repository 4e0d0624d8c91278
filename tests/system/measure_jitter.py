"""Measures how evenly the active node advertises, and whether its peer ever takes over for no reason.

    measure_jitter.py [--binaries build/release/bin] [--intervals 0.1 0.01] [--seconds 20] [--cases NAME...]
                      [--json FILE]

For the record: tests/run --only jitter on a quiet machine; no false takeover in ten minutes at 10 ms:
    measure_jitter.py --intervals 0.01 --seconds 600 --cases "tandem, load, blocked log"

Adverts are captured at the switch with the kernel's time stamps. Jitter is how far the time between two adverts is from
the interval. Load: clients on every processor, through the relay of the active node; beside keepalived runs a tandemd
as relay. `busy` is what it made of the machine. Target: 99.9 % within 10 % of the interval, within 2 ms at 10 ms.
"""

import argparse
import contextlib
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy"))

from lab import config, topology  # noqa: E402  (the path above comes first)
from lab.blocked import BlockedTandem  # noqa: E402
from lab.capture import Capture  # noqa: E402
from lab.daemons import Keepalived, Nginx, Tandem  # noqa: E402
from lab.load import Load, ProcessorTime  # noqa: E402
from lab.pair import PRIORITY, Pair  # noqa: E402
from lab.small_disk import TandemOnSmallDisk  # noqa: E402
from lab.waiting import wait_for  # noqa: E402

NODES = ("node1", "node2")
ROUTER_ID, RELAY_ROUTER_ID = 51, 52
RELAY_ADDRESS = f"{topology.NETWORK4}.101"
# The last line: keepalived's own limit is 10 ms of work without a wait, and the kernel ends it beyond that.
REALTIME = "global_defs {\n    vrrp_rt_priority 50\n    vrrp_no_swap\n    vrrp_rlimit_rttime 1000000\n}"


@contextlib.contextmanager
def tandem_pair(lab, options, interval, node_class=Tandem, lines=()):
    pair = Pair(lab, os.path.abspath(options.binaries), lab.path)
    pair.node1, pair.node2 = pair.nodes = [node_class(lab, host, pair.binaries, None) for host in NODES]
    try:
        pair.start(config.service(80, lines=lines), advert_int=interval)
        yield lab.vip, 80
    finally:
        pair.cleanup()


def blocked_pair(lab, options, interval):
    return tandem_pair(lab, options, interval, BlockedTandem)


@contextlib.contextmanager
def full_access_log_pair(lab, options, interval):
    path = TandemOnSmallDisk.file_in(lab, "access.log")
    with tandem_pair(lab, options, interval, TandemOnSmallDisk, (f"@tandem access_log {path}",)) as target:
        yield target


@contextlib.contextmanager
def keepalived_pair(lab, options, interval, blocks=()):
    """Two keepalived, and on the first node a relay with an address of its own, which takes the load."""
    path = lab.path("relay.conf")
    with open(path, "w", encoding="ascii") as handle:
        handle.write(config.configuration("relay", config.instance(
            PRIORITY["node1"], virtual_router_id=RELAY_ROUTER_ID, addresses=(RELAY_ADDRESS,)),
            config.service(80, address=RELAY_ADDRESS)))
    with contextlib.ExitStack() as stack:
        relay = Tandem(lab, "node1", os.path.abspath(options.binaries), path)
        stack.callback(lab.node1.ip, "address", "del", RELAY_ADDRESS + "/32", "dev", "eth0", check=False)
        stack.callback(relay.cleanup)
        relay.start()
        relay.wait_state("active")
        for host in NODES:
            node = Keepalived(lab, host, config.configuration(host, *blocks, config.instance(PRIORITY[host], interval)))
            stack.callback(node.terminate)
            node.start()
        wait_for("keepalived to be active", lambda: lab.vip in lab.node1.addresses())
        yield RELAY_ADDRESS, 80


def realtime_keepalived_pair(lab, options, interval):
    return keepalived_pair(lab, options, interval, (REALTIME,))


# Who elects, and whether there is load.
CASES = {
    "tandem": (tandem_pair, False),
    "keepalived": (keepalived_pair, False),
    "tandem, load": (tandem_pair, True),
    "tandem, load, blocked log": (blocked_pair, True),
    "tandem, load, full access log": (full_access_log_pair, True),
    "keepalived, load": (keepalived_pair, True),
    "keepalived real-time, load": (realtime_keepalived_pair, True),
}


def quantile(values, share):
    """The least value that is not exceeded by `share` of all."""
    return values[min(len(values) - 1, int(len(values) * share))]


def takeovers(adverts):
    """How often the sender of advertisements changed, in captures of all nodes."""
    senders = [p.source for p in sorted(adverts, key=lambda p: p.time) if p.vrrp_priority]
    return sum(1 for before, after in zip(senders, senders[1:]) if before != after)


def evaluate(adverts, interval, begin, end, busy):
    inside = [p for p in adverts if begin <= p.time <= end]
    times = sorted(p.time for p in inside if p.vrrp_priority == PRIORITY["node1"])
    jitter = sorted(abs(later - earlier - interval) for earlier, later in zip(times, times[1:]))
    if len(jitter) < 10:
        raise AssertionError(f"only {len(times)} of {len(inside)} advertisements in {end - begin:.0f} s are of node1")
    limit = 0.002 if interval <= 0.02 else interval / 10
    return {"adverts": len(times), "p50": quantile(jitter, 0.5), "p99": quantile(jitter, 0.99),
            "p99.9": quantile(jitter, 0.999), "max": jitter[-1], "takeovers": takeovers(inside), "busy": busy,
            "met": quantile(jitter, 0.999) <= limit}


def measure(lab, options, case, interval):
    start, loaded = CASES[case]
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(start(lab, options, interval))
        captures = []
        for host in NODES:
            path = lab.path(f"jitter-{host}.pcap")
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
                os.unlink(path + ".err")
            only_this = f"ip proto 112 and ip[21] == {ROUTER_ID}"
            captures.append(stack.enter_context(Capture.sent_by(lab, host, path, only_this)))
        load = None
        if loaded:
            load = stack.enter_context(Load(lab.client, *target, lab.path("load.log"), options.seconds + 30))
            time.sleep(1)  # let it reach its full height
        processor, begin = ProcessorTime(), time.monotonic()
        time.sleep(options.seconds)
        end, busy = time.monotonic(), processor.busy()
        if load and not load.running:
            raise AssertionError("the load ended early: " + open(lab.path("load.log"), encoding="utf-8").read()[-500:])
        adverts = [packet for capture in captures for packet in capture.packets()]
    return evaluate(adverts, interval, begin, end, busy)


def main():
    parser = argparse.ArgumentParser(description="evenness of advertisements, tandem beside keepalived")
    parser.add_argument("--binaries", default="build/release/bin")
    parser.add_argument("--intervals", type=float, nargs="+", default=[0.1, 0.01])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="NAME",
                        help="; ".join(CASES))
    parser.add_argument("--json", help="also write the figures to this file")
    options = parser.parse_args()
    topology.require_root()
    topology.raise_on_signals()
    results, broken = [], 0
    print(f"{'who':<29} {'advert_int':>10} {'busy':>5} {'adverts':>8} {'p50':>9} {'p99':>9} {'p99.9':>9} {'max':>9} "
          f"{'takeovers':>9}  target", flush=True)
    with topology.Lab() as lab:
        for host in ("up1", "up2"):
            Nginx(lab, host)
        for interval in options.intervals:
            for case in options.cases:
                try:
                    found = measure(lab, options, case, interval)
                except AssertionError as error:
                    broken += 1
                    print(f"{case:<29} {interval:>8g} s  {error}", flush=True)
                    continue
                finally:
                    lab.heal()
                results.append({"case": case, "interval": interval, "seconds": options.seconds, **found})
                columns = " ".join(f"{1e3 * found[key]:6.3f} ms" for key in ("p50", "p99", "p99.9", "max"))
                print(f"{case:<29} {interval:>8g} s {found['busy']:>5.0%} {found['adverts']:>8} {columns} "
                      f"{found['takeovers']:>9}  {'met' if found['met'] else 'missed'}", flush=True)
    if options.json:
        with open(options.json, "w", encoding="ascii") as handle:
            json.dump(results, handle, indent=1)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
