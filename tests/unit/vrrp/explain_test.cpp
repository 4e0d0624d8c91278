// Words for each reason to discard.
#include "vrrp/explain.hpp"

#include "tests/unit/vrrp/packet_fixture.hpp"

#include <gtest/gtest.h>

namespace tandem::vrrp {
namespace {

using namespace std::chrono_literals;

/// What decode() finds wrong, in words; empty when nothing is.
std::string explained(const Datagram& datagram, const InstanceConfig& config, WallTime now = kNow) {
    std::optional<HmacVerifier> verifier;
    if (config.auth_hmac) {
        verifier.emplace(*config.auth_hmac, std::vector<IpAddress>{}, std::vector<ReplayMark>{});
    }
    const auto reason =
        reason_of(decode(datagram, config, own(config), verifier ? &*verifier : nullptr, now));
    return reason ? explain(*reason, datagram, config, now) : "";
}

std::string explained(const Message& packet, const InstanceConfig& config, WallTime now = kNow) {
    return explained(from_peer(packet, config), config, now);
}

Message signed_by(const InstanceConfig& config, WallTime now = kNow, std::uint8_t priority = 200) {
    HmacSigner signer{*config.auth_hmac};
    return encode(config, priority, peer(config), multicast_group(config), &signer, now);
}

TEST(Explain, NothingWrong) {
    EXPECT_EQ(explained(encode_from_peer(version3()), version3()), "");
}

TEST(Explain, V02OtherVersion) {
    EXPECT_EQ(explained(encode_from_peer(version2()), version3()),
              "it speaks VRRP version 2, this node version 3");
    EXPECT_EQ(explained(encode_from_peer(version3()), version2()),
              "it speaks VRRP version 3, this node version 2");
}

TEST(Explain, V09G04Interval) {
    InstanceConfig slow = version2();
    slow.advertisement_interval = 3s;
    EXPECT_EQ(explained(encode_from_peer(slow), version2()),
              "its interval is 3 s, ours is 1 s: version 2 demands the same on both nodes");
    EXPECT_EQ(explained(changed(version3(), [](Message& m) { m[5] = 0; }), version3()),
              "it announces an interval of zero");
}

TEST(Explain, V08G07Authentication) {
    InstanceConfig password = version2();
    password.password = "secret";
    EXPECT_EQ(explained(encode_from_peer(password), version2()),
              "it uses auth_type PASS, this node no authentication");
    EXPECT_EQ(explained(encode_from_peer(version2()), password),
              "it uses no authentication, this node auth_type PASS");
    EXPECT_EQ(explained(changed(version2(), [](Message& m) { m[4] = 2; }), password),
              "it uses auth_type AH, which is not supported, this node auth_type PASS");
    EXPECT_EQ(explained(changed(version2(), [](Message& m) { m[4] = 7; }), version2()),
              "it uses authentication type 7, this node no authentication");
    InstanceConfig other = password;
    other.password = "Secret";
    EXPECT_EQ(explained(encode_from_peer(other), password), "its auth_pass is not ours");
}

TEST(Explain, V01G08TimeToLive) {
    const Message packet = encode_from_peer(version3());
    Datagram datagram = from_peer(packet, version3());
    datagram.time_to_live = 64;
    EXPECT_EQ(explained(datagram, version3()),
              "its TTL is 64 instead of 255: it is not on this link");
    InstanceConfig unicast = version3_ipv6();
    unicast.unicast_peers = {{.address = kPeer6, .min_ttl = 254}};
    const Message unicast_packet = encode(unicast, 200, kPeer6, kOwn6);
    const Datagram from_far{
        .source = kPeer6, .destination = kOwn6, .time_to_live = 64, .packet = unicast_packet};
    EXPECT_EQ(explained(from_far, unicast),
              "its hop limit is 64, allowed are 254 to 255: either it is behind a router (set "
              "min_ttl for it), or it sends with another unicast_ttl");
}

TEST(Explain, Destination) {
    InstanceConfig unicast = version3();
    unicast.unicast_peers = {{.address = kPeer4}};
    EXPECT_EQ(explained(encode_from_peer(version3()), unicast),
              "it sends to 224.0.0.18, this node is configured with unicast_peer");
    const Message packet = encode(version3(), 200, kPeer4, kOwn4);
    Datagram datagram = from_peer(packet, version3());
    datagram.destination = kOwn4;
    EXPECT_EQ(explained(datagram, version3()),
              "it sends to 198.51.100.11, this node listens to the multicast group 224.0.0.18");
    unicast.unicast_peers = {{.address = address("198.51.100.9")}};
    EXPECT_EQ(explained(datagram, unicast), "it is not listed in unicast_peer");
}

TEST(Explain, V04PacketLength) {
    EXPECT_EQ(explained(Message{0x31, 51}, version3()),
              "its packet has 2 bytes, a VRRP header has 8");
    EXPECT_EQ(explained(changed(version3(), [](Message& m) { m[3] = 2; }), version3()),
              "its packet has 12 bytes, one with 2 addresses has 16");
    EXPECT_EQ(explained(changed(version2(), [](Message& m) { m.resize(12); }), version2()),
              "it leaves the authentication data of version 2 out");
    EXPECT_EQ(explained(signed_by(with_hmac(version3())), version3()),
              "it uses auth_hmac, this node does not");
}

TEST(Explain, V03V05V06Others) {
    EXPECT_EQ(explained(changed(version2(), [](Message& m) { m[0] = 0x27; }), version2()),
              "its packet type is 7, only 1 (advertisement) is standard");
    EXPECT_EQ(explained(hex("3133c801 00644403 c0000264"), version3()),
              "its checksum is wrong with and without pseudo-header: the packet was damaged, or "
              "forged");
    EXPECT_EQ(explained(hex("21331e01 00010000 0a000105 0000000000000000"), version2()),
              "its checksum is wrong: the packet was damaged, or forged");
    InstanceConfig other = version3();
    other.virtual_router_id = 52;
    EXPECT_EQ(explained(encode_from_peer(other), version3()), "its VRID is 52, ours is 51");
    other = version3();
    other.addresses.clear();
    EXPECT_EQ(explained(encode_from_peer(other), version3()), "it lists no address");
    const Message packet = encode_from_peer(version3());
    Datagram own_packet = from_peer(packet, version3());
    own_packet.source = kOwn4;
    EXPECT_EQ(explained(own_packet, version3()),
              "it carries our own source address: the network sends our packets back, or two nodes "
              "have this address");
}

TEST(Explain, AuthHmac) {
    const InstanceConfig config = with_hmac(version3());
    EXPECT_EQ(explained(encode_from_peer(version3()), config),
              "it sends no auth_hmac trailer, and this node's mode is enforce");
    Message packet = signed_by(config);
    packet[12 + 3] = 1;
    EXPECT_EQ(explained(packet, config), "its auth_hmac trailer has an unknown form");
    packet = signed_by(config);
    packet[12 + 1] = 9;
    EXPECT_EQ(explained(packet, config), "it signs with key 9, which this node does not have");
    packet = signed_by(config);
    packet.back() ^= 1U;
    EXPECT_EQ(explained(packet, config),
              "its signature with key 1 is wrong: the keys differ, or it is forged");
    EXPECT_EQ(explained(signed_by(config), config, kNow + 12500ms),
              "its time stamp is 12.5 s behind our clock, time_window is 5 s: a clock is wrong, or "
              "the packet was recorded");
    EXPECT_EQ(explained(signed_by(config), config, kNow - 1h),
              "its time stamp is 3600.0 s ahead of our clock, time_window is 5 s: a clock is "
              "wrong, or the packet was recorded");
    EXPECT_EQ(explained(signed_by(config, kNow, 0), config),
              "its packet is not newer than the last one of this sender: it was repeated");
}

// Any reason beside any packet: no crash, and words.
TEST(Explain, IsTotal) {
    for (const InstanceConfig& config :
         {version2(), with_hmac(version3()), with_hmac(version3_ipv6())}) {
        for (std::size_t size = 0; size < 64; ++size) {
            const Message packet(size, 1);
            for (std::size_t reason = 0; reason < kDiscardReasons; ++reason) {
                EXPECT_FALSE(
                    explain(static_cast<Discard>(reason), from_peer(packet, config), config, kNow)
                        .empty());
            }
        }
    }
}

}  // namespace
}  // namespace tandem::vrrp
