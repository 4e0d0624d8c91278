"""The measures. Each takes a Visit and returns a flat dictionary of figures; names end in their unit."""

import os
import signal
import subprocess
import tempfile
import time

from lab.waiting import wait_for

from . import counters
from .strace_summary import parse_summary

CONCURRENCY = 64
IDLE_CONNECTIONS = 4000
SCALE_LEVELS = (100, 1000, 4000, 9000)
STRACED = {"connect": 2000, "ping": 5000, "download": 256, "upload": 256}
# They are fewer the more there is to do at once, and are counted apart.
WAITS = {"epoll_wait", "epoll_pwait", "epoll_pwait2", "io_uring_enter", "poll", "ppoll"}


class Visit:
    """One contestant in one round: a network of its own with a fresh process, and the length of a measure."""

    def __init__(self, contestant, generator, seconds):
        self.contestant, self.generator, self.seconds = contestant, generator, seconds

    def load(self, workload, connections, share=1.0, **options):
        result = self.generator.run(workload, self.contestant, connections, self.seconds * share, **options)
        self.settle()
        return result

    def settle(self):
        self.generator.settle()

    def held(self, connections):
        return self.generator.held(self.contestant, connections)


def _cpu(result, units):
    """Processor time of the proxy per unit; without a proxy there is none."""
    used = result["cpu_seconds"].get("proxy")
    return None if used is None or not units else used / units


def _operations(result):
    cpu = _cpu(result, result["operations"])
    figures = {"per_second": result["operations"] / result["seconds"], "p50_us": result["latency_us"]["p50"],
               "p99_us": result["latency_us"]["p99"], "errors": result["errors"]}
    if cpu is not None:
        figures["cpu_us"] = cpu * 1e6
    return figures


def _bulk(result):
    gigabytes = result["bytes"] / 1e9
    cpu = _cpu(result, gigabytes)
    figures = {"gb_per_second": gigabytes / result["seconds"]}
    if cpu is not None:
        figures["cpu_s_per_gb"] = cpu
    return figures


def connect(visit):
    return _operations(visit.load("connect", CONCURRENCY))


def ping_one(visit):
    return _operations(visit.load("ping", 1))


def ping_many(visit):
    return _operations(visit.load("ping", CONCURRENCY))


def upload_one(visit):
    return _bulk(visit.load("upload", 1, share=0.5))


def upload_four(visit):
    return _bulk(visit.load("upload", 4, share=0.5))


def download_one(visit):
    return _bulk(visit.load("download", 1, share=0.5))


def download_four(visit):
    return _bulk(visit.load("download", 4, share=0.5))


def _watch_idle(pids, seconds):
    """({thread: wake-ups per second}, share of one processor) while nothing happens."""
    def cpu():
        # The clock of a process by its number, as clock_getcpuclockid(3) makes it.
        return sum(time.clock_gettime(~pid << 3 | 2) for pid in pids)

    before, begun, used = counters.switches(pids), time.monotonic(), cpu()
    time.sleep(seconds)
    after, took = counters.switches(pids), time.monotonic() - begun
    return counters.wakeups_per_second(before, after, took), (cpu() - used) / took


def idle(visit):
    """Memory, wake-ups and processor time of connections that do nothing, as differences to the same fresh process
    without them (which has relayed before: what it allocates once is not the connections')."""
    if not visit.contestant.relays:
        return {}
    visit.load("ping", CONCURRENCY, share=0.1)
    pids = visit.contestant.pids()
    wakeups_before, _ = _watch_idle(pids, visit.seconds / 2)
    before = counters.memory(pids)
    with visit.held(IDLE_CONNECTIONS):
        time.sleep(0.3)  # the last answers are through: nothing tells when a proxy has come to rest
        wakeups, share = _watch_idle(pids, visit.seconds)
        after = counters.memory(pids)
    visit.settle()
    return {
        "pss_bytes": (after["pss"] - before["pss"]) / IDLE_CONNECTIONS,
        "private_dirty_bytes": (after["private_dirty"] - before["private_dirty"]) / IDLE_CONNECTIONS,
        "wakeups_per_second": max(0.0, sum(wakeups.values()) - sum(wakeups_before.values())),
        "wakeups_per_second_of_the_program": sum(wakeups.values()),
        "wakeups_by_thread": {thread: [round(wakeups_before.get(thread, 0), 1), round(rate, 1)]
                              for thread, rate in wakeups.items()},
        "cpu_percent": share * 100,
    }


def scale(visit):
    """New connections and pings beside more and more idle ones."""
    if not visit.contestant.scales:
        return {}
    figures = {}
    for level in SCALE_LEVELS:
        with visit.held(level):
            for name in ("connect", "ping"):
                found = _operations(visit.generator.run(name, visit.contestant, CONCURRENCY, visit.seconds / 4))
                figures[f"{name}_per_second_{level}"] = found["per_second"]
                figures[f"{name}_cpu_us_{level}"] = found["cpu_us"]
                figures[f"{name}_p99_us_{level}"] = found["p99_us"]
        visit.settle()
    return figures


def _straced(visit, workload, connections):
    """(calls by name, number of units); strace sees every thread for the length of one counted run."""
    pids = visit.contestant.pids()
    threads = sum(len(os.listdir(f"/proc/{pid}/task")) for pid in pids)
    with tempfile.TemporaryDirectory(dir=visit.generator.lab.directory) as directory:
        summary, said = os.path.join(directory, "summary"), os.path.join(directory, "said")
        with open(said, "wb") as output:
            child = subprocess.Popen(
                ["strace", "-f", "-c", "-U", "name,calls", "-o", summary, *(word for pid in pids for word in ("-p", str(pid)))],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)

        def attached():
            if child.poll() is not None:
                raise AssertionError(f"strace ended with {child.returncode}")
            with open(said, encoding="ascii", errors="replace") as text:
                said_now = text.read()
            # One line for each process, which names the number of its threads when there are more.
            return said_now.count(" attached") >= len(pids)

        try:
            wait_for(f"strace to attach to {threads} threads", attached, 10.0, 0.02)
            result = visit.generator.run(workload, visit.contestant, connections, visit.seconds,
                                         count=STRACED[workload], warmup=0)
            visit.settle()
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
            child.wait(10)
        with open(summary, encoding="ascii", errors="replace") as text:
            calls = parse_summary(text.read())
    return calls, result["bytes"] / (1 << 20) if result["bytes"] else result["operations"]


def syscalls(visit):
    """System calls per unit, in a run of its own: strace makes everything many times slower."""
    if not visit.contestant.relays:
        return {}
    figures = {}
    for workload, connections in (("connect", CONCURRENCY), ("ping", CONCURRENCY), ("download", 1), ("upload", 1)):
        calls, units = _straced(visit, workload, connections)
        waits = sum(count for name, count in calls.items() if name in WAITS)
        figures[f"{workload}_calls"] = (sum(calls.values()) - waits) / units
        figures[f"{workload}_waits"] = waits / units
        figures[f"{workload}_by_name"] = {name: round(count / units, 3) for name, count in
                                          sorted(calls.items(), key=lambda item: -item[1]) if count / units >= 0.005}
    return figures


# Idle first: memory is measured in a process that has done little else.
MEASURES = {
    "idle": idle,
    "connect": connect,
    "ping-1": ping_one,
    "ping-64": ping_many,
    "upload-1": upload_one,
    "upload-4": upload_four,
    "download-1": download_one,
    "download-4": download_four,
    "scale": scale,
    "syscalls": syscalls,
}
# These cost much time and vary little: (how many of the rounds take part)
ROUNDS_AT_MOST = {"scale": 3, "syscalls": 1}
