// Any bytes as ARP and as a neighbour advertisement: never a read outside them.
#include "netlink/neighbour_packet.hpp"

#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tandem::netlink;
    const std::vector<std::uint8_t> bytes(data, data + size);
    const auto v4 = parse_arp(bytes);
    const auto v6 = parse_advertisement(bytes);
    if ((v4 && (size < 28 || !v4->address.is_v4() || !v4->mac)) ||
        (v6 && (size < 24 || !v6->address.is_v6() || (v6->mac && size < 32)))) {
        __builtin_trap();
    }
    return 0;
}
