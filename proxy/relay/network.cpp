#include "proxy/relay/network.hpp"

#include <algorithm>
#include <cstddef>

namespace tandem::relay {

namespace {

template <class Bytes>
bool same_prefix(const Bytes& a, const Bytes& b, unsigned length) {
    for (std::size_t index = 0; index < a.size() && length > 0; ++index) {
        const unsigned bits = std::min(length, 8U);
        if ((a[index] ^ b[index]) >> (8U - bits) != 0) {
            return false;
        }
        length -= bits;
    }
    return true;
}

}  // namespace

boost::asio::ip::address plain_address(const boost::asio::ip::address& address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
    }
    return address;
}

bool Network::contains(const boost::asio::ip::address& client) const {
    const boost::asio::ip::address plain = plain_address(client);
    if (address.is_v4() != plain.is_v4()) {
        return false;
    }
    return address.is_v4()
               ? same_prefix(address.to_v4().to_bytes(), plain.to_v4().to_bytes(), prefix_length)
               : same_prefix(address.to_v6().to_bytes(), plain.to_v6().to_bytes(), prefix_length);
}

bool contains(std::span<const Network> networks, const boost::asio::ip::address& client) {
    return std::ranges::any_of(networks,
                               [&](const Network& network) { return network.contains(client); });
}

}  // namespace tandem::relay
