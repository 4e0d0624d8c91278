// Announcements on the wire: schedules, pace, the R flag, the host's own address.
#include "tests/unit/netlink/vip_fixture.hpp"

#include <boost/asio/steady_timer.hpp>

namespace tandem::netlink {
namespace {

constexpr std::uint16_t kArp = 0x0806;
constexpr std::uint16_t kIpv6 = 0x86dd;

class VipAnnounceTest : public VipManagerTest {
  protected:
    void start_and_wait() {
        start(3s);
        ASSERT_TRUE(run_until([this] { return reported_running("vip0", true); }, kSoon));
    }
    static void set_forwarding(bool on) {
        ASSERT_TRUE(run(std::string{"echo "} + (on ? "1" : "0") +
                        " > /proc/sys/net/ipv6/conf/vip0/forwarding"));
    }
    /// Waits for a neighbour advertisement with the R flag as `wanted`.
    bool receive_router_flag(Capture& capture, bool wanted) {
        return run_until(
            [&] {
                return std::ranges::any_of(capture.frames(), [wanted](const auto& frame) {
                    return frame.size() == 86 && frame.at(54) == 136 &&
                           frame.at(58) == (wanted ? 0xa0 : 0x20);
                });
            },
            kSoon);
    }
    /// Counts frames until `wanted` have come.
    bool receive(Capture& capture, std::size_t& received, std::size_t wanted) {
        return run_until(
            [&] {
                received += capture.frames().size();
                return received >= wanted;
            },
            kSoon);
    }
};

TEST_F(VipAnnounceTest, X26KnownNeighboursHearOfATakeoverAlone) {
    schedule_.repeat = 1;
    start_and_wait();
    ASSERT_TRUE(run("ip neigh add 198.51.100.9 lladdr 02:00:00:00:00:09 dev vip0"));
    ASSERT_TRUE(run("ip neigh add 2001:db8::9 lladdr 02:00:00:00:00:09 dev vip0"));
    const auto told = [](const auto& frames) {
        return std::ranges::any_of(frames, [](const auto& frame) {
            constexpr std::array<std::uint8_t, 6> kNeighbour{2, 0, 0, 0, 0, 9};
            return std::ranges::equal(std::span{frame}.first(6), kNeighbour);
        });
    };
    Capture arp{"vip1", kArp};
    Capture ipv6{"vip1", kIpv6};
    ASSERT_FALSE(manager_->acquire("web"));
    EXPECT_TRUE(run_until([&] { return told(arp.frames()); }, kSoon));
    EXPECT_TRUE(run_until([&] { return told(ipv6.frames()); }, kSoon));
}

TEST_F(VipAnnounceTest, EvidenceOfConfusionUsesTheLowerPrioritySchedule) {
    schedule_.repeat = 1;
    schedule_.lower_priority_repeat = 3;
    schedule_.lower_priority_delay = 100ms;
    start_and_wait();
    Capture capture{"vip1", kArp};
    std::size_t received = 0;
    ASSERT_FALSE(manager_->acquire("web"));
    ASSERT_TRUE(receive(capture, received, 2));
    run_for(50ms);
    received += capture.frames().size();
    EXPECT_EQ(received, 2U) << "one of each form";
    manager_->announce("web");
    EXPECT_TRUE(receive(capture, received, 8)) << "three of each form";
    EXPECT_TRUE(receive(capture, received, 14)) << "and its second burst";
}

TEST_F(VipAnnounceTest, FramesKeepTheirInterval) {
    schedule_.repeat = 2;
    schedule_.arp_interval = 60ms;
    start_and_wait();
    Capture capture{"vip1", kArp};
    std::size_t received = 0;
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_FALSE(manager_->acquire("web"));
    ASSERT_TRUE(receive(capture, received, 4));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 180ms);
    EXPECT_EQ(received, 4U);
}

TEST_F(VipAnnounceTest, A03RouterFlagIsThatOfTheInterface) {
    for (const bool forwarding : {false, true}) {
        set_forwarding(forwarding);
        manager_.reset();
        start_and_wait();
        Capture capture{"vip1", kIpv6};
        ASSERT_FALSE(manager_->acquire("web"));
        EXPECT_TRUE(receive_router_flag(capture, forwarding)) << forwarding;
    }
}

// While the manager runs. A burst does not read the file for each of its frames.
TEST_F(VipAnnounceTest, A03RouterFlagFollowsTheInterfaceOnceASecond) {
    schedule_.repeat = 200;
    schedule_.advertisement_interval = 20ms;
    set_forwarding(false);
    start_and_wait();
    Capture capture{"vip1", kIpv6};
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_FALSE(manager_->acquire("web"));
    ASSERT_TRUE(receive_router_flag(capture, false));
    set_forwarding(true);
    ASSERT_TRUE(receive_router_flag(capture, true));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 1s);
}

TEST_F(VipAnnounceTest, OwnAddressOfTheHostIsAnnouncedAndNoOther) {
    start_and_wait();
    Capture capture{"vip1", kArp};
    EXPECT_FALSE(manager_->announce_own("vip0", make_address("198.51.100.11")));
    std::size_t received = 0;
    EXPECT_TRUE(receive(capture, received, 2));
    EXPECT_EQ(manager_->announce_own("vip0", make_address("198.51.100.100")),
              boost::system::errc::address_not_available);
    EXPECT_EQ(manager_->announce_own("nowhere", make_address("198.51.100.11")),
              boost::system::errc::no_such_device);
}

// The network of the host may be set up after this daemon has started.
TEST_F(VipAnnounceTest, OwnAddressThatAppearsAfterStartIsNotRemoved) {
    ASSERT_TRUE(run("ip addr flush dev vip0"));
    start_and_wait();
    ASSERT_TRUE(run("ip addr add 198.51.100.100/24 dev vip0"));
    EXPECT_TRUE(run_until([&] { return count(Kind::AddressFailed) == 1; }, kSoon));
    ASSERT_FALSE(manager_->acquire("web"));
    ASSERT_FALSE(manager_->release("web"));
    EXPECT_TRUE(has_address("198.51.100.100"));
    ASSERT_TRUE(run("ip addr del 198.51.100.100/24 dev vip0"));
    ASSERT_TRUE(run_until([&] { return !manager_->is_own_address(make_address("198.51.100.100")); },
                          kSoon));
    ASSERT_FALSE(manager_->acquire("web"));
    ASSERT_FALSE(manager_->release("web"));
    EXPECT_FALSE(has_address("198.51.100.100")) << "managed again";
}

TEST_F(VipAnnounceTest, C03ReleaseTakesOffEveryPrefixLength) {
    start_and_wait();
    ASSERT_FALSE(manager_->acquire("web"));
    ASSERT_TRUE(run("ip addr add 198.51.100.100/24 dev vip0 valid_lft 100 preferred_lft 100"));
    ASSERT_TRUE(run("ip addr add 198.51.100.100/25 dev vip0 valid_lft 100 preferred_lft 100"));
    manager_->announce_own("vip0", make_address("198.51.100.11"));  // reads the notifications
    ASSERT_FALSE(manager_->release("web"));
    EXPECT_FALSE(has_address("198.51.100.100"));
}

}  // namespace
}  // namespace tandem::netlink
