// Which address of this node reaches a target, when some of its addresses must not be used.
#pragma once

#include "proxy/relay/config.hpp"

#include <span>
#include <string>
#include <vector>

#include <boost/system/result.hpp>

namespace tandem::relay {

struct InterfaceAddress {
    std::string interface;
    IpAddress address;
};

/// Pure: the kernel's choice when it is not virtual, else another address of the same interface
/// and family (link-local only in place of link-local). Error: address_not_available.
boost::system::result<IpAddress> choose_own_address(const IpAddress& kernel_choice,
                                                    std::span<const InterfaceAddress> addresses,
                                                    std::span<const IpAddress> virtual_addresses);

/// Asks the kernel (route lookup of an unsent datagram, getifaddrs), then choose_own_address().
/// Errors of the route lookup (network unreachable) come back as they are.
boost::system::result<IpAddress> own_address_towards(const Endpoint& target,
                                                     std::span<const IpAddress> virtual_addresses);

}  // namespace tandem::relay
