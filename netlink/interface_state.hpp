// What the election needs to know about an interface. Plain data.
#pragma once

#include <optional>
#include <vector>

#include <boost/asio/ip/address.hpp>

namespace tandem::netlink {

/// State of an interface as seen by netlink.
struct InterfaceState {
    unsigned index = 0;
    /// IFF_UP and carrier (IFF_RUNNING / IFLA_OPERSTATE up or unknown).
    bool running = false;
    /// First IPv4 address that is not a configured virtual address; primary first.
    std::optional<boost::asio::ip::address> ipv4;
    /// Link-local IPv6 address, not tentative, not a configured virtual address. Its scope id is
    /// zero; the interface is `index`.
    std::optional<boost::asio::ip::address> ipv6_link_local;
    /// Every usable address that is not a configured virtual address, in the kernel's order. IPv6:
    /// not tentative, not a detected duplicate; scope ids are zero.
    std::vector<boost::asio::ip::address> addresses;
    friend bool operator==(const InterfaceState&, const InterfaceState&) = default;
};

}  // namespace tandem::netlink
