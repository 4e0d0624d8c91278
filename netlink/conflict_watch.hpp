// Hears who claims an address: sockets for ARP and neighbour advertisements. Shell.
#pragma once

#include "netlink/file_descriptor.hpp"
#include "netlink/neighbour_packet.hpp"

#include <functional>
#include <memory>
#include <set>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/system/error_code.hpp>

namespace tandem::netlink {

/// Drive it: open() with the addresses of interest; the callback runs for each claim of one of them
/// that another machine made, on the io_context. Claims of addresses that end like one of them may
/// come as well. Not thread-safe.
///
/// One socket for ARP and one for advertisements, for every interface. Filters in the kernel keep
/// everything else away, so that a busy link costs nothing: the one for IPv6 is a raw ICMPv6
/// socket, since a packet socket would look at every packet of the relay's. At most kMaxPerTurn
/// packets are read before others get their turn; a flood overflows the socket buffer.
class ConflictWatch {
  public:
    static constexpr int kMaxPerTurn = 32;
    static constexpr int kReceiveBuffer = 64 * 1024;

    using Callback = std::function<void(unsigned interface_index, const NeighbourClaim& claim)>;

    explicit ConflictWatch(boost::asio::io_context& context) : arp_{context}, ndp_{context} {}

    /// In place of what was open before, which stays on error.
    boost::system::error_code open(const std::set<IpAddress>& addresses, Callback callback);
    void close();

  private:
    void wait(boost::asio::posix::stream_descriptor& socket, bool (ConflictWatch::*read_one)());
    bool read_arp();
    bool read_advertisement();

    boost::asio::posix::stream_descriptor arp_;
    boost::asio::posix::stream_descriptor ndp_;
    Callback callback_;
    /// Gone when the sockets are closed: a handler that is on its way does nothing then.
    std::shared_ptr<int> life_;
};

}  // namespace tandem::netlink
