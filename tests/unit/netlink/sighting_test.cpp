// Who sent a VRRP packet: hostile bytes for the parser, real frames for the sockets.
#include "netlink/sighting.hpp"

#include "tests/unit/netlink/lab.hpp"

#include <cstring>
#include <random>

#include <boost/asio/steady_timer.hpp>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

namespace tandem::netlink {
namespace {

using boost::asio::ip::make_address;
using namespace std::chrono_literals;
using Packet = std::vector<std::uint8_t>;
using MacAddress = Sightings::MacAddress;

constexpr MacAddress kPeer{0x02, 0, 0, 0, 0, 0x0a};
constexpr MacAddress kImpostor{0x02, 0, 0, 0, 0, 0x66};

/// Only what is looked at is filled in.
Packet ip_packet(const char* source, std::uint8_t protocol = 112) {
    const IpAddress address = make_address(source);
    Packet packet;
    if (address.is_v4()) {
        packet.assign(20 + 20, 0);
        packet[0] = 0x45;
        packet[3] = 40;
        packet[8] = 255;
        packet[9] = protocol;
        const auto bytes = address.to_v4().to_bytes();
        std::copy(bytes.begin(), bytes.end(), packet.begin() + 12);
    } else {
        packet.assign(40 + 24, 0);
        packet[0] = 0x60;
        packet[5] = 24;
        packet[6] = protocol;
        packet[7] = 255;
        const auto bytes = address.to_v6().to_bytes();
        std::copy(bytes.begin(), bytes.end(), packet.begin() + 8);
    }
    return packet;
}

TEST(VrrpPacketSource, IsThatOfTheIpHeader) {
    for (const char* source : {"198.51.100.7", "fe80::7", "0.0.0.0", "255.255.255.255"}) {
        EXPECT_EQ(vrrp_packet_source(ip_packet(source)), make_address(source));
    }
}

TEST(VrrpPacketSource, NothingButVrrp) {
    for (const unsigned number : {0U, 1U, 6U, 51U, 111U, 113U, 255U}) {
        const auto protocol = static_cast<std::uint8_t>(number);
        EXPECT_FALSE(vrrp_packet_source(ip_packet("198.51.100.7", protocol)));
        EXPECT_FALSE(vrrp_packet_source(ip_packet("fe80::7", protocol)));
    }
}

TEST(VrrpPacketSource, EveryTruncationIsRefused) {
    for (const auto& [source, header] : {std::pair{"198.51.100.7", 20U}, {"fe80::7", 40U}}) {
        const Packet packet = ip_packet(source);
        for (std::size_t length = 0; length <= packet.size(); ++length) {
            // A block of its own lets AddressSanitizer watch the end.
            const Packet cut{packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(length)};
            EXPECT_EQ(vrrp_packet_source(cut).has_value(), length >= header) << length;
        }
    }
}

TEST(VrrpPacketSource, AnyBytes) {
    std::minstd_rand random{1};
    for (int i = 0; i < 20000; ++i) {
        Packet packet(random() % 64);
        std::generate(packet.begin(), packet.end(),
                      [&] { return static_cast<std::uint8_t>(random()); });
        const auto source = vrrp_packet_source(packet);
        if (source) {
            ASSERT_TRUE(packet[0] >> 4U == 4 || packet[0] >> 4U == 6);
            ASSERT_EQ(packet[source->is_v4() ? 9 : 6], 112);
        }
    }
}

/// Frames go into vip1 and come out of vip0, where the sightings are.
class SightingsTest : public Lab {
  protected:
    void SetUp() override {
        Lab::SetUp();
        if (IsSkipped()) {
            return;
        }
        ASSERT_FALSE(sightings_.open(::if_nametoindex("vip0")));
        sender_.reset(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
        ASSERT_TRUE(sender_.is_open());
    }

    void send(const MacAddress& from, const Packet& packet, const char* interface = "vip1") {
        Packet frame(6, 0xff);
        frame.insert(frame.end(), from.begin(), from.end());
        const bool v4 = packet[0] >> 4U == 4;
        frame.insert(frame.end(), {std::uint8_t(v4 ? 0x08 : 0x86), std::uint8_t(v4 ? 0 : 0xdd)});
        frame.insert(frame.end(), packet.begin(), packet.end());
        sockaddr_ll target{};
        target.sll_family = AF_PACKET;
        target.sll_protocol = htons(v4 ? 0x0800 : 0x86dd);
        target.sll_ifindex = static_cast<int>(::if_nametoindex(interface));
        ASSERT_NE(::sendto(sender_.get(), frame.data(), frame.size(), 0,
                           reinterpret_cast<const sockaddr*>(&target), sizeof(target)),
                  -1);
    }
    /// veth delivers from a softirq, which may run a moment later.
    std::optional<MacAddress> find_soon(const char* source) {
        std::optional<MacAddress> found;
        run_until(
            [&] {
                found = sightings_.find(make_address(source));
                return found.has_value();
            },
            2s);
        return found;
    }

    Sightings sightings_;
    FileDescriptor sender_;
};

TEST_F(SightingsTest, NamesTheSenderOfEachFamily) {
    send(kPeer, ip_packet("198.51.100.12"));
    EXPECT_EQ(find_soon("198.51.100.12"), kPeer);
    send(kPeer, ip_packet("fe80::12"));
    EXPECT_EQ(find_soon("fe80::12%3"), kPeer) << "a scope id does not matter";
}

TEST_F(SightingsTest, TheNewestPacketOfThatSourceCounts) {
    send(kPeer, ip_packet("198.51.100.12"));
    send(kImpostor, ip_packet("198.51.100.12"));
    send(kPeer, ip_packet("198.51.100.13"));
    // The last one sent says that all have arrived.
    Capture arrivals{"vip0", 0x0800};
    send(kPeer, ip_packet("198.51.100.14"));
    ASSERT_TRUE(run_until([&] { return !arrivals.frames().empty(); }, 2s));
    EXPECT_EQ(sightings_.find(make_address("198.51.100.12")), kImpostor);
    EXPECT_EQ(sightings_.find(make_address("198.51.100.12")), std::nullopt) << "told once";
}

TEST_F(SightingsTest, OtherProtocolsAndOwnPacketsAreNotSeen) {
    Capture arrivals{"vip0", 0x0800};
    send(kPeer, ip_packet("198.51.100.12", 6));
    send(kPeer, ip_packet("198.51.100.11"), "vip0");
    send(kPeer, ip_packet("198.51.100.14"));
    std::size_t seen = 0;
    ASSERT_TRUE(run_until([&] { return (seen += arrivals.frames().size()) == 2; }, 2s));
    EXPECT_EQ(sightings_.find(make_address("198.51.100.12")), std::nullopt);
    send(kPeer, ip_packet("198.51.100.11"), "vip0");
    EXPECT_EQ(sightings_.find(make_address("198.51.100.11")), std::nullopt);
}

TEST_F(SightingsTest, AFloodLeavesRoomAfterEachQuestion) {
    for (int i = 0; i < 3 * Sightings::kDrainLimit; ++i) {
        send(kPeer, ip_packet("198.51.100.12"));
    }
    Capture arrivals{"vip0", 0x0800};
    send(kPeer, ip_packet("198.51.100.14"));
    ASSERT_TRUE(run_until([&] { return !arrivals.frames().empty(); }, 2s));
    sightings_.forget();
    send(kImpostor, ip_packet("198.51.100.12"));
    EXPECT_EQ(find_soon("198.51.100.12"), kImpostor);
}

TEST_F(SightingsTest, AnOldPacketIsNotTakenForANewOne) {
    // The kernel starts to stamp packets from a work queue, a moment after somebody asks for it; a
    // packet without a stamp gets that of its reading. So the first try may be too early.
    std::optional<MacAddress> found = kPeer;
    for (int attempt = 0; attempt < 3 && found; ++attempt) {
        send(kPeer, ip_packet("198.51.100.12"));
        boost::asio::steady_timer pause{context_, Sightings::kFreshness + 50ms};
        pause.async_wait([](const boost::system::error_code&) {});
        run_for(Sightings::kFreshness * 2);
        found = sightings_.find(make_address("198.51.100.12"));
    }
    EXPECT_EQ(found, std::nullopt);
}

TEST_F(SightingsTest, OpenReportsAnInterfaceThatIsNotThere) {
    EXPECT_TRUE(sightings_.open(9999));
    EXPECT_FALSE(sightings_.is_open());
    EXPECT_EQ(sightings_.find(make_address("198.51.100.12")), std::nullopt);
    EXPECT_FALSE(sightings_.open(::if_nametoindex("vip0")));
    EXPECT_TRUE(sightings_.is_open());
    send(kPeer, ip_packet("198.51.100.12"));
    EXPECT_EQ(find_soon("198.51.100.12"), kPeer);
}

}  // namespace
}  // namespace tandem::netlink
