"""Measures how long an address does not answer.

A new connection with one HTTP request starts every few milliseconds whatever became of the earlier ones, so neither
a retransmission timer nor a slow answer hides in the result: the longest time without a success is exact to about one
interval. The prober is a process of its own in the client's namespace; `Prober` controls it and reads its log.
"""

import argparse
import errno
import json
import os
import selectors
import signal
import socket
import sys
import time
from dataclasses import dataclass

from .processes import Process
from .waiting import wait_for

PACKAGE_PARENT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = "/usr/bin/python3"
MAXIMUM_OUTSTANDING = 200


@dataclass(frozen=True)
class Attempt:
    started: float
    ended: float
    result: str  # "ok", or what failed: refused, reset, timeout, closed, error
    upstream: str
    seen_address: str

    @property
    def succeeded(self):
        return self.result == "ok"


@dataclass(frozen=True)
class Gap:
    """The longest time without a success. `closed` is false when no success followed."""
    seconds: float
    begin: float
    end: float
    failures: dict
    closed: bool = True


def longest_gap(attempts, begin, end):
    """Longest interval between successive successes that overlaps begin..end."""
    moments = sorted(a.ended for a in attempts if a.succeeded)
    before = [m for m in moments if m <= begin][-1:]
    inside = [m for m in moments if begin < m < end]
    after = [m for m in moments if m >= end][:1]
    closed = bool(inside or after)
    points = (before or [begin]) + inside + (after or [end])
    width, first, last = max((b - a, a, b) for a, b in zip(points, points[1:]))
    failures = {}
    for attempt in attempts:
        if not attempt.succeeded and first - 0.2 <= attempt.started <= last:
            failures[attempt.result] = failures.get(attempt.result, 0) + 1
    return Gap(width, first, last, failures, closed)


class Prober:
    """Continuous requests from a namespace.

    with Prober(lab.client, vip, 80, log) as prober:
        prober.wait_success(); t = time.monotonic(); ...; prober.wait_success(after=...)
        gap = prober.gap(since=t)
    """

    def __init__(self, namespace, address, port, log_path, interval=0.004, timeout=0.25):
        self.log_path = log_path
        if os.path.exists(log_path):
            os.unlink(log_path)  # of an earlier prober; its lines are not ours
        self._process = Process(namespace, [
            PYTHON, "-m", "lab.prober", "--address", address, "--port", port, "--log", log_path,
            "--interval", interval, "--timeout", timeout,
        ], log_path + ".err", {"PYTHONPATH": PACKAGE_PARENT})
        self._attempts = []
        self._offset = 0

    def attempts(self):
        """Everything finished so far."""
        if os.path.exists(self.log_path):
            with open(self.log_path, encoding="ascii") as handle:
                handle.seek(self._offset)
                text = handle.read()
            complete = text[:text.rfind("\n") + 1]
            self._offset += len(complete)
            for line in complete.splitlines():
                started, ended, result, upstream, seen = line.split(" ")
                self._attempts.append(Attempt(float(started), float(ended), result, upstream, seen))
        return self._attempts

    def wait_success(self, after=None, count=5, timeout=15.0):
        """Waits until `count` requests that began after a moment (default: now) succeeded."""
        moment = time.monotonic() if after is None else after

        def enough():
            if not self._process.running:
                raise AssertionError(f"prober ended: {self._process.output()[-2000:]}")
            return sum(1 for a in self.attempts() if a.succeeded and a.started >= moment) >= count

        wait_for(f"{count} answers", enough, timeout)

    def gap(self, since, until=None):
        return longest_gap(self.attempts(), since, until or time.monotonic())

    def close(self):
        self._process.stop(signal.SIGTERM)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class _Request:
    """One connection of the prober."""

    def __init__(self, family, target, now, timeout, request):
        self.socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.started = now
        self.deadline = now + timeout
        self._pending = request
        self._answer = b""
        code = self.socket.connect_ex(target)
        self.result = None if code in (0, errno.EINPROGRESS) else _name(code)

    def ready(self):
        """Moves the request on; sets `result` when it is over."""
        try:
            if self._pending:
                code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code:
                    self.result = _name(code)
                    return
                self.socket.send(self._pending)
                self._pending = b""
                return
            data = self.socket.recv(65536)
            if data:
                self._answer += data
            else:
                self.result = "ok" if self._complete() else "closed"
        except BlockingIOError:
            pass
        except OSError as error:
            self.result = _name(error.errno)

    @property
    def wants_write(self):
        return bool(self._pending)

    def _complete(self):
        return self._answer.startswith(b"HTTP/1.1 200") and self._body() is not None

    def _body(self):
        try:
            return json.loads(self._answer.partition(b"\r\n\r\n")[2])
        except ValueError:
            return None

    def line(self, now):
        body = (self._body() or {}) if self.result == "ok" else {}
        return (f"{self.started:.6f} {now:.6f} {self.result} "
                f"{body.get('upstream', '-')} {body.get('peer', '-')}\n")


def _name(code):
    return {errno.ECONNREFUSED: "refused", errno.ECONNRESET: "reset", errno.EPIPE: "reset"}.get(code, "error")


def probe(address, port, log_path, interval, timeout):
    """The prober's loop; ends on SIGTERM."""
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    family, _, _, _, target = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    host = f"[{address}]" if ":" in address else address
    request = f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("ascii")
    selector = selectors.EpollSelector()
    outstanding = {}
    flush_at = next_start = time.monotonic()
    with open(log_path, "w", encoding="ascii") as log:
        def finish(entry, now):
            selector.unregister(entry.socket)
            entry.socket.close()
            del outstanding[entry]
            log.write(entry.line(now))

        while not stopping:
            now = time.monotonic()
            if now >= next_start:
                next_start = max(next_start + interval, now)
                if len(outstanding) < MAXIMUM_OUTSTANDING:
                    entry = _Request(family, target, now, timeout, request)
                    outstanding[entry] = True
                    selector.register(entry.socket, selectors.EVENT_WRITE, entry)
                    if entry.result:
                        finish(entry, now)
            for key, _ in selector.select(max(0.0, next_start - time.monotonic())):
                entry = key.data
                wrote = entry.wants_write
                entry.ready()
                if entry.result:
                    finish(entry, time.monotonic())
                elif wrote and not entry.wants_write:
                    selector.modify(entry.socket, selectors.EVENT_READ, entry)
            now = time.monotonic()
            for entry in [e for e in outstanding if e.deadline <= now]:
                entry.result = "timeout"
                finish(entry, now)
            if now >= flush_at:
                log.flush()
                flush_at = now + 0.02


def main():
    parser = argparse.ArgumentParser(description="continuous HTTP requests; one log line each")
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--interval", type=float, default=0.004, help="seconds between new connections")
    parser.add_argument("--timeout", type=float, default=0.25, help="seconds until a request is given up")
    options = parser.parse_args()
    probe(options.address, options.port, options.log, options.interval, options.timeout)


if __name__ == "__main__":
    sys.exit(main())
