// Who claims an address: reads ARP (RFC 826) and neighbour advertisements (RFC 4861 section 4.4).
// Pure.
#pragma once

#include "netlink/message.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace tandem::netlink {

struct NeighbourClaim {
    /// The address that the sender says is its own.
    IpAddress address;
    /// What a neighbour that hears it learns: ARP's sender hardware address, the target link-layer
    /// address option of an advertisement; nullopt: an advertisement without the option.
    std::optional<MacAddress> mac;
    friend bool operator==(const NeighbourClaim&, const NeighbourClaim&) = default;
};

/// @param packet what follows the Ethernet header.
/// @return nullopt: not ARP for IPv4 on Ethernet, cut short, or without a sender address, such as
/// the probe of RFC 5227, which claims nothing yet.
std::optional<NeighbourClaim> parse_arp(std::span<const std::uint8_t> packet);

/// @param message what follows the IPv6 header. Its checksum and hop limit are for the caller: a
/// raw socket has verified the one and tells the other.
/// @return nullopt: not a neighbour advertisement, or malformed.
std::optional<NeighbourClaim> parse_advertisement(std::span<const std::uint8_t> message);

}  // namespace tandem::netlink
