"""Frames made by hand: VRRP advertisements, ARP requests and neighbour solicitations with every field free."""

import hashlib
import hmac
import ipaddress
import socket
import struct

ETHERNET_IPV4, ETHERNET_ARP, ETHERNET_IPV6 = 0x0800, 0x0806, 0x86DD
ETHERNET_ALL = 0x0003
PROTOCOL_VRRP, PROTOCOL_ICMP6 = 112, 58
VRRP_GROUP = {4: "224.0.0.18", 6: "ff02::12"}
BROADCAST_MAC = "ff:ff:ff:ff:ff:ff"
NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT = 135, 136


def packed(address):
    return ipaddress.ip_address(address).packed


def mac_bytes(mac):
    return bytes.fromhex(mac.replace(":", ""))


def internet_checksum(data):
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo_header(source, destination, length, protocol):
    addresses = packed(source) + packed(destination)
    if len(addresses) == 8:
        return addresses + struct.pack("!BBH", 0, protocol, length)
    return addresses + struct.pack("!II", length, protocol)


def multicast_mac(address):
    """The Ethernet group of an IP group (RFC 1112, RFC 2464)."""
    raw = packed(address)
    if len(raw) == 4:
        return "01:00:5e:" + bytes([raw[1] & 0x7F, raw[2], raw[3]]).hex(":")
    return "33:33:" + raw[12:].hex(":")


def ethernet(destination, source, kind, body):
    return mac_bytes(destination) + mac_bytes(source) + struct.pack("!H", kind) + body


def ip_packet(source, destination, protocol, payload, time_to_live=255):
    """IPv4 without options or IPv6 without extensions, by the family of the addresses."""
    if ":" in source:
        header = struct.pack("!IHBB", 0x6C000000, len(payload), protocol, time_to_live)
        return header + packed(source) + packed(destination) + payload

    def header(checksum):
        return struct.pack("!BBHHHBBH", 0x45, 0xC0, 20 + len(payload), 1, 0, time_to_live, protocol, checksum) + \
            packed(source) + packed(destination)
    return header(internet_checksum(header(0))) + payload


def advertisement(priority, addresses, source, destination, virtual_router_id=51, version=3, interval=100,
                  message_only=False, password=None):
    """The VRRP message. `interval`: centiseconds in version 3, seconds in version 2. `message_only`: the checksum of
    version 3 over IPv4 leaves the pseudo-header out. `password`: version 2 simple text authentication."""
    listed = b"".join(packed(address) for address in addresses)
    first = struct.pack("!BBBB", version << 4 | 1, virtual_router_id, priority, len(addresses))
    tail = b""
    if version == 2:
        second = struct.pack("!BB", 0 if password is None else 1, interval)
        tail = (password or "").encode("ascii")[:8].ljust(8, b"\0")
    else:
        second = struct.pack("!H", interval & 0x0FFF)
    plain = first + second + b"\0\0" + listed + tail
    covered = plain
    if version == 3 and not message_only:
        covered = pseudo_header(source, destination, len(plain), PROTOCOL_VRRP) + plain
    return plain[:6] + struct.pack("!H", internet_checksum(covered)) + plain[8:]


def advertisement_frame(source_mac, source, priority, addresses, destination=None, destination_mac=None,
                        time_to_live=255, sign=None, **fields):
    """A whole frame; without `destination` to the multicast group. `sign` makes a trailer for source and message;
    `fields` as in `advertisement`."""
    family = 6 if ":" in source else 4
    destination = destination or VRRP_GROUP[family]
    message = advertisement(priority, addresses, source, destination, **fields)
    if sign is not None:
        message += sign(source, message)
        if family == 6:
            # The kernel of a real sender writes this one, over the trailer too.
            covered = message[:6] + b"\0\0" + message[8:]
            checksum = internet_checksum(pseudo_header(source, destination, len(covered), PROTOCOL_VRRP) + covered)
            message = message[:6] + struct.pack("!H", checksum) + message[8:]
    return ethernet(destination_mac or multicast_mac(destination), source_mac,
                    ETHERNET_IPV6 if family == 6 else ETHERNET_IPV4,
                    ip_packet(source, destination, PROTOCOL_VRRP, message, time_to_live))


def hmac_trailer(key, key_id, moment, source, message):
    """The trailer of auth_hmac (draft-cassen-vrrp-auth-hmac-00) for a message, made at a moment of the real clock."""
    head = struct.pack("!BBHIHH", 1, key_id, 0, int(moment), int(moment % 1 * 65536), 0)
    first = struct.pack("!BBBB", 6 if ":" in source else 4, message[0] >> 4, message[1], 0)
    covered = first + packed(source).ljust(16, b"\0") + message[:6] + b"\0\0" + message[8:] + head + bytes(16)
    return head + hmac.new(key, covered, hashlib.sha256).digest()[:16]


def arp_frame(operation, sender_mac, sender, target, target_mac="00:00:00:00:00:00", destination_mac=BROADCAST_MAC):
    """Request (1) or reply (2)."""
    body = struct.pack("!HHBBH", 1, ETHERNET_IPV4, 6, 4, operation) + mac_bytes(sender_mac) + packed(sender) + \
        mac_bytes(target_mac) + packed(target)
    return ethernet(destination_mac, sender_mac, ETHERNET_ARP, body.ljust(46, b"\0"))


def solicitation_frame(source_mac, source, target):
    """Neighbour solicitation to the target's solicited-node group."""
    group = str(ipaddress.ip_address(packed("ff02::1:ff00:0")[:13] + packed(target)[13:]))
    message = struct.pack("!BBHI", NEIGHBOUR_SOLICITATION, 0, 0, 0) + packed(target) + b"\x01\x01" + \
        mac_bytes(source_mac)
    checksum = internet_checksum(pseudo_header(source, group, len(message), PROTOCOL_ICMP6) + message)
    message = message[:2] + struct.pack("!H", checksum) + message[4:]
    return ethernet(multicast_mac(group), source_mac, ETHERNET_IPV6,
                    ip_packet(source, group, PROTOCOL_ICMP6, message))


def neighbour_advertisement_frame(source_mac, address, destination="ff02::1"):
    """Unsolicited, with the override flag: who has the address now."""
    body = bytes([136, 0, 0, 0, 0x20, 0, 0, 0]) + packed(address) + bytes([2, 1]) + mac_bytes(source_mac)
    checksum = internet_checksum(pseudo_header(address, destination, len(body), 58) + body)
    body = body[:2] + checksum.to_bytes(2, "big") + body[4:]
    return ethernet(multicast_mac(destination), source_mac, 0x86DD, ip_packet(address, destination, 58, body))


def hardware_address(namespace, interface="eth0"):
    def read():
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as handle:
            handle.bind((interface, 0))
            return handle.getsockname()[4].hex(":")

    return namespace.call(read)


class FrameSocket:
    """Sends frames on one interface of a namespace, whatever is in them, and receives what arrives there."""

    def __init__(self, namespace, interface="eth0", receive=False):
        self.mac = hardware_address(namespace, interface)
        self._socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        # The protocol only now: before the bind the socket would hear every interface.
        self._socket.bind((interface, ETHERNET_ALL if receive else 0))

    def fileno(self):
        return self._socket.fileno()

    def send(self, frame):
        self._socket.send(frame)

    def receive(self):
        """One frame, or None when none waits."""
        try:
            return self._socket.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
