"""Packet capture with tcpdump and a reader of what it wrote."""

import ipaddress
import signal
import struct
import time
from dataclasses import dataclass

from .processes import Process

ETHERNET_IPV4, ETHERNET_ARP, ETHERNET_IPV6 = 0x0800, 0x0806, 0x86DD
PROTOCOL_TCP, PROTOCOL_VRRP = 6, 112
FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10


@dataclass(frozen=True)
class Packet:
    """What the tests ask about a frame. `time` is monotonic; `source` of an ARP frame is its sender address."""
    time: float
    source_mac: str
    ethernet_type: int
    source: str = ""
    destination: str = ""
    protocol: int = 0
    payload: bytes = b""  # behind the IP header; for ARP the ARP packet

    @property
    def source_port(self):
        return struct.unpack_from("!H", self.payload)[0] if self.protocol == PROTOCOL_TCP else 0

    @property
    def destination_port(self):
        return struct.unpack_from("!H", self.payload, 2)[0] if self.protocol == PROTOCOL_TCP else 0

    @property
    def tcp_flags(self):
        return self.payload[13] if self.protocol == PROTOCOL_TCP else 0

    @property
    def vrrp_priority(self):
        """Priority of an advertisement; None for other packets."""
        return self.payload[2] if self.protocol == PROTOCOL_VRRP and len(self.payload) >= 8 else None


def parse_frame(moment, frame):
    mac = frame[6:12].hex(":")
    kind = struct.unpack_from("!H", frame, 12)[0]
    body = frame[14:]
    if kind == ETHERNET_IPV4 and len(body) >= 20:
        header = (body[0] & 0x0F) * 4
        total = struct.unpack_from("!H", body, 2)[0]
        return Packet(moment, mac, kind, str(ipaddress.ip_address(body[12:16])),
                      str(ipaddress.ip_address(body[16:20])), body[9], bytes(body[header:total or None]))
    if kind == ETHERNET_IPV6 and len(body) >= 40:
        return Packet(moment, mac, kind, str(ipaddress.ip_address(body[8:24])),
                      str(ipaddress.ip_address(body[24:40])), body[6], bytes(body[40:]))
    if kind == ETHERNET_ARP and len(body) >= 28:
        return Packet(moment, mac, kind, str(ipaddress.ip_address(body[14:18])),
                      str(ipaddress.ip_address(body[24:28])), 0, bytes(body))
    return Packet(moment, mac, kind)


def read_pcap(path, clock_offset):
    """Packets of a pcap file of Ethernet frames; `clock_offset` is real time minus monotonic time."""
    with open(path, "rb") as handle:
        data = handle.read()
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}.get(data[:4])
    if order is None:
        raise ValueError(f"{path}: not a pcap file with microseconds")
    packets, offset = [], 24
    while offset + 16 <= len(data):
        seconds, micros, captured, _ = struct.unpack_from(order + "IIII", data, offset)
        offset += 16
        if offset + captured > len(data):
            break
        moment = seconds + micros / 1e6 - clock_offset
        packets.append(parse_frame(moment, data[offset:offset + captured]))
        offset += captured
    return packets


class Capture:
    """tcpdump on one interface. Listening when the constructor returns.

    Capture.sent_by(lab, "node1", path): what a host put on the wire, seen at its switch port.
    """

    def __init__(self, namespace, interface, path, expression="", direction="inout"):
        self.path = path
        self.clock_offset = time.time() - time.monotonic()
        self._process = Process(namespace, [
            "tcpdump", "-i", interface, "-n", "-U", "--immediate-mode", "-s", "256", "-Q", direction, "-w", path,
            *([expression] if expression else []),
        ], path + ".err")
        self._process.wait_output("listening on")

    @classmethod
    def sent_by(cls, lab, host, path, expression=""):
        return cls(lab.switch, host, path, expression, "in")

    def packets(self):
        """Everything captured so far."""
        return read_pcap(self.path, self.clock_offset)

    def close(self):
        self._process.stop(signal.SIGINT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
