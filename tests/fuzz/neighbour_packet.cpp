// Any bytes as an Ethernet frame: never a read outside them.
#include "netlink/neighbour_packet.hpp"

#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::vector<std::uint8_t> frame(data, data + size);
    const auto claim = tandem::netlink::parse_neighbour_frame(frame);
    if (claim && (size < 42 || (claim->probe && !claim->address.is_v4()))) {
        __builtin_trap();
    }
    return 0;
}
