// Sends gratuitous ARP and unsolicited neighbour advertisements. Shell over arp.hpp.
#pragma once

#include "netlink/arp.hpp"
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

    /// Sends one frame, without waiting. Success without a frame on an interface that is not
    /// Ethernet (loopback, tunnels): there are no neighbours to tell.
    boost::system::error_code send_arp(const Link& link, const boost::asio::ip::address_v4& address,
                                       ArpForm form);
    boost::system::error_code send_advertisement(const Link& link,
                                                 const boost::asio::ip::address_v6& address,
                                                 bool router);
    /// The same announcement in a frame to one neighbour alone, for one that hears no broadcast.
    boost::system::error_code send_to(const Link& link, const IpAddress& address,
                                      const MacAddress& neighbour, bool router);
    /// Asks who has the address, without claiming it.
    boost::system::error_code send_probe(const Link& link, const IpAddress& address);

  private:
    boost::system::error_code send(const Link& link, std::span<const std::uint8_t> frame);

    FileDescriptor socket_;
};

}  // namespace tandem::netlink
