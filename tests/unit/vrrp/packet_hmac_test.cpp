// Packets with the auth_hmac trailer: length, checksum, order of checks, rollout.
#include "tests/unit/vrrp/packet_fixture.hpp"
#include "vrrp/packet.hpp"

#include <array>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::vrrp {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;
using Mode = AuthHmacConfig::Mode;

/// A sender of one virtual router, and what another node with the same configuration makes of it.
class HmacLink {
  public:
    explicit HmacLink(const InstanceConfig& config)
        : config_{config}, signer_{*config.auth_hmac}, verifier_{*config.auth_hmac, {}, {}} {}

    Message send(std::uint8_t priority = 200) {
        return encode(config_, priority, peer(config_), multicast_group(config_), &signer_, kNow);
    }
    Datagram datagram(const Message& packet) const {
        return {.source = peer(config_),
                .destination = multicast_group(config_),
                .time_to_live = 255,
                .packet = packet};
    }
    std::optional<Discard> hear(const Datagram& datagram) {
        return reason_of(decode(datagram, config_, own(config_), &verifier_, kNow));
    }
    std::optional<Discard> hear(const Message& packet) { return hear(datagram(packet)); }
    HmacVerifier& verifier() { return verifier_; }

  private:
    InstanceConfig config_;
    HmacSigner signer_;
    HmacVerifier verifier_;
};

std::vector<InstanceConfig> every_kind() {
    InstanceConfig message_only = version3();
    message_only.checksum_form = ChecksumForm::MessageOnly;
    return {with_hmac(version2()), with_hmac(version3()), with_hmac(message_only),
            with_hmac(version3_ipv6())};
}

TEST(PacketHmac, EveryKindIsHeardAndNotTwice) {
    for (const InstanceConfig& config : every_kind()) {
        HmacLink link{config};
        const Message packet = link.send();
        EXPECT_EQ(packet.size(), message_size(config, config.addresses.size()) + kTrailerSize);
        EXPECT_EQ(link.hear(packet), std::nullopt);
        EXPECT_EQ(link.hear(packet), Discard::HmacReplay);
        EXPECT_EQ(link.hear(link.send()), std::nullopt);
        EXPECT_EQ(link.hear(link.send(0)), std::nullopt);
    }
}

TEST(PacketHmac, Version2TrailerStandsBehindTheAuthenticationData) {
    HmacLink link{with_hmac(version2())};
    const Message packet = link.send(30);
    EXPECT_EQ(Message(packet.begin(), packet.begin() + 20),
              hex("21331e01 0001b5c5 0a000105 0000000000000000"));
    EXPECT_EQ(packet[20], 1);
}

TEST(PacketHmac, Ipv4ChecksumLeavesTheTrailerOut) {
    for (InstanceConfig config : {with_hmac(version2()), with_hmac(version3())}) {
        const Message with_trailer = HmacLink{config}.send();
        config.auth_hmac.reset();
        const Message without = encode_from_peer(config);
        EXPECT_EQ(Message(with_trailer.begin(),
                          with_trailer.begin() + static_cast<std::ptrdiff_t>(without.size())),
                  without);
    }
}

TEST(PacketHmac, Ipv6ChecksumCoversTheTrailer) {
    const InstanceConfig config = with_hmac(version3_ipv6());
    HmacLink link{config};
    Message packet = link.send();
    packet.back() ^= 1U;
    EXPECT_EQ(link.hear(packet), Discard::Checksum);
    set_checksum(packet, config, peer(config), multicast_group(config));
    EXPECT_EQ(link.hear(packet), Discard::HmacInvalid);
}

TEST(PacketHmac, TrailerIsFoundByTheExactLength) {
    for (const InstanceConfig& config : every_kind()) {
        HmacLink link{config};
        const Message good = link.send();
        for (const int extra : {-28, -27, -2, -1, 1, 2, 28}) {
            Message packet = good;
            packet.resize(good.size() + static_cast<std::size_t>(extra));
            if (config.family == Family::Ipv6) {
                set_checksum(packet, config, peer(config), multicast_group(config));
            }
            EXPECT_EQ(link.hear(packet),
                      extra == -28 ? Discard::HmacMissing : Discard::PacketLength)
                << extra;
        }
        EXPECT_EQ(link.hear(good), std::nullopt);
    }
}

TEST(PacketHmac, NodeWithoutTheFeatureDropsTheTrailerAsTooLong) {
    for (InstanceConfig config : every_kind()) {
        const Message packet = HmacLink{config}.send();
        config.auth_hmac.reset();
        EXPECT_EQ(discard_of(packet, config), Discard::PacketLength);
    }
}

TEST(PacketHmac, WithoutVerifierNothingIsAccepted) {
    const InstanceConfig config = with_hmac(version3());
    EXPECT_EQ(discard_of(HmacLink{config}.send(), config), Discard::HmacUnknownKey);
    EXPECT_EQ(discard_of(encode_from_peer(version3()), config), Discard::HmacUnknownKey);
}

TEST(PacketHmac, OneSignatureServesEveryUnicastPeer) {
    for (InstanceConfig config : every_kind()) {
        const IpAddress first = own(config);
        const IpAddress second =
            config.family == Family::Ipv4 ? address("203.0.113.9") : address("2001:db8::9");
        config.unicast_peers = {{.address = peer(config)}};
        HmacSigner signer{*config.auth_hmac};
        auto buffer = std::make_unique<PacketBuffer>();
        const auto packet = encode_into(*buffer, config, 200, peer(config), &signer, kNow);
        for (const IpAddress& destination : {first, second}) {
            set_checksum(packet, config, peer(config), destination);
            HmacVerifier verifier{*config.auth_hmac, {peer(config)}, {}};
            const Datagram datagram{.source = peer(config),
                                    .destination = destination,
                                    .time_to_live = 255,
                                    .packet = packet};
            EXPECT_EQ(reason_of(decode(datagram, config, own(config), &verifier, kNow)),
                      std::nullopt);
        }
    }
}

TEST(PacketHmac, EveryBitFlipIsDiscardedAndLeavesNoMark) {
    for (const InstanceConfig& config : every_kind()) {
        HmacLink link{config};
        const Message good = link.send();
        for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
            Message flipped = good;
            flipped[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
            EXPECT_NE(link.hear(flipped), std::nullopt) << bit;
            // An attacker sets the checksum right.
            if (message_size(config, flipped[3]) <= flipped.size()) {
                set_checksum(flipped, config, peer(config), multicast_group(config));
                const bool in_checksum = bit / 8 == 6 || bit / 8 == 7;
                if (!in_checksum) {
                    EXPECT_NE(link.hear(flipped), std::nullopt) << bit;
                }
            }
            EXPECT_THAT(link.verifier().marks(), IsEmpty()) << bit;
        }
        EXPECT_EQ(link.hear(good), std::nullopt);
    }
}

// A copy that was changed where no signature covers it must not use up the sequence.
TEST(PacketHmac, CopyWithAnotherTimeToLiveDestinationOrChecksumLeavesNoMark) {
    for (const InstanceConfig& config : every_kind()) {
        HmacLink link{config};
        const Message good = link.send();
        Datagram copy = link.datagram(good);
        copy.time_to_live = 254;
        EXPECT_EQ(link.hear(copy), Discard::TimeToLive);
        copy = link.datagram(good);
        copy.destination = own(config);
        EXPECT_EQ(link.hear(copy), Discard::Destination);
        Message damaged = good;
        damaged[7] ^= 0xffU;
        EXPECT_EQ(link.hear(damaged), Discard::Checksum);
        EXPECT_EQ(link.hear(good), std::nullopt);
    }
}

TEST(PacketHmac, SignedButOfAnotherConfigurationIsDiscardedForThat) {
    InstanceConfig slow = with_hmac(version2());
    slow.advertisement_interval = 2s;
    EXPECT_EQ(HmacLink{with_hmac(version2())}.hear(HmacLink{slow}.send()), Discard::Interval);
    InstanceConfig empty = with_hmac(version3());
    empty.addresses.clear();
    EXPECT_EQ(HmacLink{with_hmac(version3())}.hear(HmacLink{empty}.send()), Discard::AddressList);
    // Without the right signature it is not looked at.
    slow.auth_hmac->keys[1].front() ^= 1U;
    EXPECT_EQ(HmacLink{with_hmac(version2())}.hear(HmacLink{slow}.send()), Discard::HmacInvalid);
}

TEST(PacketHmac, UnicastOnlyFromPeersAlsoWithTheRightKey) {
    InstanceConfig config = with_hmac(version3());
    config.unicast_peers = {{.address = address("198.51.100.9")}};
    HmacSigner signer{*config.auth_hmac};
    HmacVerifier verifier{*config.auth_hmac, {address("198.51.100.9")}, {}};
    const Message packet = encode(config, 200, kPeer4, kOwn4, &signer, kNow);
    const Datagram datagram{
        .source = kPeer4, .destination = kOwn4, .time_to_live = 255, .packet = packet};
    EXPECT_EQ(reason_of(decode(datagram, config, kOwn4, &verifier, kNow)), Discard::UnknownPeer);
}

// Each step of a rollout changes one node: none, receive-only, permissive, enforce.
TEST(PacketHmacRollout, EveryPairOfModes) {
    const std::array<std::optional<Mode>, 4> stages{std::nullopt, Mode::ReceiveOnly,
                                                    Mode::Permissive, Mode::Enforce};
    constexpr auto kHeard = std::nullopt;
    constexpr auto kMissing = Discard::HmacMissing;
    constexpr auto kLength = Discard::PacketLength;
    // Row: sender, column: receiver.
    const std::array<std::array<std::optional<Discard>, 4>, 4> expected{{
        {kHeard, kHeard, kHeard, kMissing},
        {kHeard, kHeard, kHeard, kMissing},
        {kLength, kHeard, kHeard, kHeard},
        {kLength, kHeard, kHeard, kHeard},
    }};
    const auto at_stage = [](InstanceConfig config, std::optional<Mode> stage) {
        if (stage) {
            config.auth_hmac = hmac_config();
            config.auth_hmac->mode = *stage;
        }
        return config;
    };
    for (const InstanceConfig& kind : {version2(), version3(), version3_ipv6()}) {
        for (std::size_t from = 0; from < stages.size(); ++from) {
            for (std::size_t to = 0; to < stages.size(); ++to) {
                const InstanceConfig sender = at_stage(kind, stages[from]);
                const InstanceConfig receiver = at_stage(kind, stages[to]);
                HmacSigner signer{hmac_config()};
                const Message packet = encode(sender, 200, peer(kind), multicast_group(kind),
                                              stages[from] ? &signer : nullptr, kNow);
                HmacVerifier verifier{receiver.auth_hmac.value_or(hmac_config()), {}, {}};
                const Datagram datagram = from_peer(packet, kind);
                EXPECT_EQ(reason_of(decode(datagram, receiver, own(kind),
                                           stages[to] ? &verifier : nullptr, kNow)),
                          expected[from][to])
                    << from << " to " << to;
            }
        }
    }
}

}  // namespace
}  // namespace tandem::vrrp
