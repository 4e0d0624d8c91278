#include "netlink/arp.hpp"

#include <algorithm>
#include <cstddef>
#include <span>

namespace tandem::netlink {

namespace {

constexpr std::array<std::uint8_t, 6> kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
constexpr std::array<std::uint8_t, 6> kAllNodesMac{0x33, 0x33, 0, 0, 0, 1};
constexpr std::array<std::uint8_t, 16> kAllNodes{0xff, 0x02, 0, 0, 0, 0, 0, 0,
                                                 0,    0,    0, 0, 0, 0, 0, 1};

/// Appends bytes to a frame of fixed size.
class Writer {
  public:
    explicit Writer(std::span<std::uint8_t> frame) : frame_(frame) {}
    void put(std::span<const std::uint8_t> bytes) {
        std::copy(bytes.begin(), bytes.end(), frame_.begin() + position_);
        position_ += static_cast<std::ptrdiff_t>(bytes.size());
    }
    template <typename... Byte>
    void put_bytes(Byte... byte) {
        put(std::array<std::uint8_t, sizeof...(Byte)>{static_cast<std::uint8_t>(byte)...});
    }

  private:
    std::span<std::uint8_t> frame_;
    std::ptrdiff_t position_ = 0;
};

/// Adds big-endian 16-bit words. @pre bytes.size() is even.
std::uint32_t sum_words(std::span<const std::uint8_t> bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
        sum += (std::uint32_t{bytes[i]} << 8U) | bytes[i + 1];
    }
    return sum;
}

/// Internet checksum (RFC 1071) of an ICMPv6 message with the pseudo-header of RFC 8200 section
/// 8.1. `addresses`: source and destination as they stand in the IPv6 header.
std::uint16_t icmpv6_checksum(std::span<const std::uint8_t> addresses,
                              std::span<const std::uint8_t> message) {
    constexpr std::uint32_t kIcmpv6 = 58;
    std::uint32_t sum = sum_words(addresses) + static_cast<std::uint32_t>(message.size()) +
                        kIcmpv6 + sum_words(message);
    while (sum > 0xffff) {
        sum = (sum & 0xffffU) + (sum >> 16U);
    }
    return static_cast<std::uint16_t>(~sum);
}

}  // namespace

ArpFrame gratuitous_arp(ArpForm form, const std::array<std::uint8_t, 6>& mac,
                        const boost::asio::ip::address_v4& address) {
    const bool request = form == ArpForm::Request;
    ArpFrame frame{};
    Writer writer{frame};
    writer.put(kBroadcast);
    writer.put(mac);
    writer.put_bytes(0x08, 0x06);              // ARP
    writer.put_bytes(0, 1, 0x08, 0x00, 6, 4);  // Ethernet, IPv4, their address lengths
    writer.put_bytes(0, request ? 1 : 2);
    writer.put(mac);
    writer.put(address.to_bytes());
    writer.put(request ? kBroadcast : mac);
    writer.put(address.to_bytes());
    return frame;
}

NeighbourFrame unsolicited_advertisement(const std::array<std::uint8_t, 6>& mac,
                                         const boost::asio::ip::address_v6& address, bool router) {
    constexpr std::size_t kAddresses = 14 + 8;
    constexpr std::size_t kMessage = 14 + 40;
    constexpr std::size_t kChecksum = kMessage + 2;
    NeighbourFrame frame{};
    Writer writer{frame};
    writer.put(kAllNodesMac);
    writer.put(mac);
    writer.put_bytes(0x86, 0xdd);      // IPv6
    writer.put_bytes(0x60, 0, 0, 0);   // version 6
    writer.put_bytes(0, 32, 58, 255);  // payload length, ICMPv6, hop limit
    writer.put(address.to_bytes());
    writer.put(kAllNodes);
    writer.put_bytes(136, 0, 0, 0);                   // type, code, checksum (below)
    writer.put_bytes(router ? 0xa0 : 0x20, 0, 0, 0);  // R, S=0, O=1
    writer.put(address.to_bytes());
    writer.put_bytes(2, 1);  // target link-layer address, 8 bytes
    writer.put(mac);

    const std::span<const std::uint8_t> bytes{frame};
    const std::uint16_t checksum =
        icmpv6_checksum(bytes.subspan(kAddresses, 32), bytes.subspan(kMessage));
    frame[kChecksum] = static_cast<std::uint8_t>(checksum >> 8U);
    frame[kChecksum + 1] = static_cast<std::uint8_t>(checksum & 0xffU);
    return frame;
}

ArpFrame arp_probe(const std::array<std::uint8_t, 6>& mac,
                   const boost::asio::ip::address_v4& address) {
    ArpFrame frame{};
    Writer writer{frame};
    writer.put(kBroadcast);
    writer.put(mac);
    writer.put_bytes(0x08, 0x06);
    writer.put_bytes(0, 1, 0x08, 0x00, 6, 4);
    writer.put_bytes(0, 1);
    writer.put(mac);
    writer.put_bytes(0, 0, 0, 0);
    writer.put_bytes(0, 0, 0, 0, 0, 0);
    writer.put(address.to_bytes());
    return frame;
}

SolicitationFrame neighbour_probe(const std::array<std::uint8_t, 6>& mac,
                                  const boost::asio::ip::address_v6& address) {
    constexpr std::size_t kAddresses = 14 + 8;
    constexpr std::size_t kMessage = 14 + 40;
    constexpr std::size_t kChecksum = kMessage + 2;
    const auto bytes = address.to_bytes();
    SolicitationFrame frame{};
    Writer writer{frame};
    writer.put_bytes(0x33, 0x33, 0xff, bytes[13], bytes[14], bytes[15]);
    writer.put(mac);
    writer.put_bytes(0x86, 0xdd);
    writer.put_bytes(0x60, 0, 0, 0);
    writer.put_bytes(0, 24, 58, 255);
    writer.put(boost::asio::ip::address_v6{}.to_bytes());
    writer.put_bytes(0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, bytes[13], bytes[14],
                     bytes[15]);
    writer.put_bytes(135, 0, 0, 0, 0, 0, 0, 0);
    writer.put(bytes);
    const std::span<const std::uint8_t> all{frame};
    const std::uint16_t checksum =
        icmpv6_checksum(all.subspan(kAddresses, 32), all.subspan(kMessage));
    frame[kChecksum] = static_cast<std::uint8_t>(checksum >> 8U);
    frame[kChecksum + 1] = static_cast<std::uint8_t>(checksum & 0xffU);
    return frame;
}

}  // namespace tandem::netlink
