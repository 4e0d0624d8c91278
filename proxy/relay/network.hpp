// Networks of clients. Pure.
#pragma once

#include <span>

#include <boost/asio/ip/address.hpp>

namespace tandem::relay {

/// Address and prefix length. An IPv4 client matches an IPv4 network also when its address comes
/// mapped into IPv6.
struct Network {
    boost::asio::ip::address address;
    /// 0..32 or 0..128; bits of the address behind it do not count.
    unsigned prefix_length = 0;
    [[nodiscard]] bool contains(const boost::asio::ip::address& client) const;
    bool operator==(const Network&) const = default;
};

bool contains(std::span<const Network> networks, const boost::asio::ip::address& client);

}  // namespace tandem::relay
