// Virtual addresses as configured. Plain data: filled by proxy/config, read by netlink.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <boost/asio/ip/address.hpp>

namespace tandem::netlink {

using IpAddress = boost::asio::ip::address;

/// One line of virtual_ipaddress or virtual_ipaddress_excluded.
struct VirtualAddress {
    IpAddress address;
    /// 0..32 or 0..128; keepalived's default is the full length (32 or 128).
    std::uint8_t prefix_length = 32;
    /// Interface that carries the address.
    std::string interface;
    /// rt_scope value: 0 global (default), 200 site, 253 link, 254 host.
    std::uint8_t scope = 0;
    /// Interface label such as eth0:1; empty: none. At most 15 bytes.
    std::string label;
    std::optional<IpAddress> broadcast;
    /// IPv6: false adds the address with IFA_F_NODAD (default), true lets the kernel run DAD.
    bool duplicate_address_detection = false;
};

/// When gratuitous ARP and unsolicited neighbour advertisements are sent (keepalived's garp_*).
struct AnnounceSchedule {
    /// Announcements per address in each burst.
    unsigned repeat = 5;
    /// Second burst this long after the first; zero: none.
    std::chrono::milliseconds second_burst_delay = std::chrono::seconds{5};
    /// Announce again this often while active; zero: never.
    std::chrono::milliseconds refresh{0};
    unsigned refresh_repeat = 1;
};

}  // namespace tandem::netlink
