// Sends gratuitous ARP and unsolicited neighbour advertisements. Shell over arp.hpp.
#pragma once

#include "netlink/file_descriptor.hpp"
#include "netlink/message.hpp"

#include <boost/system/error_code.hpp>

namespace tandem::netlink {

/// One AF_PACKET socket for every interface: protocol 0 receives nothing, and the interface is
/// named with each frame, so it does not matter when interfaces come and go.
/// Not thread-safe.
class Announcer {
  public:
    boost::system::error_code open();
    void close() { socket_.reset(); }

    /// Sends `repeat` announcements of the address, without waiting: for IPv4 each is a request and
    /// a reply, for IPv6 a neighbour advertisement. Stops at the first error.
    /// Success without a frame on an interface that is not Ethernet (loopback, tunnels): there are
    /// no neighbours to tell.
    boost::system::error_code announce(const Link& link, const IpAddress& address, unsigned repeat);

  private:
    boost::system::error_code send(unsigned index, std::span<const std::uint8_t> frame);

    FileDescriptor socket_;
};

}  // namespace tandem::netlink
