// Ethernet frames that announce or probe an address: gratuitous ARP (RFC 826, RFC 5944 section 4.6)
// and the unsolicited neighbour advertisement (RFC 4861 section 7.2.6). Pure.
#pragma once

#include <array>
#include <cstdint>

#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>

namespace tandem::netlink {

/// Gratuitous ARP comes in two forms and some stacks heed only one of them: send both.
enum class ArpForm : std::uint8_t {
    Request,  ///< opcode 1, target hardware address ff:ff:ff:ff:ff:ff as keepalived and FRR send
    Reply,    ///< opcode 2, target hardware address = sender's (RFC 5944)
};

/// 14 bytes Ethernet, 28 bytes ARP; the driver pads to the Ethernet minimum.
using ArpFrame = std::array<std::uint8_t, 42>;
/// 14 bytes Ethernet, 40 bytes IPv6, 24 bytes advertisement, 8 bytes option.
using NeighbourFrame = std::array<std::uint8_t, 86>;

/// Broadcast; sender protocol address = target protocol address = `address`.
ArpFrame gratuitous_arp(ArpForm form, const std::array<std::uint8_t, 6>& mac,
                        const boost::asio::ip::address_v4& address);

/// To ff02::1 (33:33:00:00:00:01) from the address itself, hop limit 255, flags R = `router`,
/// S=0, O=1, target link-layer address option = `mac`. A host that clears R of an address makes its
/// neighbours drop it as a default router (RFC 4861 section 7.2.5), so R must say what the kernel
/// says when it answers: whether the interface forwards.
NeighbourFrame unsolicited_advertisement(const std::array<std::uint8_t, 6>& mac,
                                         const boost::asio::ip::address_v6& address,
                                         bool router = false);

/// ARP probe (RFC 5227 section 2.1.1): who has `address`? Sender address zero, so that nobody
/// learns anything from it.
ArpFrame arp_probe(const std::array<std::uint8_t, 6>& mac,
                   const boost::asio::ip::address_v4& address);

/// 14 bytes Ethernet, 40 bytes IPv6, 24 bytes solicitation.
using SolicitationFrame = std::array<std::uint8_t, 78>;

/// The same for IPv6, as duplicate address detection does it (RFC 4862 section 5.4.2): a
/// solicitation from :: to the solicited-node group, which the holder answers to all nodes.
SolicitationFrame neighbour_probe(const std::array<std::uint8_t, 6>& mac,
                                  const boost::asio::ip::address_v6& address);

}  // namespace tandem::netlink
