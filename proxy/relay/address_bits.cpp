#include "proxy/relay/address_bits.hpp"

#include <cstddef>

namespace tandem::relay {

AddressBits to_bits(const boost::asio::ip::address& address) {
    if (address.is_v4()) {
        return {0, address.to_v4().to_uint()};
    }
    AddressBits bits;
    const auto bytes = address.to_v6().to_bytes();
    for (std::size_t index = 0; index < 8; ++index) {
        bits.high = bits.high << 8U | bytes[index];
        bits.low = bits.low << 8U | bytes[index + 8];
    }
    return bits;
}

boost::asio::ip::address unmapped(const boost::asio::ip::address& address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
    }
    return address;
}

}  // namespace tandem::relay
