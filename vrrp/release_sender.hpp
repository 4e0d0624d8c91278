// Says priority 0 for a router that cannot say it any more: its process is dead.
#pragma once

#include "vrrp/release_advertisement.hpp"

#include <boost/system/error_code.hpp>

namespace tandem::vrrp {

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
