// Addresses that are the host's own, that cannot be put on, or that do not come off.
#include "tests/unit/netlink/vip_fixture.hpp"

namespace tandem::netlink {
namespace {

using testing::Contains;
using testing::Not;

TEST_F(VipManagerTest, OwnAddressesAreReportedWithoutVirtualOnes) {
    start(3s);
    ASSERT_TRUE(run_until([this] { return reported_running("vip0", true); }, kSoon));
    ASSERT_FALSE(manager_->acquire("web"));
    EXPECT_THAT(reported_["vip0"]->addresses, Contains(make_address("198.51.100.11")));
    ASSERT_TRUE(run("ip addr add 203.0.113.5/24 dev vip0"));
    EXPECT_TRUE(run_until(
        [this] {
            const auto& addresses = reported_["vip0"]->addresses;
            return std::find(addresses.begin(), addresses.end(), make_address("203.0.113.5")) !=
                   addresses.end();
        },
        kSoon));
    EXPECT_THAT(reported_["vip0"]->addresses, Not(Contains(make_address("198.51.100.100"))));
    EXPECT_FALSE(manager_->is_own_address(make_address("198.51.100.100")));
}

// A source address may be that of the loopback interface, which nobody watches.
TEST_F(VipManagerTest, OwnAddressOfAnotherInterfaceIsReportedToo) {
    start(3s);
    ASSERT_TRUE(run_until([this] { return reported_running("vip0", true); }, kSoon));
    run_for(50ms);
    EXPECT_FALSE(manager_->is_own_address(make_address("203.0.113.5")));
    const int reports = reports_;
    ASSERT_TRUE(run("ip addr add 203.0.113.5/32 dev lo"));
    EXPECT_TRUE(run_until([&] { return reports_ >= reports + 3; }, kSoon)) << "every interface";
    EXPECT_TRUE(manager_->is_own_address(make_address("203.0.113.5")));
    ASSERT_TRUE(run("ip addr del 203.0.113.5/32 dev lo"));
    EXPECT_TRUE(run_until([&] { return reports_ >= reports + 6; }, kSoon));
    EXPECT_FALSE(manager_->is_own_address(make_address("203.0.113.5")));
}

// ---------------------------------------------------------------- virtual addresses of the host

TEST_F(VipManagerTest, OwnAddressOfTheHostIsHeldAndNeverTouched) {
    ASSERT_TRUE(run("ip route add 203.0.113.0/24 via 198.51.100.1 dev vip0"));
    AddressGroup group;
    group.name = "web";
    group.addresses = {vip("198.51.100.11", 32), vip("198.51.100.100", 32)};
    group.lease = 1s;
    group.schedule = schedule_;
    make_group(group);
    ASSERT_FALSE(manager_->start());
    ASSERT_EQ(notices_.size(), 1U);
    EXPECT_EQ(notices_[0].kind, Kind::AddressFailed);
    EXPECT_EQ(notices_[0].address, make_address("198.51.100.11"));
    EXPECT_TRUE(manager_->is_own_address(make_address("198.51.100.11")));
    EXPECT_EQ(manager_->interface_state("vip0")->ipv4, make_address("198.51.100.11"));
    ASSERT_FALSE(manager_->acquire("web"));
    run_for(1500ms);
    const auto line = output("ip -o addr show dev vip0 to 198.51.100.11");
    EXPECT_NE(line.find("/24"), std::string::npos) << line;
    EXPECT_NE(line.find("valid_lft forever"), std::string::npos) << line;
    EXPECT_TRUE(has_address("198.51.100.100"));
    EXPECT_FALSE(manager_->release("web"));
    EXPECT_TRUE(has_address("198.51.100.11"));
    EXPECT_FALSE(has_address("198.51.100.100"));
    EXPECT_FALSE(output("ip route show 203.0.113.0/24").empty()) << "routes stay";
    EXPECT_EQ(notices_.size(), 1U);
}

TEST_F(VipManagerTest, OwnerOfItsOnlyAddressAcquiresWithoutTouchingIt) {
    AddressGroup group;
    group.name = "web";
    group.addresses = {vip("198.51.100.11", 24)};
    make_group(group);
    ASSERT_FALSE(manager_->start());
    EXPECT_FALSE(manager_->acquire("web"));
    manager_->stop();
    EXPECT_TRUE(has_address("198.51.100.11/24"));
}

// ---------------------------------------------------------------- addresses that cannot be added

TEST_F(VipManagerTest, AddressTheKernelRefusesDoesNotCostTheOthers) {
    ASSERT_TRUE(run("echo 1 > /proc/sys/net/ipv6/conf/vip0/disable_ipv6"));
    start(3s);
    EXPECT_FALSE(manager_->acquire("web"));
    EXPECT_TRUE(has_address("198.51.100.100"));
    run_for(1500ms);
    ASSERT_EQ(count(Kind::AddressFailed), 1) << "said once";
    EXPECT_EQ(notices_[0].address, make_address("2001:db8::100"));
    ASSERT_TRUE(run("echo 0 > /proc/sys/net/ipv6/conf/vip0/disable_ipv6"));
    EXPECT_TRUE(run_until([this] { return has_address("2001:db8::100"); }, 3 * kSoon));
}

TEST_F(VipManagerTest, AddressOfAMissingInterfaceIsAddedWhenItAppears) {
    AddressGroup group;
    group.name = "web";
    group.addresses = {vip("198.51.100.100", 32), vip("10.9.9.9", 32, "missing0")};
    make_group(group);
    ASSERT_FALSE(manager_->start());
    EXPECT_FALSE(manager_->acquire("web"));
    EXPECT_TRUE(has_address("198.51.100.100"));
    EXPECT_EQ(count(Kind::AddressFailed), 1);
    ASSERT_TRUE(
        run("ip link add missing0 type veth peer name missing1 &&"
            "ip link set missing0 up"));
    EXPECT_TRUE(run_until([this] { return has_address("10.9.9.9", "missing0"); }, kSoon));
    EXPECT_FALSE(manager_->release("web"));
    EXPECT_FALSE(has_address("10.9.9.9", "missing0"));
}

TEST_F(VipManagerTest, NoAddressOnIsAFailedAcquire) {
    ASSERT_TRUE(run("echo 1 > /proc/sys/net/ipv6/conf/vip0/disable_ipv6"));
    AddressGroup group;
    group.name = "web";
    group.addresses = {vip("2001:db8::100", 128), vip("10.9.9.9", 32, "missing0")};
    make_group(group);
    ASSERT_FALSE(manager_->start());
    EXPECT_EQ(manager_->acquire("web"), boost::system::errc::permission_denied);
    EXPECT_FALSE(manager_->acquired("web"));
    EXPECT_EQ(count(Kind::AddressFailed), 2);
}

// Netlink chatter must not put the recovery off: it was armed again at every notification.
TEST_F(VipManagerTest, LapsedLeaseIsRestoredDuringNetlinkChatter) {
    start(1s);
    ASSERT_FALSE(manager_->acquire("web"));
    run_for(20ms);
    ASSERT_TRUE(run("sleep 1.3"));  // this thread does not run
    bool on = false;
    for (int i = 0; i < 200 && !on; ++i) {
        ASSERT_TRUE(run("ip addr replace 203.0.113.5/32 dev lo"));
        run_for(2ms);
        on = manager_->acquired("web") && has_address("198.51.100.100");
    }
    EXPECT_TRUE(on);
    EXPECT_LT(count(Kind::AddressRepaired), 4);
}

}  // namespace
}  // namespace tandem::netlink
