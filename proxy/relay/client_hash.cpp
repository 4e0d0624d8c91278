#include "proxy/relay/client_hash.hpp"

#include <algorithm>

namespace tandem::relay {

namespace {

/// The first `bits` of 64.
constexpr std::uint64_t first_bits(std::uint64_t value, unsigned bits) {
    return bits == 0 ? 0 : bits >= 64 ? value : value & ~(~std::uint64_t{0} >> bits);
}

}  // namespace

std::uint64_t hash_client(const boost::asio::ip::address& address, unsigned bits_v4,
                          unsigned bits_v6) {
    namespace ip = boost::asio::ip;
    if (address.is_v4() || address.to_v6().is_v4_mapped()) {
        const ip::address_v4 v4 =
            address.is_v4() ? address.to_v4() : ip::make_address_v4(ip::v4_mapped, address.to_v6());
        const std::uint64_t bits = std::uint64_t{v4.to_uint()} << 32U;
        return mix(first_bits(bits, std::min(bits_v4, 32U)) + 4);
    }
    const ip::address_v6::bytes_type bytes = address.to_v6().to_bytes();
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    for (std::size_t index = 0; index < 8; ++index) {
        high = high << 8U | bytes[index];
        low = low << 8U | bytes[index + 8];
    }
    const unsigned low_bits = bits_v6 > 64 ? bits_v6 - 64 : 0;
    return mix(mix(first_bits(high, bits_v6) + 6) + first_bits(low, low_bits));
}

}  // namespace tandem::relay
