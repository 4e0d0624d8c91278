// One VRRP packet through a raw socket, with source address and interface of the caller's choice.
#pragma once

#include "vrrp/config.hpp"

#include <cstdint>
#include <optional>
#include <span>

#include <boost/system/error_code.hpp>

namespace tandem::vrrp {

/// TOS or traffic class of every VRRP packet: CS6, network control.
inline constexpr int kTrafficClass = 0xC0;

/// Addresses of one family.
struct PacketRoute {
    IpAddress source;
    IpAddress destination;
    /// Kernel index of the interface it leaves by.
    unsigned interface_index = 0;
    /// TTL or hop limit, 1..255; unset: that of the socket.
    std::optional<std::uint8_t> hop_limit{};
};

/// Never blocks when the socket does not: a full queue is an error like ENOBUFS. Allocates nothing.
/// @param socket raw socket (IP protocol 112) of the family of the addresses.
boost::system::error_code send_packet(int socket, std::span<const std::uint8_t> packet,
                                      const PacketRoute& route);

}  // namespace tandem::vrrp
