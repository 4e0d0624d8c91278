#include "netlink/neighbour_packet.hpp"

#include "netlink/arp.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace tandem::netlink {
namespace {

using boost::asio::ip::make_address;
using boost::asio::ip::make_address_v4;
using boost::asio::ip::make_address_v6;

constexpr std::array<std::uint8_t, 6> kMac{0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0x01};

// X11: what announces an address is read back as a claim of it; every shorter frame is refused.
TEST(NeighbourPacket, X11ReadsClaimsAndRefusesShortFrames) {
    const auto arp = gratuitous_arp(ArpForm::Reply, kMac, make_address_v4("198.51.100.100"));
    const auto advertisement = unsolicited_advertisement(kMac, make_address_v6("2001:db8::100"));
    const auto check = [](std::span<const std::uint8_t> frame, const char* address) {
        const auto claim = parse_neighbour_frame(frame);
        ASSERT_TRUE(claim);
        EXPECT_EQ(claim->address, make_address(address));
        EXPECT_EQ(claim->mac, kMac);
        EXPECT_FALSE(claim->probe);
    };
    check(arp, "198.51.100.100");
    check(advertisement, "2001:db8::100");
    for (std::size_t size = 0; size < arp.size(); ++size) {
        EXPECT_FALSE(parse_neighbour_frame(std::span{arp}.first(size))) << size;
    }
    for (std::size_t size = 0; size < 78; ++size) {
        EXPECT_FALSE(parse_neighbour_frame(std::span{advertisement}.first(size))) << size;
    }
}

TEST(NeighbourPacket, X11ProbeHasSenderZero) {
    auto frame = gratuitous_arp(ArpForm::Request, kMac, make_address_v4("198.51.100.100"));
    std::fill_n(frame.begin() + 28, 4, std::uint8_t{0});
    const auto claim = parse_neighbour_frame(frame);
    ASSERT_TRUE(claim);
    EXPECT_TRUE(claim->probe);
    EXPECT_EQ(claim->address, make_address("198.51.100.100"));
}

// An advertisement that crossed a router has a smaller hop limit (RFC 4861 section 7.1.2).
TEST(NeighbourPacket, RefusesWrongFields) {
    const auto good = unsolicited_advertisement(kMac, make_address_v6("2001:db8::100"));
    for (const std::size_t position : {12U, 14U, 18U, 20U, 21U, 54U, 55U}) {
        auto frame = good;
        frame[position] ^= 0x41U;
        EXPECT_FALSE(parse_neighbour_frame(frame)) << position;
    }
    const auto arp = gratuitous_arp(ArpForm::Reply, kMac, make_address_v4("198.51.100.100"));
    for (const std::size_t position : {12U, 14U, 15U, 16U, 17U, 18U, 19U, 20U, 21U}) {
        auto frame = arp;
        frame[position] ^= 0x41U;
        EXPECT_FALSE(parse_neighbour_frame(frame)) << position;
    }
}

}  // namespace
}  // namespace tandem::netlink
