#include "proxy/relay/network.hpp"

#include "proxy/relay/address_bits.hpp"

#include <algorithm>

namespace tandem::relay {

bool Network::contains(const boost::asio::ip::address& client) const {
    const auto plain = unmapped(client);
    if (address.is_v4() != plain.is_v4()) {
        return false;
    }
    const AddressBits a = to_bits(address);
    const AddressBits b = to_bits(plain);
    if (address.is_v4()) {
        return ((a.low ^ b.low) << 32U & leading_bits(std::min(prefix_length, 32U))) == 0;
    }
    const unsigned low = prefix_length > 64 ? prefix_length - 64 : 0;
    return ((a.high ^ b.high) & leading_bits(prefix_length)) == 0 &&
           ((a.low ^ b.low) & leading_bits(low)) == 0;
}

bool contains(std::span<const Network> networks, const boost::asio::ip::address& client) {
    return std::ranges::any_of(networks,
                               [&](const Network& network) { return network.contains(client); });
}

}  // namespace tandem::relay
