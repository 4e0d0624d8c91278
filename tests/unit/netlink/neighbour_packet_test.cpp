#include "netlink/neighbour_packet.hpp"

#include "netlink/arp.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::netlink {
namespace {

using boost::asio::ip::make_address;
using boost::asio::ip::make_address_v4;
using boost::asio::ip::make_address_v6;

constexpr MacAddress kMac{0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0x01};
constexpr std::size_t kEthernet = 14;
constexpr std::size_t kIpv6 = 40;

std::vector<std::uint8_t> arp(ArpForm form) {
    const auto frame = gratuitous_arp(form, kMac, make_address_v4("198.51.100.100"));
    return {frame.begin() + kEthernet, frame.end()};
}

std::vector<std::uint8_t> advertisement() {
    const auto frame = unsolicited_advertisement(kMac, make_address_v6("2001:db8::100"));
    return {frame.begin() + kEthernet + kIpv6, frame.end()};
}

TEST(NeighbourPacket, X11WhatAnnouncesAnAddressIsAClaimOfIt) {
    const NeighbourClaim v4{make_address("198.51.100.100"), kMac};
    EXPECT_EQ(parse_arp(arp(ArpForm::Request)), v4);
    EXPECT_EQ(parse_arp(arp(ArpForm::Reply)), v4);
    EXPECT_EQ(parse_advertisement(advertisement()),
              (NeighbourClaim{make_address("2001:db8::100"), kMac}));
}

TEST(NeighbourPacket, WhatIsCutShortIsRefused) {
    const auto request = arp(ArpForm::Request);
    for (std::size_t size = 0; size < request.size(); ++size) {
        EXPECT_FALSE(parse_arp(std::span{request}.first(size))) << size;
    }
    const auto message = advertisement();
    for (std::size_t size = 0; size < message.size(); ++size) {
        // Without its options it is whole.
        EXPECT_EQ(parse_advertisement(std::span{message}.first(size)).has_value(), size == 24)
            << size;
    }
}

TEST(NeighbourPacket, ProbeClaimsNothing) {
    auto probe = arp(ArpForm::Request);
    std::fill_n(probe.begin() + 14, 4, std::uint8_t{0});
    EXPECT_FALSE(parse_arp(probe));
}

TEST(NeighbourPacket, WrongFieldsAreRefused) {
    for (std::size_t position = 0; position < 8; ++position) {
        auto packet = arp(ArpForm::Reply);
        packet[position] ^= 0x41U;
        EXPECT_FALSE(parse_arp(packet)) << position;
    }
    for (const std::size_t position : {0U, 1U}) {
        auto message = advertisement();
        message[position] ^= 0x41U;
        EXPECT_FALSE(parse_advertisement(message)) << position;
    }
}

TEST(NeighbourPacket, OptionsAreWalkedAndChecked) {
    auto message = advertisement();
    message.insert(message.begin() + 24, {14, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14});
    const auto claim = parse_advertisement(message);
    ASSERT_TRUE(claim);
    EXPECT_EQ(claim->mac, kMac) << "behind another option";
    for (const std::uint8_t length : std::array<std::uint8_t, 3>{0, 4, 255}) {
        message[25] = length;
        EXPECT_FALSE(parse_advertisement(message)) << int{length};
    }
    message.resize(24);
    EXPECT_EQ(parse_advertisement(message)->mac, std::nullopt);
}

}  // namespace
}  // namespace tandem::netlink
