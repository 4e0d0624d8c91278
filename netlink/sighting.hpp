// Names the link-layer sender of a VRRP packet, for alarms. Shell over a pure parser.
#pragma once

#include "netlink/config.hpp"
#include "netlink/file_descriptor.hpp"

#include <array>
#include <chrono>
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
/// A raw IP socket, on which the election receives, does not show the link layer. These are packet
/// sockets beside it that hear VRRP only (classic BPF in the kernel) and are read only when
/// somebody asks. A queue that is full loses the newest packets: call forget() every second or so,
/// to keep room for the packet that will matter. An old packet is never taken for a new one
/// (kFreshness). IPv6 packets with extension headers are not seen; VRRP sends none.
/// Needs CAP_NET_RAW in open(). Never blocks. Not thread-safe.
class Sightings {
  public:
    using MacAddress = std::array<std::uint8_t, 6>;
    /// Packets of each family read by one call; more than fit in the buffer.
    static constexpr int kDrainLimit = 1024;
    /// Socket buffer for each family in bytes (doubled by the kernel): from a hundred packets with
    /// a page for each to several hundred.
    static constexpr int kReceiveBuffer = 256 * 1024;
    /// An older packet says nothing about the one that is asked about.
    static constexpr std::chrono::milliseconds kFreshness{1000};

    /// @param interface_index of an existing interface. May be called again, also for another
    /// interface. After an error nothing is open.
    boost::system::error_code open(unsigned interface_index);
    void close();
    [[nodiscard]] bool is_open() const { return ipv4_.is_open(); }

    /// The sender of the newest packet from `source` (a scope id is ignored) that arrived since the
    /// last call and within kFreshness; then forgets all packets. Packets of this host do not
    /// count. nullopt: none seen, not open, or no Ethernet address.
    std::optional<MacAddress> find(const IpAddress& source);
    /// Drops the packets that are queued.
    void forget();

  private:
    FileDescriptor ipv4_;
    FileDescriptor ipv6_;
};

}  // namespace tandem::netlink
