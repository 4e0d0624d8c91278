// Addresses as numbers, for what looks at their leading bits: networks, prefixes, hashes. Pure.
#pragma once

#include <compare>
#include <cstdint>

#include <boost/asio/ip/address.hpp>

namespace tandem::relay {

/// 128 bits. Those of an IPv4 address are the 32 lowest ones.
struct AddressBits {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    auto operator<=>(const AddressBits&) const = default;
};

AddressBits to_bits(const boost::asio::ip::address& address);

/// An IPv4 address mapped into IPv6 as the IPv4 address, others as they are.
boost::asio::ip::address unmapped(const boost::asio::ip::address& address);

/// The leading `count` of 64 bits set; more than 64: all.
constexpr std::uint64_t leading_bits(unsigned count) {
    return count == 0 ? 0 : ~std::uint64_t{0} << (count >= 64 ? 0U : 64 - count);
}

}  // namespace tandem::relay
