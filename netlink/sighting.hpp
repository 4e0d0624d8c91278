// Names the link-layer sender of a VRRP packet, for alarms. Shell over a pure parser.
#pragma once

#include "netlink/config.hpp"
#include "netlink/file_descriptor.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <boost/system/error_code.hpp>

namespace tandem::netlink {

/// Source address of the IP packet that starts `packet`; nullopt: not an IPv4 or IPv6 packet that
/// carries VRRP (protocol 112), or cut short. Never reads outside `packet`. Pure.
std::optional<IpAddress> vrrp_packet_source(std::span<const std::uint8_t> packet);

/// Sees the frames of VRRP packets that arrive at one interface and tells who sent them.
///
/// A raw IP socket, on which the election receives, does not show the link layer. This is a packet
/// socket beside it that hears VRRP only (classic BPF in the kernel) and is read only when somebody
/// asks. Its buffer is small: when it is full the kernel drops the newest packets, so ask soon
/// after the packet in question; what is found is the newest of the queue. IPv6 packets with
/// extension headers are not seen, as VRRP has none (RFC 9568 section 5.1.2).
/// Needs CAP_NET_RAW. Never blocks. Not thread-safe.
class Sightings {
  public:
    using MacAddress = std::array<std::uint8_t, 6>;
    /// Packets read by one find().
    static constexpr int kDrainLimit = 256;
    /// Socket buffer in bytes (the kernel doubles it): a hundred advertisements or so.
    static constexpr int kReceiveBuffer = 64 * 1024;

    /// @param interface_index of an existing interface. May be called again for another one. After
    /// an error nothing is open.
    boost::system::error_code open(unsigned interface_index);
    void close() { socket_.reset(); }
    [[nodiscard]] bool is_open() const { return socket_.is_open(); }

    /// Reads what arrived since the last call, at most kDrainLimit packets, and forgets it; the
    /// sender of the newest packet from `source` (a scope id is ignored). Packets of this host are
    /// not looked at. nullopt: none seen, not open, or not an Ethernet-like address.
    std::optional<MacAddress> find(const IpAddress& source);

  private:
    FileDescriptor socket_;
};

}  // namespace tandem::netlink
