#include "proxy/daemon/guardian_message.hpp"

#include <boost/asio/ip/address.hpp>
#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

using boost::asio::ip::make_address;

LastWill will() {
    LastWill out;
    out.instance = 7;
    out.removals = {{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}}, {}};
    out.adverts = {{make_address("198.51.100.11"), make_address("224.0.0.18"), 3, 255, {1, 2, 3}},
                   {make_address("fe80::1"), make_address("ff02::12"), 4, 64, {}}};
    return out;
}

TEST(GuardianMessage, EveryKindComesBackAsItWas) {
    for (const GuardianMessage& message :
         {GuardianMessage{Heartbeat{}}, GuardianMessage{NodeReady{}}, GuardianMessage{will()},
          GuardianMessage{LastWill{}}}) {
        EXPECT_EQ(decode_guardian_message(encode(message)), message);
    }
}

TEST(GuardianMessage, WhatIsCutShortOrTooLongIsRefused) {
    for (const GuardianMessage& message : {GuardianMessage{Heartbeat{}}, GuardianMessage{will()}}) {
        auto bytes = encode(message);
        bytes.push_back(std::byte{0});
        EXPECT_FALSE(decode_guardian_message(bytes));
        while (bytes.size() > 1) {
            bytes.resize(bytes.size() - 1);
            if (bytes.size() == encode(message).size()) {
                continue;
            }
            EXPECT_FALSE(decode_guardian_message(bytes)) << bytes.size();
        }
    }
    EXPECT_FALSE(decode_guardian_message({}));
}

TEST(GuardianMessage, UnknownTypesFamiliesAndInstancesAreRefused) {
    auto bytes = encode(will());
    bytes[0] = std::byte{9};
    EXPECT_FALSE(decode_guardian_message(bytes));
    LastWill beyond = will();
    beyond.instance = kMaxWills;
    EXPECT_FALSE(decode_guardian_message(encode(beyond)));
    LastWill one;
    one.adverts = {{make_address("198.51.100.11"), make_address("224.0.0.18"), 3, 255, {}}};
    auto family = encode(one);
    // type, instance, no removals, one advert: its first byte is the family.
    family[1 + 4 + 4 + 4] = std::byte{5};
    EXPECT_FALSE(decode_guardian_message(family));
}

/// A count of four thousand millions in a message of a few bytes costs neither memory nor time.
TEST(GuardianMessage, CountsAreNotBelieved) {
    auto bytes = encode(LastWill{});
    for (std::size_t i = 5; i < 9; ++i) {
        bytes[i] = std::byte{0xFF};
    }
    EXPECT_FALSE(decode_guardian_message(bytes));
}

TEST(GuardianMessage, OneThatIsTooLongIsNotEncoded) {
    LastWill large;
    large.removals = {netlink::Bytes(kMaxGuardianMessage)};
    EXPECT_TRUE(encode(large).empty());
}

}  // namespace
}  // namespace tandem::daemon
