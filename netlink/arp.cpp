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

/// What an ARP packet says of one machine.
struct ArpParty {
    std::array<std::uint8_t, 6> mac{};
    boost::asio::ip::address_v4 address;
};

/// Broadcast from the sender's hardware address.
ArpFrame arp_frame(std::uint8_t opcode, const ArpParty& sender, const ArpParty& target) {
    ArpFrame frame{};
    Writer writer{frame};
    writer.put(kBroadcast);
    writer.put(sender.mac);
    writer.put_bytes(0x08, 0x06);              // ARP
    writer.put_bytes(0, 1, 0x08, 0x00, 6, 4);  // Ethernet, IPv4, their address lengths
    writer.put_bytes(0, opcode);
    writer.put(sender.mac);
    writer.put(sender.address.to_bytes());
    writer.put(target.mac);
    writer.put(target.address.to_bytes());
    return frame;
}

constexpr std::size_t kEthernet = 14;
constexpr std::size_t kIpv6 = 40;

/// Both headers of an ICMPv6 message that does not leave the link.
void put_headers(Writer& writer, std::size_t frame_size,
                 const std::array<std::uint8_t, 6>& destination_mac,
                 const std::array<std::uint8_t, 6>& mac, const boost::asio::ip::address_v6& source,
                 std::span<const std::uint8_t> destination) {
    writer.put(destination_mac);
    writer.put(mac);
    writer.put_bytes(0x86, 0xdd);     // IPv6
    writer.put_bytes(0x60, 0, 0, 0);  // version 6
    writer.put_bytes(0, frame_size - kEthernet - kIpv6, 58,
                     255);  // payload length, ICMPv6, hop limit
    writer.put(source.to_bytes());
    writer.put(destination);
}

/// Into a frame whose checksum is zero so far.
void fill_in_checksum(std::span<std::uint8_t> frame) {
    constexpr std::size_t kAddresses = kEthernet + 8;
    constexpr std::size_t kMessage = kEthernet + kIpv6;
    constexpr std::size_t kChecksum = kMessage + 2;
    const std::uint16_t checksum =
        icmpv6_checksum(frame.subspan(kAddresses, 32), frame.subspan(kMessage));
    frame[kChecksum] = static_cast<std::uint8_t>(checksum >> 8U);
    frame[kChecksum + 1] = static_cast<std::uint8_t>(checksum & 0xffU);
}

}  // namespace

ArpFrame gratuitous_arp(ArpForm form, const std::array<std::uint8_t, 6>& mac,
                        const boost::asio::ip::address_v4& address) {
    const bool request = form == ArpForm::Request;
    return arp_frame(request ? 1 : 2, {mac, address}, {request ? kBroadcast : mac, address});
}

NeighbourFrame unsolicited_advertisement(const std::array<std::uint8_t, 6>& mac,
                                         const boost::asio::ip::address_v6& address, bool router) {
    NeighbourFrame frame{};
    Writer writer{frame};
    put_headers(writer, frame.size(), kAllNodesMac, mac, address, kAllNodes);
    writer.put_bytes(136, 0, 0, 0);                   // type, code, checksum (below)
    writer.put_bytes(router ? 0xa0 : 0x20, 0, 0, 0);  // R, S=0, O=1
    writer.put(address.to_bytes());
    writer.put_bytes(2, 1);  // target link-layer address, 8 bytes
    writer.put(mac);
    fill_in_checksum(frame);
    return frame;
}

ArpFrame arp_probe(const std::array<std::uint8_t, 6>& mac,
                   const boost::asio::ip::address_v4& address) {
    return arp_frame(1, {mac, {}}, {{}, address});
}

SolicitationFrame neighbour_probe(const std::array<std::uint8_t, 6>& mac,
                                  const boost::asio::ip::address_v6& address) {
    const auto bytes = address.to_bytes();
    const std::array<std::uint8_t, 6> group_mac{0x33, 0x33, 0xff, bytes[13], bytes[14], bytes[15]};
    const std::array<std::uint8_t, 16> group{
        0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, bytes[13], bytes[14], bytes[15]};
    SolicitationFrame frame{};
    Writer writer{frame};
    put_headers(writer, frame.size(), group_mac, mac, {}, group);
    writer.put_bytes(135, 0, 0, 0);  // type, code, checksum (below)
    writer.put_bytes(0, 0, 0, 0);
    writer.put(bytes);
    fill_in_checksum(frame);
    return frame;
}

}  // namespace tandem::netlink
