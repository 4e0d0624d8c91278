"""A third machine on the link that forges advertisements: its MAC address, source, TTL and contents are free."""

import os
import threading
import time

from . import frames
from .capture import parse_frame
from .topology import address4

ATTACKER_MAC = "02:00:00:00:0b:ad"


class Attacker:
    """Sends from the client's interface. Close it after the test."""

    def __init__(self, lab, mac=ATTACKER_MAC):
        self.lab = lab
        self.mac = mac
        self._socket = frames.FrameSocket(lab.client, receive=True)
        self._repeating = []

    def send(self, frame):
        self._socket.send(frame)

    def frame(self, priority, source=None, addresses=None, **fields):
        """An advertisement of the attacker's own address and the lab's VIP, unless said otherwise."""
        fields.setdefault("interval", 20)
        return frames.advertisement_frame(fields.pop("mac", self.mac), source or address4("client"), priority,
                                          addresses or [self.lab.vip], **fields)

    def advertise(self, priority, **fields):
        self.send(self.frame(priority, **fields))

    def repeat(self, frame, interval):
        """Sends a frame again and again until the returned function is called."""
        stopped = threading.Event()

        def work():
            while not stopped.wait(interval):
                self.send(frame)

        self.send(frame)
        thread = threading.Thread(target=work, daemon=True)
        thread.start()

        def stop():
            stopped.set()
            thread.join()

        self._repeating.append(stop)
        return stop

    def hear(self, source, timeout=5.0):
        """The next multicast advertisement of a node, as the whole frame."""
        while self._socket.receive() is not None:
            pass
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            frame = self._socket.receive()
            if frame is None:
                time.sleep(0.001)
                continue
            packet = parse_frame(0.0, frame)
            if packet.vrrp_priority is not None and packet.source == source:
                return frame
        raise AssertionError(f"no advertisement from {source} in {timeout} s")

    def flood(self, made, packets_per_second, seconds):
        """Sends the frames in turn at a rate; returns how many of each were sent and how long it took."""
        sent = [0] * len(made)
        took = []

        def work():
            # A flood that waits for a busy machine is none.
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
            batch = max(1, packets_per_second // 200)
            began = due = time.monotonic()
            while due < began + seconds:
                for position in range(batch):
                    self.send(made[position % len(made)])
                    sent[position % len(made)] += 1
                due += batch / packets_per_second
                time.sleep(max(0.0, due - time.monotonic()))
            took.append(time.monotonic() - began)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return sent, took[0]

    def close(self):
        for stop in self._repeating:
            stop()
        self._socket.close()
