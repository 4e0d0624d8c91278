// Who claims an address: reads ARP (RFC 826) and neighbour advertisements (RFC 4861 section 4.4)
// from Ethernet frames without VLAN tag. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include <boost/asio/ip/address.hpp>

namespace tandem::netlink {

struct NeighbourClaim {
    /// The address that the sender says is its own, or, for a probe, means to use.
    boost::asio::ip::address address;
    /// ARP: sender hardware address. Advertisement: source of the frame.
    std::array<std::uint8_t, 6> mac{};
    /// ARP with sender address zero (RFC 5227 section 1.1).
    bool probe = false;
};

/// nullopt: anything else, malformed or cut short. The ICMPv6 checksum is not verified.
std::optional<NeighbourClaim> parse_neighbour_frame(std::span<const std::uint8_t> frame);

}  // namespace tandem::netlink
