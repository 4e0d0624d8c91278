// A number for a client's address that is the same on every node. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include <boost/asio/ip/address.hpp>

namespace tandem::relay {

/// Spreads the bits of a number (the finalizer of SplitMix64); a bijection.
constexpr std::uint64_t mix(std::uint64_t value) {
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31U);
}

/// FNV-1a, mixed.
constexpr std::uint64_t hash_text(std::string_view text) {
    std::uint64_t value = 0xcbf29ce484222325U;
    for (const char byte : text) {
        value = (value ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
    }
    return mix(value);
}

/// Of the first bits of the address; an IPv4-mapped IPv6 address counts as IPv4. The key is public:
/// a client that may choose its address may choose its upstream, as with any hash of the source.
std::uint64_t hash_client(const boost::asio::ip::address& address, unsigned bits_v4,
                          unsigned bits_v6);

}  // namespace tandem::relay
