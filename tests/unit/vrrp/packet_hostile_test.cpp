// Codec of advertisements: IP headers, truncation, mutations, random bytes.
#include "tests/unit/vrrp/packet_fixture.hpp"
#include "vrrp/packet.hpp"

#include <memory>
#include <random>

#include <gtest/gtest.h>

namespace tandem::vrrp {
namespace {

// IPv4 header of 20 bytes, total length 32, TTL 255, protocol 112, 198.51.100.10 to 224.0.0.18.
Message ipv4_packet(const Message& payload) {
    Message packet = hex("45c00020 00000000 ff700000 c633640a e0000012");
    packet[3] = static_cast<std::uint8_t>(20 + payload.size());
    packet.insert(packet.end(), payload.begin(), payload.end());
    return packet;
}

TEST(PacketSplitIpv4, HeaderFieldsAndPayload) {
    const Message payload = hex("3133c801 00643935 c0000264");
    const Message packet = ipv4_packet(payload);
    const auto datagram = split_ipv4(packet);
    ASSERT_TRUE(datagram);
    EXPECT_EQ(datagram->source, kPeer4);
    EXPECT_EQ(datagram->destination, multicast_group(Family::Ipv4));
    EXPECT_EQ(datagram->time_to_live, 255);
    EXPECT_TRUE(std::ranges::equal(datagram->packet, payload));
}

TEST(PacketSplitIpv4, V04LinkPaddingIsCutByTheTotalLength) {
    Message packet = ipv4_packet(hex("3133c801 00643935 c0000264"));
    packet.resize(46);
    const auto datagram = split_ipv4(packet);
    ASSERT_TRUE(datagram);
    EXPECT_EQ(datagram->packet.size(), 12U);
}

TEST(PacketSplitIpv4, V14OptionsAreSkipped) {
    Message packet = ipv4_packet(hex("3133c801 00643935 c0000264"));
    packet.insert(packet.begin() + 20, 4, 0x01);
    packet[0] = 0x46;
    packet[3] = 36;
    const auto datagram = split_ipv4(packet);
    ASSERT_TRUE(datagram);
    EXPECT_EQ(datagram->packet.size(), 12U);
    EXPECT_EQ(datagram->packet[0], 0x31);
}

TEST(PacketSplitIpv4, V14MalformedHeaders) {
    const Message good = ipv4_packet(hex("3133c801 00643935 c0000264"));
    const auto with = [&good](std::size_t offset, std::uint8_t value) {
        Message packet = good;
        packet[offset] = value;
        return packet;
    };
    const std::vector<std::pair<const char*, Message>> cases = {
        {"empty", {}},
        {"19 bytes", Message(good.begin(), good.begin() + 19)},
        {"version 6", with(0, 0x65)},
        {"header length 4", with(0, 0x44)},
        {"header longer than the packet", with(0, 0x4f)},
        {"total length below the header's", with(3, 19)},
        {"total length beyond the packet", with(3, 33)},
    };
    for (const auto& [name, packet] : cases) {
        EXPECT_FALSE(split_ipv4(packet)) << name;
    }
}

/// Decodes from a heap copy of exactly this size, so that AddressSanitizer sees any read outside.
std::optional<Discard> decode_exact(const Message& message, const InstanceConfig& config) {
    const auto copy = std::make_unique<std::uint8_t[]>(message.size());
    std::ranges::copy(message, copy.get());
    Datagram datagram = from_peer(message, config);
    datagram.packet = {copy.get(), message.size()};
    return reason_of(decode(datagram, config, own(config)));
}

TEST(PacketMutation, V14EveryTruncationIsDiscarded) {
    for (const InstanceConfig& config : {version2(), version3(), version3_ipv6()}) {
        const Message message = encode_from_peer(config);
        for (std::size_t size = 0; size < message.size(); ++size) {
            EXPECT_EQ(decode_exact(Message(message.begin(),
                                           message.begin() + static_cast<std::ptrdiff_t>(size)),
                                   config),
                      Discard::PacketLength)
                << size;
        }
    }
}

TEST(PacketMutation, EveryBitFlipIsDiscarded) {
    for (const InstanceConfig& config : {version2(), version3(), version3_ipv6()}) {
        const Message message = encode_from_peer(config);
        for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
            Message flipped = message;
            flipped[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
            EXPECT_NE(decode_exact(flipped, config), std::nullopt) << bit;
        }
    }
}

TEST(PacketMutation, RandomBytesNeverReadOutside) {
    std::mt19937 random{20240};
    for (int round = 0; round < 20000; ++round) {
        for (const InstanceConfig& config : {version2(), version3(), version3_ipv6()}) {
            Message message = encode_from_peer(config);
            message.resize(random() % (message.size() + 8));
            for (unsigned changes = random() % 4; changes > 0 && !message.empty(); --changes) {
                message[random() % message.size()] = static_cast<std::uint8_t>(random());
            }
            decode_exact(message, config);
            const auto copy = std::make_unique<std::uint8_t[]>(message.size());
            std::ranges::copy(message, copy.get());
            split_ipv4({copy.get(), message.size()});
        }
    }
}

}  // namespace
}  // namespace tandem::vrrp
