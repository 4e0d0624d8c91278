#include "netlink/neighbour_packet.hpp"

#include <algorithm>
#include <cstddef>

namespace tandem::netlink {

namespace {

constexpr std::size_t kEthernet = 14;
constexpr std::size_t kArp = 28;
constexpr std::size_t kIpv6 = 40;
constexpr std::size_t kAdvertisement = 24;

/// @pre offset + Size <= frame.size().
template <std::size_t Size>
std::array<std::uint8_t, Size> copy(std::span<const std::uint8_t> frame, std::size_t offset) {
    std::array<std::uint8_t, Size> bytes{};
    std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(offset), Size, bytes.begin());
    return bytes;
}

std::optional<NeighbourClaim> parse_arp(std::span<const std::uint8_t> frame) {
    constexpr std::array<std::uint8_t, 7> kFixed{0, 1, 0x08, 0x00, 6, 4, 0};
    if (frame.size() < kEthernet + kArp || copy<7>(frame, kEthernet) != kFixed) {
        return std::nullopt;
    }
    const std::uint8_t opcode = frame[kEthernet + 7];
    if (opcode != 1 && opcode != 2) {
        return std::nullopt;
    }
    const boost::asio::ip::address_v4 sender{copy<4>(frame, kEthernet + 14)};
    const boost::asio::ip::address_v4 target{copy<4>(frame, kEthernet + 24)};
    const bool probe = sender.is_unspecified();
    if (probe && (opcode != 1 || target.is_unspecified())) {
        return std::nullopt;
    }
    return NeighbourClaim{probe ? target : sender, copy<6>(frame, kEthernet + 8), probe};
}

std::optional<NeighbourClaim> parse_advertisement(std::span<const std::uint8_t> frame) {
    constexpr std::size_t kMessage = kEthernet + kIpv6;
    if (frame.size() < kMessage + kAdvertisement || frame[kEthernet] >> 4U != 6) {
        return std::nullopt;
    }
    const std::size_t length = (std::size_t{frame[kEthernet + 4]} << 8U) | frame[kEthernet + 5];
    const bool from_link = frame[kEthernet + 6] == 58 && frame[kEthernet + 7] == 255;
    if (!from_link || length < kAdvertisement || length > frame.size() - kMessage ||
        frame[kMessage] != 136 || frame[kMessage + 1] != 0) {
        return std::nullopt;
    }
    const boost::asio::ip::address_v6 target{copy<16>(frame, kMessage + 8)};
    if (target.is_multicast() || target.is_unspecified()) {
        return std::nullopt;
    }
    return NeighbourClaim{target, copy<6>(frame, 6), false};
}

}  // namespace

std::optional<NeighbourClaim> parse_neighbour_frame(std::span<const std::uint8_t> frame) {
    if (frame.size() < kEthernet) {
        return std::nullopt;
    }
    const unsigned type = (unsigned{frame[12]} << 8U) | frame[13];
    return type == 0x0806   ? parse_arp(frame)
           : type == 0x86dd ? parse_advertisement(frame)
                            : std::nullopt;
}

}  // namespace tandem::netlink
