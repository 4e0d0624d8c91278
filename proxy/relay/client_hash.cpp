#include "proxy/relay/client_hash.hpp"

#include "proxy/relay/address_bits.hpp"

#include <algorithm>

namespace tandem::relay {

std::uint64_t hash_client(const boost::asio::ip::address& address, unsigned bits_v4,
                          unsigned bits_v6) {
    const auto plain = unmapped(address);
    const AddressBits bits = to_bits(plain);
    // The numbers added keep the families apart.
    if (plain.is_v4()) {
        return mix((bits.low << 32U & leading_bits(std::min(bits_v4, 32U))) + 4);
    }
    const unsigned low_bits = bits_v6 > 64 ? bits_v6 - 64 : 0;
    return mix(mix((bits.high & leading_bits(bits_v6)) + 6) + (bits.low & leading_bits(low_bits)));
}

}  // namespace tandem::relay
