"""Load for a machine: clients that download and clients that come and go, as many as both processors can take.

As a program (in the client's namespace): load.py ADDRESS PORT SECONDS CONNECTIONS [short]
"""

import os
import selectors
import signal
import socket
import struct
import sys
import time

from .processes import Process

REQUEST = b"GET %s HTTP/1.1\r\nHost: load\r\n\r\n"
# Closing with a reset leaves no TIME_WAIT, so that ports do not run out.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Client:
    """One connection after the other: every second client downloads a large file again and again on one connection,
    the others ask a short question on a new connection each time."""

    def __init__(self, selector, target, downloads):
        self.selector, self.target = selector, target
        self.downloads = downloads
        self.socket = None
        self.next_try = 0.0

    def connect(self, now):
        self.next_try = now + 0.05
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.socket.connect_ex(self.target)
        self.selector.register(self.socket, selectors.EVENT_WRITE, self)

    def on_ready(self, events, buffer):
        try:
            if events & selectors.EVENT_WRITE:
                self.socket.send(REQUEST % (b"/large" if self.downloads else b"/"))
                self.selector.modify(self.socket, selectors.EVENT_READ, self)
                return
            size = self.socket.recv_into(buffer)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if size == 0:
            self.close()
        elif not self.downloads:
            self.close()
            self.next_try = 0.0
        elif size < len(buffer) // 4:
            # The end of a file, or a slow moment: another request in the pipe does no harm.
            try:
                self.socket.send(REQUEST % b"/large")
            except OSError:
                self.close()

    def close(self):
        self.selector.unregister(self.socket)
        self.socket.close()
        self.socket = None


def run_clients(address, port, seconds, connections, short):
    buffer = bytearray(1 << 16)
    selector = selectors.DefaultSelector()
    clients = [Client(selector, (address, port), number % 2 == 0 and not short) for number in range(connections)]
    end = time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        for client in clients:
            if client.socket is None and now >= client.next_try:
                client.connect(now)
        for key, events in selector.select(0.02):
            key.data.on_ready(events, buffer)


class Load:
    """Runs clients in a namespace, one process per processor, for no longer than `seconds`. `short`: none downloads."""

    def __init__(self, namespace, address, port, log_path, seconds, connections=32, short=False):
        directory = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        self._processes = [
            Process(namespace, [sys.executable, "-m", "lab.load", address, port, seconds, connections,
                                *(["short"] if short else [])], log_path,
                    {"PYTHONPATH": directory, "PYTHONDONTWRITEBYTECODE": "1"})
            for _ in range(os.cpu_count() or 1)]

    @property
    def running(self):
        return all(process.running for process in self._processes)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self._processes:
            process.stop(signal.SIGTERM)


class ProcessorTime:
    """How busy the machine was, between the constructor and busy()."""

    def __init__(self):
        self._start = self._read()

    @staticmethod
    def _read():
        with open("/proc/stat", encoding="ascii") as handle:
            values = [int(word) for word in handle.readline().split()[1:]]
        return sum(values[:8]), values[3] + values[4]

    def busy(self):
        """Share of all processors, 0 to 1."""
        total, idle = (after - before for after, before in zip(self._read(), self._start))
        return 1 - idle / total if total else 0.0


if __name__ == "__main__":
    run_clients(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), "short" in sys.argv[5:])
