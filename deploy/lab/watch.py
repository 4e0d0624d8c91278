"""Watches the addresses of a namespace through netlink, with monotonic time."""

import os
import socket
import struct
import threading
import time
from dataclasses import dataclass

from .waiting import wait_for

RTM_NEWADDR, RTM_DELADDR = 20, 21
IFA_ADDRESS, IFA_LOCAL = 1, 2
GROUPS = 0x10 | 0x100  # RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR


@dataclass(frozen=True)
class AddressEvent:
    time: float
    added: bool
    address: str


def parse(data, now):
    """Address events of one netlink datagram."""
    events = []
    while len(data) >= 16:
        length, kind = struct.unpack_from("=IH", data)
        if length < 16:
            break
        if kind in (RTM_NEWADDR, RTM_DELADDR):
            family = data[16]
            attributes = _attributes(data[24:length])
            raw = attributes.get(IFA_LOCAL) or attributes.get(IFA_ADDRESS)
            if raw:
                events.append(AddressEvent(now, kind == RTM_NEWADDR, socket.inet_ntop(family, raw)))
        data = data[(length + 3) & ~3:]
    return events


def _attributes(data):
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            break
        found[kind] = data[4:length]
        data = data[(length + 3) & ~3:]
    return found


class AddressWatcher:
    """Collects address events until closed.

    with AddressWatcher(lab.node1) as watcher: ... watcher.wait_removed(vip, after=t)
    """

    def __init__(self, namespace):
        self._socket = namespace.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind((0, GROUPS))
        self._socket.settimeout(0.1)
        self._closing = False
        self.events = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        # The moment is taken here, so this thread must not wait for a busy machine.
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        while not self._closing:
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                continue
            self.events += parse(data, time.monotonic())

    def find(self, address, added, after=0.0):
        return next((e.time for e in list(self.events)
                     if e.address == address and e.added == added and e.time >= after), None)

    def wait_removed(self, address, after, timeout=10.0):
        """Moment at which the address left."""
        return wait_for(f"{address} to leave", lambda: self.find(address, False, after), timeout, 0.01)

    def wait_added(self, address, after, timeout=10.0):
        return wait_for(f"{address} to come", lambda: self.find(address, True, after), timeout, 0.01)

    def close(self):
        self._closing = True
        self._thread.join()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
