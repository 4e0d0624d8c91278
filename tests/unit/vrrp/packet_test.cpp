// Codec of advertisements: golden bytes and every reason to discard.
#include "vrrp/packet.hpp"

#include "tests/unit/vrrp/packet_fixture.hpp"

#include <gtest/gtest.h>

namespace tandem::vrrp {
namespace {

using namespace std::chrono_literals;

TEST(PacketEncode, F11Version2GoldenBytes) {
    EXPECT_EQ(encode(version2(), 30, kPeer4, multicast_group(Family::Ipv4)),
              hex("21331e01 0001b5c5 0a000105 0000000000000000"));
}

TEST(PacketEncode, F25Version3GoldenBytesInBothChecksumForms) {
    InstanceConfig config = version3();
    EXPECT_EQ(encode(config, 200, kPeer4, multicast_group(Family::Ipv4)),
              hex("3133c801 00643935 c0000264"));
    config.checksum_form = ChecksumForm::MessageOnly;
    EXPECT_EQ(encode(config, 200, kPeer4, multicast_group(Family::Ipv4)),
              hex("3133c801 00644402 c0000264"));
}

TEST(PacketEncode, F24Ipv6ChecksumCoversTheRealDestination) {
    InstanceConfig config = version3_ipv6();
    config.addresses = {address("fe80::100")};
    // Checksum computed independently.
    EXPECT_EQ(encode(config, 200, address("fe80::10"), address("fe80::20")),
              hex("3133c801 0064092c fe800000000000000000000000000100"));
}

TEST(PacketEncode, F26UnicastPseudoHeaderHasTheRealDestination) {
    const Message multicast = encode(version3(), 200, kPeer4, multicast_group(Family::Ipv4));
    const Message unicast = encode(version3(), 200, kPeer4, kOwn4);
    EXPECT_NE(multicast, unicast);
}

TEST(PacketEncode, F07AddressesInConfigurationOrder) {
    InstanceConfig config = version2();
    config.addresses = {address("203.0.113.9"), address("203.0.113.2"), address("203.0.113.5")};
    const Message message = encode_from_peer(config);
    EXPECT_EQ(message[3], 3);
    EXPECT_EQ(Message(message.begin() + 8, message.begin() + 20),
              hex("cb007109 cb007102 cb007105"));
}

TEST(PacketEncode, PasswordIsZeroPaddedAndCutToEightBytes) {
    struct Case {
        const char* password;
        const char* bytes;
        std::uint8_t type;
    };
    for (const Case& c :
         {Case{"", "0000000000000000", 0}, Case{"abc", "6162630000000000", 1},
          Case{"12345678", "3132333435363738", 1}, Case{"123456789", "3132333435363738", 1}}) {
        InstanceConfig config = version2();
        config.password = c.password;
        const Message message = encode_from_peer(config);
        EXPECT_EQ(message[4], c.type) << c.password;
        EXPECT_EQ(Message(message.end() - 8, message.end()), hex(c.bytes)) << c.password;
    }
}

TEST(PacketEncode, IntervalInTheUnitOfTheVersionAndClamped) {
    struct Case {
        Version version;
        Duration interval;
        const char* bytes;  // the two at offset 4
    };
    for (const Case& c : {Case{Version::V2, 1s, "0001"}, Case{Version::V2, 255s, "00ff"},
                          Case{Version::V2, 300s, "00ff"}, Case{Version::V2, 100ms, "0001"},
                          Case{Version::V3, 10ms, "0001"}, Case{Version::V3, 1s, "0064"},
                          Case{Version::V3, 40950ms, "0fff"}, Case{Version::V3, 41s, "0fff"},
                          Case{Version::V3, 1ms, "0001"}}) {
        InstanceConfig config = version2();
        config.version = c.version;
        config.advertisement_interval = c.interval;
        const Message message = encode_from_peer(config);
        EXPECT_EQ(Message(message.begin() + 4, message.begin() + 6), hex(c.bytes))
            << c.interval.count();
    }
}

TEST(PacketEncode, F27O04ListsOnlyItsFamilyAndNoMoreThan255) {
    InstanceConfig config = version3();
    config.addresses.assign(300, address("203.0.113.1"));
    config.addresses.insert(config.addresses.begin(), address("2001:db8::1"));
    const Message message = encode_from_peer(config);
    EXPECT_EQ(message[3], 255);
    EXPECT_EQ(message.size(), 8U + 255 * 4);
    EXPECT_EQ(discard_of(message, config), std::nullopt);
}

TEST(PacketDecode, ReadsWhatWasEncoded) {
    for (const InstanceConfig& config : {version2(), version3(), version3_ipv6()}) {
        for (const int priority : {0, 1, 100, 254, 255}) {
            const DecodeResult result = decode_from_peer(
                encode_from_peer(config, static_cast<std::uint8_t>(priority)), config);
            ASSERT_EQ(reason_of(result), std::nullopt);
            const auto& decoded = std::get<DecodedAdvertisement>(result);
            EXPECT_EQ(decoded.advertisement.priority, priority);
            EXPECT_EQ(decoded.advertisement.source, peer(config));
            EXPECT_EQ(decoded.advertisement.interval, 1s);
            EXPECT_TRUE(decoded.address_list_matches);
        }
    }
}

TEST(PacketDecode, F25AcceptsBothChecksumFormsWhateverIsSent) {
    for (const ChecksumForm own_form : {ChecksumForm::PseudoHeader, ChecksumForm::MessageOnly}) {
        for (const ChecksumForm form : {ChecksumForm::PseudoHeader, ChecksumForm::MessageOnly}) {
            InstanceConfig sender = version3();
            sender.checksum_form = form;
            InstanceConfig receiver = version3();
            receiver.checksum_form = own_form;
            const DecodeResult result = decode_from_peer(encode_from_peer(sender), receiver);
            ASSERT_EQ(reason_of(result), std::nullopt);
            EXPECT_EQ(std::get<DecodedAdvertisement>(result).checksum_form, form);
        }
    }
}

TEST(PacketDecode, F11Version2HasNoPseudoHeader) {
    InstanceConfig config = version2();
    Message message = encode_from_peer(config);
    // The checksum that a pseudo-header would give is wrong in version 2.
    InstanceConfig as_version3 = version3();
    as_version3.checksum_form = ChecksumForm::PseudoHeader;
    Message other = encode_from_peer(as_version3);
    ASSERT_EQ(reason_of(decode_from_peer(other, as_version3)), std::nullopt);
    const DecodeResult result = decode_from_peer(message, config);
    ASSERT_EQ(reason_of(result), std::nullopt);
    EXPECT_EQ(std::get<DecodedAdvertisement>(result).checksum_form, ChecksumForm::MessageOnly);
}

TEST(PacketDecode, F24Ipv6NeedsThePseudoHeader) {
    const InstanceConfig config = version3_ipv6();
    EXPECT_EQ(discard_of(with_checksum(encode_from_peer(config)), config), Discard::Checksum);
    // Right for another destination is wrong here.
    EXPECT_EQ(discard_of(encode(config, 200, kPeer6, kOwn6), config), Discard::Checksum);
}

TEST(PacketDecode, F21ReservedBitsAreIgnored) {
    const Message message = changed(version3(), [](Message& m) { m[4] = 0xf0; });
    const DecodeResult result = decode_from_peer(message, version3());
    ASSERT_EQ(reason_of(result), std::nullopt);
    EXPECT_EQ(std::get<DecodedAdvertisement>(result).advertisement.interval, 1s);
}

TEST(PacketDecode, V10Version3IntervalOfThePeerIsReported) {
    InstanceConfig sender = version3();
    sender.advertisement_interval = 2500ms;
    const DecodeResult result = decode_from_peer(encode_from_peer(sender), version3());
    ASSERT_EQ(reason_of(result), std::nullopt);
    EXPECT_EQ(std::get<DecodedAdvertisement>(result).advertisement.interval, 2500ms);
}

TEST(PacketDecode, V11AddressListMismatchIsOnlyReported) {
    struct Case {
        std::vector<const char*> ours;
        std::vector<const char*> theirs;
        bool matches;
    };
    const std::vector<Case> cases = {
        {{"203.0.113.1", "203.0.113.2"}, {"203.0.113.1", "203.0.113.2"}, true},
        {{"203.0.113.1", "203.0.113.2"}, {"203.0.113.2", "203.0.113.1"}, true},
        {{"203.0.113.1"}, {"203.0.113.2"}, false},
        {{"203.0.113.1"}, {"203.0.113.1", "203.0.113.2"}, false},
        {{"203.0.113.1", "203.0.113.2"}, {"203.0.113.1", "203.0.113.1"}, false},
    };
    for (const Version version : {Version::V2, Version::V3}) {
        for (const Case& c : cases) {
            InstanceConfig receiver = version2();
            receiver.version = version;
            InstanceConfig sender = receiver;
            receiver.addresses.clear();
            sender.addresses.clear();
            std::ranges::transform(c.ours, std::back_inserter(receiver.addresses), address);
            std::ranges::transform(c.theirs, std::back_inserter(sender.addresses), address);
            const DecodeResult result = decode_from_peer(encode_from_peer(sender), receiver);
            ASSERT_EQ(reason_of(result), std::nullopt);
            EXPECT_EQ(std::get<DecodedAdvertisement>(result).address_list_matches, c.matches);
        }
    }
}

TEST(PacketDecode, EveryReasonToDiscard) {
    struct Case {
        const char* id;
        InstanceConfig config;
        Message message;
        Discard reason;
    };
    InstanceConfig with_password = version2();
    with_password.password = "secret";
    InstanceConfig wrong_password = version2();
    wrong_password.password = "Secret";
    InstanceConfig other_router = version3();
    other_router.virtual_router_id = 52;
    InstanceConfig slow = version2();
    slow.advertisement_interval = 2s;
    const auto version3_as = [](auto change) { return changed(version3(), change); };
    const std::vector<Case> cases = {
        {"V02", version3(), encode_from_peer(version2()), Discard::Version},
        {"V02", version2(), encode_from_peer(version3()), Discard::Version},
        {"V02", version3(), version3_as([](Message& m) { m[0] = 0x41; }), Discard::Version},
        {"V03", version3(), version3_as([](Message& m) { m[0] = 0x32; }), Discard::Type},
        {"V03", version3(), version3_as([](Message& m) { m[0] = 0x30; }), Discard::Type},
        {"V03 G17 fast advertisement", version2(),
         changed(version2(), [](Message& m) { m[0] = 0x27; }), Discard::Type},
        {"V04", version3(), version3_as([](Message& m) { m.resize(m.size() - 1); }),
         Discard::PacketLength},
        {"V04", version3(), version3_as([](Message& m) { m.resize(m.size() + 28); }),
         Discard::PacketLength},
        {"V04", version3(), version3_as([](Message& m) { m[3] = 2; }), Discard::PacketLength},
        {"F10", version2(), changed(version2(), [](Message& m) { m.resize(m.size() - 8); }),
         Discard::PacketLength},
        {"V14", version3(), version3_as([](Message& m) { m[3] = 255; }), Discard::PacketLength},
        {"V05", version3(), hex("3133c801 00644403 c0000264"), Discard::Checksum},
        {"V05", version2(), hex("21331e01 00010000 0a000105 0000000000000000"), Discard::Checksum},
        {"V06", version3(), encode_from_peer(other_router), Discard::VirtualRouterId},
        {"V08", version2(), encode_from_peer(with_password), Discard::AuthenticationType},
        {"V08", with_password, encode_from_peer(version2()), Discard::AuthenticationType},
        {"V08", version2(), changed(version2(), [](Message& m) { m[4] = 2; }),
         Discard::AuthenticationType},
        {"V08", with_password, encode_from_peer(wrong_password), Discard::Authentication},
        {"V09", version2(), encode_from_peer(slow), Discard::Interval},
        {"F22", version3(), version3_as([](Message& m) { m[5] = 0; }), Discard::Interval},
        {"F22 with reserved bits", version3(), version3_as([](Message& m) {
             m[4] = 0xf0;
             m[5] = 0;
         }),
         Discard::Interval},
        {"F23", version3(), version3_as([](Message& m) {
             m[3] = 0;
             m.resize(8);
         }),
         Discard::AddressList},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(discard_of(c.message, c.config), c.reason) << c.id;
    }
}

TEST(PacketDecode, F13AuthenticationDataIsIgnoredWithoutPassword) {
    const Message message = changed(version2(), [](Message& m) { m.back() = 0x77; });
    EXPECT_EQ(discard_of(message, version2()), std::nullopt);
}

TEST(PacketDecode, V01MulticastNeedsTimeToLive255) {
    for (const InstanceConfig& config : {version2(), version3_ipv6()}) {
        const Message message = encode_from_peer(config);
        Datagram datagram = from_peer(message, config);
        for (const int ttl : {0, 1, 64, 254}) {
            datagram.time_to_live = static_cast<std::uint8_t>(ttl);
            EXPECT_EQ(reason_of(decode(datagram, config, own(config))), Discard::TimeToLive);
        }
    }
}

TEST(PacketDecode, V13OwnPacketIsIgnoredAlsoWithZone) {
    const InstanceConfig config = version3_ipv6();
    const Message message = encode_from_peer(config);
    Datagram datagram = from_peer(message, config);
    datagram.source = address("fe80::11%7");
    EXPECT_EQ(reason_of(decode(datagram, config, own(config))), Discard::OwnPacket);
}

TEST(PacketDecode, UnicastOnlyFromPeersToAnyAddressOfOurs) {
    InstanceConfig config = version3();
    config.unicast_peers = {{.address = address("198.51.100.9")},
                            {.address = kPeer4, .min_ttl = 64}};
    const Message message = encode(config, 200, kPeer4, kOwn4);
    Datagram datagram = from_peer(message, config);
    datagram.destination = kOwn4;
    datagram.time_to_live = 64;  // a routed peer
    EXPECT_EQ(reason_of(decode(datagram, config, kOwn4)), std::nullopt);

    const Message elsewhere = encode(config, 200, kPeer4, address("198.51.100.77"));
    Datagram to_another = from_peer(elsewhere, config);
    to_another.destination = address("198.51.100.77");
    EXPECT_EQ(reason_of(decode(to_another, config, kOwn4)), std::nullopt);

    datagram.source = address("198.51.100.66");
    EXPECT_EQ(reason_of(decode(datagram, config, kOwn4)), Discard::UnknownPeer);
    datagram.source = kPeer4;
    datagram.destination = multicast_group(Family::Ipv4);
    EXPECT_EQ(reason_of(decode(datagram, config, kOwn4)), Discard::Destination);

    // And a multicast instance does not listen to unicast.
    datagram.destination = kOwn4;
    EXPECT_EQ(reason_of(decode(datagram, version3(), kOwn4)), Discard::Destination);
}

TEST(PacketDecode, NamesAreStable) {
    EXPECT_EQ(to_string(Discard::Checksum), "checksum-error");
    EXPECT_EQ(to_string(Discard::TimeToLive), "ip-ttl-error");
    EXPECT_EQ(to_string(Discard::Version), "version-error");
    EXPECT_EQ(to_string(Discard::VirtualRouterId), "vrid-error");
    EXPECT_EQ(to_string(Discard::PacketLength), "packet-length-error");
    EXPECT_EQ(to_string(Discard::Type), "invalid-type");
    EXPECT_EQ(to_string(Discard::Interval), "interval-error");
    EXPECT_EQ(to_string(Discard::AddressList), "address-list-error");
    EXPECT_EQ(to_string(Discard::AuthenticationType), "authentication-type-error");
    EXPECT_EQ(to_string(Discard::Authentication), "authentication-error");
}

}  // namespace
}  // namespace tandem::vrrp
