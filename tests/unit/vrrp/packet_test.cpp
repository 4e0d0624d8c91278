// Codec of advertisements: golden bytes and every reason to discard.
#include "vrrp/packet.hpp"

#include "tests/unit/vrrp/packet_fixture.hpp"

#include <memory>
#include <set>

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

TEST(PacketEncode, F05FixedFieldsOfBothVersions) {
    for (const InstanceConfig& config : {version2(), version3(), version3_ipv6()}) {
        for (const int router : {1, 51, 255}) {
            InstanceConfig numbered = config;
            numbered.virtual_router_id = static_cast<std::uint8_t>(router);
            const Message message = encode_from_peer(numbered, 77);
            EXPECT_EQ(message[0], config.version == Version::V2 ? 0x21 : 0x31);
            EXPECT_EQ(message[1], router);
            EXPECT_EQ(message[2], 77);
            EXPECT_EQ(message[3], config.addresses.size());
            EXPECT_EQ(discard_of(message, numbered), std::nullopt);
        }
    }
}

// What may be sent is the elector's matter; the codec carries all of them.
TEST(PacketEncode, F06EveryPriorityBothWays) {
    for (const InstanceConfig& config : {version2(), version3(), version3_ipv6()}) {
        for (int priority = 0; priority <= 255; ++priority) {
            const DecodeResult result = decode_from_peer(
                encode_from_peer(config, static_cast<std::uint8_t>(priority)), config);
            ASSERT_EQ(reason_of(result), std::nullopt);
            EXPECT_EQ(std::get<DecodedAdvertisement>(result).advertisement.priority, priority);
        }
    }
}

TEST(PacketEncode, F10F20MessageSizes) {
    EXPECT_EQ(message_size(version2(), 3), 8U + 3 * 4 + 8);
    EXPECT_EQ(message_size(version3(), 3), 8U + 3 * 4);
    EXPECT_EQ(message_size(version3_ipv6(), 3), 8U + 3 * 16);
    EXPECT_EQ(message_size(version3_ipv6(), 255), kMaxMessageSize);
}

// The checksum of one packet for several destinations; whatever the field held before.
TEST(PacketEncode, F26ChecksumIsSetAnewForEachDestination) {
    for (const InstanceConfig& config : {version2(), version3(), version3_ipv6()}) {
        auto buffer = std::make_unique<PacketBuffer>();
        buffer->fill(0xee);
        const auto packet = encode_into(*buffer, config, 200, peer(config));
        EXPECT_EQ(packet[6] + packet[7], 0);
        for (const IpAddress& destination : {own(config), multicast_group(config), own(config)}) {
            set_checksum(packet, config, peer(config), destination);
            EXPECT_EQ(Message(packet.begin(), packet.end()),
                      encode(config, 200, peer(config), destination));
        }
    }
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

// Version 2 over IPv6, which keepalived sends when asked to, is another version for us: the
// configuration has none.
TEST(PacketDecode, F14Version2OverIpv6IsDiscarded) {
    Message message = encode_from_peer(version3_ipv6());
    message[0] = 0x21;
    set_checksum(message, version3_ipv6(), kPeer6, multicast_group(Family::Ipv6));
    EXPECT_EQ(discard_of(message, version3_ipv6()), Discard::Version);
}

// RFC 9568 erratum 8300 has the receiver check it; keepalived does so in strict mode only. Dropping
// the packet would make two active nodes, so it only shows as a list that is not ours.
TEST(PacketDecode, F28FirstIpv6AddressThatIsNotLinkLocalIsHeard) {
    InstanceConfig sender = version3_ipv6();
    sender.addresses = {address("2001:db8::100")};
    const DecodeResult result = decode_from_peer(encode_from_peer(sender), version3_ipv6());
    ASSERT_EQ(reason_of(result), std::nullopt);
    EXPECT_FALSE(std::get<DecodedAdvertisement>(result).address_list_matches);
    EXPECT_EQ(discard_of(encode_from_peer(sender), sender), std::nullopt);
}

// RFC 9568 erratum 8298: the owner hears others; what it makes of them is the elector's matter.
TEST(PacketDecode, V07OwnerHearsOthers) {
    InstanceConfig owner = version3();
    owner.priority = kOwnerPriority;
    EXPECT_EQ(discard_of(encode_from_peer(version3(), 255), owner), std::nullopt);
}

// A list may be empty in version 2: RFC 3768 names no minimum, and keepalived sends it without
// virtual_ipaddress.
TEST(PacketDecode, F23Version2WithoutAddressesIsHeard) {
    InstanceConfig empty = version2();
    empty.addresses.clear();
    const DecodeResult result = decode_from_peer(encode_from_peer(empty), version2());
    ASSERT_EQ(reason_of(result), std::nullopt);
    EXPECT_FALSE(std::get<DecodedAdvertisement>(result).address_list_matches);
    EXPECT_FALSE(std::get<DecodedAdvertisement>(result).address_list_disjoint);
}

TEST(PacketDecode, F12Version2SecondsUpTo255) {
    for (const auto interval : {1s, 2s, 255s}) {
        InstanceConfig config = version2();
        config.advertisement_interval = interval;
        const DecodeResult result = decode_from_peer(encode_from_peer(config), config);
        ASSERT_EQ(reason_of(result), std::nullopt);
        EXPECT_EQ(std::get<DecodedAdvertisement>(result).advertisement.interval, interval);
    }
}

TEST(PacketDecode, F22EveryIntervalOfVersion3) {
    for (int centiseconds = 1; centiseconds <= 4095; ++centiseconds) {
        InstanceConfig sender = version3();
        sender.advertisement_interval = centiseconds * 10ms;
        const DecodeResult result = decode_from_peer(encode_from_peer(sender), version3());
        ASSERT_EQ(reason_of(result), std::nullopt);
        ASSERT_EQ(std::get<DecodedAdvertisement>(result).advertisement.interval,
                  sender.advertisement_interval);
    }
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
        bool disjoint;
    };
    const std::vector<Case> cases = {
        {{"203.0.113.1", "203.0.113.2"}, {"203.0.113.1", "203.0.113.2"}, true, false},
        {{"203.0.113.1", "203.0.113.2"}, {"203.0.113.2", "203.0.113.1"}, true, false},
        {{"203.0.113.1"}, {"203.0.113.2"}, false, true},
        {{"203.0.113.1", "203.0.113.3"}, {"203.0.113.2", "203.0.113.4"}, false, true},
        {{"203.0.113.1"}, {"203.0.113.1", "203.0.113.2"}, false, false},
        {{"203.0.113.5", "203.0.113.1"}, {"203.0.113.7", "203.0.113.5"}, false, false},
        {{"203.0.113.1", "203.0.113.2"}, {"203.0.113.1", "203.0.113.1"}, false, false},
        {{}, {"203.0.113.1"}, false, false},
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
            const auto& decoded = std::get<DecodedAdvertisement>(result);
            EXPECT_EQ(decoded.address_list_matches, c.matches);
            EXPECT_EQ(decoded.address_list_disjoint, c.disjoint);
        }
    }
}

TEST(PacketDecode, V02V03V04V05V06V08V09EveryReasonToDiscard) {
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
    config.unicast_peers = {{.address = address("198.51.100.9")}, {.address = kPeer4}};
    const Message message = encode(config, 200, kPeer4, kOwn4);
    Datagram datagram = from_peer(message, config);
    datagram.destination = kOwn4;
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

TEST(PacketDecode, V01UnicastTimeToLiveIsAMatterOfThePeer) {
    InstanceConfig config = version3();
    config.unicast_peers = {{.address = address("198.51.100.9"), .min_ttl = 0},
                            {.address = kPeer4, .min_ttl = 62, .max_ttl = 64}};
    const auto heard = [&](const char* source, int ttl) {
        const Message packet = encode(config, 200, address(source), kOwn4);
        const Datagram datagram{.source = address(source),
                                .destination = kOwn4,
                                .time_to_live = static_cast<std::uint8_t>(ttl),
                                .packet = packet};
        return reason_of(decode(datagram, config, kOwn4));
    };
    for (const int ttl : {0, 1, 61, 62, 63, 64, 65, 255}) {
        const bool in_range = ttl >= 62 && ttl <= 64;
        EXPECT_EQ(heard("198.51.100.10", ttl),
                  in_range ? std::nullopt : std::optional{Discard::TimeToLive})
            << ttl;
        EXPECT_EQ(heard("198.51.100.9", ttl), std::nullopt) << ttl;
    }
    // The default: on this link.
    config.unicast_peers = {{.address = kPeer4}};
    EXPECT_EQ(heard("198.51.100.10", 255), std::nullopt);
    EXPECT_EQ(heard("198.51.100.10", 254), Discard::TimeToLive);
}

TEST(PacketDecode, AnotherGroupInsteadOfTheStandardOne) {
    for (InstanceConfig config : {version3(), version3_ipv6()}) {
        const IpAddress standard = multicast_group(config.family);
        const IpAddress group = address(config.family == Family::Ipv4 ? "224.0.0.99" : "ff02::99");
        EXPECT_EQ(multicast_group(config), standard);
        EXPECT_EQ(destinations(config), std::vector{standard});
        config.multicast_group = group;
        EXPECT_EQ(multicast_group(config), group);
        EXPECT_EQ(destinations(config), std::vector{group});
        for (const IpAddress& destination : {group, standard}) {
            const Message message = encode(config, 200, peer(config), destination);
            Datagram datagram = from_peer(message, config);
            datagram.destination = destination;
            EXPECT_EQ(reason_of(decode(datagram, config, own(config))),
                      destination == group ? std::nullopt : std::optional{Discard::Destination});
        }
        config.unicast_peers = {{.address = peer(config)}, {.address = own(config)}};
        EXPECT_EQ(destinations(config), (std::vector{peer(config), own(config)}));
    }
}

TEST(PacketDecode, V12NamesAreStable) {
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
    EXPECT_EQ(to_string(Discard::OwnPacket), "own-packet");
    EXPECT_EQ(to_string(Discard::Destination), "destination-error");
    EXPECT_EQ(to_string(Discard::UnknownPeer), "unknown-peer");
    EXPECT_EQ(to_string(Discard::HmacMissing), "hmac-missing");
    EXPECT_EQ(to_string(Discard::HmacMalformed), "hmac-malformed");
    EXPECT_EQ(to_string(Discard::HmacUnknownKey), "hmac-unknown-key");
    EXPECT_EQ(to_string(Discard::HmacInvalid), "hmac-invalid");
    EXPECT_EQ(to_string(Discard::HmacStale), "hmac-stale");
    EXPECT_EQ(to_string(Discard::HmacReplay), "hmac-replay");
}

TEST(PacketDecode, V12EveryReasonHasItsOwnName) {
    std::set<std::string_view> names;
    for (std::size_t reason = 0; reason < kDiscardReasons; ++reason) {
        names.insert(to_string(static_cast<Discard>(reason)));
    }
    EXPECT_EQ(names.size(), kDiscardReasons);
    EXPECT_FALSE(names.contains("unknown"));
}

}  // namespace
}  // namespace tandem::vrrp
