"""Few source ports, many connections: see README.md of this folder.

    /usr/bin/python3 tests/bench/ports.py --binaries build/release/bin [--seconds 60]

A thousand ports on each of two addresses towards one server. Part one: 2 000 connections at once, and 500 more that
find no port. Part two: new connections as fast as they come, which TIME_WAIT would end after the first 2 000.
"""

import argparse
import json
import os
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:1] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests")]

from lab import config, topology  # noqa: E402  (the paths above come first)
from lab.daemons import Tandem  # noqa: E402
from lab.topology import VIP4  # noqa: E402
from lab.waiting import wait_for  # noqa: E402

from bench.contestants import PORT, TandemProxy  # noqa: E402
from bench.generator import Generator  # noqa: E402

FIRST, LAST = 20000, 20999
SECOND_ADDRESS = "198.51.100.101"
BOTH = 2 * (LAST - FIRST + 1)
TOO_MANY = 500


class FewPorts(TandemProxy):
    def start(self, lab):
        self.lab = lab
        path = self.write(config.configuration(
            "ports", config.instance(255, 1.0, "MASTER", addresses=(VIP4, SECOND_ADDRESS)),
            config.service(PORT, ("up1",), PORT, check=False,
                           lines=(f"@tandem source_ports {FIRST} {LAST}",
                                  f"@tandem source_address {VIP4} {SECOND_ADDRESS}", "@tandem idle_timeout 300"))))
        self.daemon = Tandem(lab, "node1", self.binaries, path)
        self.daemon.start()
        self.process = self.daemon.process
        self.daemon.wait_state("active")
        self.wait_ready()

    def service(self):
        return self.daemon.status()["services"][0]


def processor_seconds(pids):
    total = 0.0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii") as handle:
            words = handle.read().rsplit(")", 1)[1].split()
        total += (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return total


def full(proxy, generator):
    """Every port in use, and what the ones too many meet."""
    with generator.held(proxy, BOTH):
        upstream = proxy.service()["upstreams"][0]
        assert upstream["ports_in_use"] == BOTH, upstream
        used, begin = processor_seconds(proxy.pids()), time.monotonic()
        refused = 0
        for _ in range(TOO_MANY):
            try:
                with proxy.lab.client.connect(VIP4, PORT, 5) as extra:
                    refused += extra.recv(1) == b""
            except ConnectionResetError:
                refused += 1
        used, span = processor_seconds(proxy.pids()) - used, time.monotonic() - begin
        service = proxy.service()
        upstream = service["upstreams"][0]
        assert refused == TOO_MANY and service["ports_exhausted"] == TOO_MANY, service
        assert upstream["state"] == "up" and upstream["connect_failures"] == 0, upstream
    wait_for("the ports to be given back", lambda: proxy.service()["upstreams"][0]["ports_in_use"] == 0, 15)
    return {"concurrent": BOTH, "refused": refused, "ports_exhausted": service["ports_exhausted"],
            "connect_failures": upstream["connect_failures"], "cpu_share_while_refusing": round(used / span, 3)}


def sustained(proxy, generator, seconds):
    before = proxy.service()
    result = generator.run("connect", proxy, 64, seconds)
    after = proxy.service()
    return {"seconds": round(result["seconds"], 1), "connections": result["operations"],
            "per_second": round(result["operations"] / result["seconds"]), "errors": result["errors"],
            "p99_us": result["latency_us"]["p99"],
            "cpu_us": round(result["cpu_seconds"]["proxy"] / result["operations"] * 1e6, 1),
            "ports_exhausted": after["ports_exhausted"] - before["ports_exhausted"],
            "local_errors": after["local_errors"] - before["local_errors"],
            "connect_failures": after["upstreams"][0]["connect_failures"]}


def main():
    parser = argparse.ArgumentParser(description="many connections through few source ports")
    parser.add_argument("--binaries", default="build/release/bin")
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    topology.require_root()
    topology.raise_on_signals()
    binaries = os.path.abspath(options.binaries)
    with topology.Lab() as lab:
        # The client walks through its own ports in turn. The node has what the kernel gives by default.
        lab.client.sysctl("net/ipv4/tcp_tw_reuse", 1)
        generator = Generator(lab, os.path.join(binaries, "tandem_bench_load"))
        proxy = FewPorts("tandem", "tandem", "", binaries)
        generator.start()
        try:
            proxy.start(lab)
            print(json.dumps({"full": full(proxy, generator), "sustained": sustained(proxy, generator, options.seconds)},
                             indent=2))
        finally:
            proxy.stop()
            generator.stop()


if __name__ == "__main__":
    main()
