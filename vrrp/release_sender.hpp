// Says priority 0 for a router that cannot say it any more: its process is dead.
#pragma once

#include "vrrp/config.hpp"

#include <cstdint>
#include <vector>

#include <boost/system/error_code.hpp>

namespace tandem::vrrp {

/// A priority-0 advertisement, ready to send.
struct ReleaseAdvertisement {
    IpAddress source;
    IpAddress destination;
    unsigned interface_index = 0;
    /// TTL or hop limit, 1..255.
    std::uint8_t hop_limit = 255;
    /// The VRRP message with its checksum.
    std::vector<std::uint8_t> packet;
    friend bool operator==(const ReleaseAdvertisement&, const ReleaseAdvertisement&) = default;
};

/// Drive it: open() while all is well, send() when the router's process has ended. Holds one raw
/// socket per address family, which receive nothing. Needs CAP_NET_RAW. Not thread-safe; never
/// blocks.
class ReleaseSender {
  public:
    ReleaseSender() = default;
    ~ReleaseSender();
    ReleaseSender(const ReleaseSender&) = delete;
    ReleaseSender& operator=(const ReleaseSender&) = delete;

    /// A family that this host does not have is left out; send() tells. On error nothing is open.
    boost::system::error_code open();
    boost::system::error_code send(const ReleaseAdvertisement& advert) const;

  private:
    void close();

    int ipv4_ = -1;
    int ipv6_ = -1;
};

}  // namespace tandem::vrrp
