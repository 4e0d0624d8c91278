#include "netlink/neighbour_packet.hpp"

#include <algorithm>
#include <cstddef>

namespace tandem::netlink {

namespace {

/// @pre offset + Size <= bytes.size().
template <std::size_t Size>
std::array<std::uint8_t, Size> copy(std::span<const std::uint8_t> bytes, std::size_t offset) {
    std::array<std::uint8_t, Size> out{};
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), Size, out.begin());
    return out;
}

/// Walks the options, each with a length in units of 8 bytes. nullopt: malformed.
std::optional<NeighbourClaim> with_options(NeighbourClaim claim,
                                           std::span<const std::uint8_t> options) {
    constexpr std::uint8_t kTargetLinkLayerAddress = 2;
    constexpr std::size_t kUnit = 8;
    while (!options.empty()) {
        const std::size_t length = options.size() < kUnit ? 0 : options[1] * kUnit;
        if (length == 0 || length > options.size()) {
            return std::nullopt;
        }
        if (options[0] == kTargetLinkLayerAddress && length == kUnit) {
            claim.mac = copy<6>(options, 2);
        }
        options = options.subspan(length);
    }
    return claim;
}

}  // namespace

std::optional<NeighbourClaim> parse_arp(std::span<const std::uint8_t> packet) {
    constexpr std::size_t kSize = 28;
    constexpr std::array<std::uint8_t, 7> kFixed{0, 1, 0x08, 0x00, 6, 4, 0};
    if (packet.size() < kSize || copy<7>(packet, 0) != kFixed) {
        return std::nullopt;
    }
    const std::uint8_t opcode = packet[7];
    const boost::asio::ip::address_v4 sender{copy<4>(packet, 14)};
    if ((opcode != 1 && opcode != 2) || sender.is_unspecified() || sender.is_multicast()) {
        return std::nullopt;
    }
    return NeighbourClaim{sender, copy<6>(packet, 8)};
}

std::optional<NeighbourClaim> parse_advertisement(std::span<const std::uint8_t> message) {
    constexpr std::size_t kSize = 24;
    constexpr std::uint8_t kType = 136;
    if (message.size() < kSize || message[0] != kType || message[1] != 0) {
        return std::nullopt;
    }
    const boost::asio::ip::address_v6 target{copy<16>(message, 8)};
    if (target.is_multicast() || target.is_unspecified()) {
        return std::nullopt;
    }
    return with_options({target, std::nullopt}, message.subspan(kSize));
}

}  // namespace tandem::netlink
