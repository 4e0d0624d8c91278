// Another configuration while the addresses are on, against the real kernel.
#include "tests/unit/netlink/vip_fixture.hpp"

namespace tandem::netlink {
namespace {

class VipReconfigureTest : public VipManagerTest {
  protected:
    AddressGroup group(std::vector<VirtualAddress> addresses, std::string name = "web") const {
        AddressGroup value;
        value.name = std::move(name);
        value.addresses = std::move(addresses);
        value.schedule = schedule_;
        return value;
    }
    void start_active(const AddressGroup& wanted) {
        make_group(wanted);
        ASSERT_FALSE(manager_->start());
        run_for(50ms);
        ASSERT_FALSE(manager_->acquire("web"));
    }
    static bool is_on(const std::string& address) { return has_address(address); }
};

TEST_F(VipReconfigureTest, ANewAddressIsPutOnAndAnOldOneTakenOff) {
    start_active(group({vip("198.51.100.100", 32), vip("198.51.100.101", 32)}));
    ASSERT_FALSE(manager_->reconfigure(
        {group({vip("198.51.100.102", 32), vip("198.51.100.100", 32), vip("2001:db8::100", 128)})},
        {"vip1"}));
    EXPECT_TRUE(is_on("198.51.100.100"));
    EXPECT_FALSE(is_on("198.51.100.101"));
    EXPECT_TRUE(is_on("198.51.100.102"));
    EXPECT_TRUE(is_on("2001:db8::100"));
    run_for(300ms);
    EXPECT_THAT(notices_, testing::IsEmpty()) << "nothing had to be corrected";
    EXPECT_TRUE(manager_->acquired("web"));
    ASSERT_FALSE(manager_->release("web"));
    EXPECT_FALSE(is_on("198.51.100.100") || is_on("198.51.100.102") || is_on("2001:db8::100"));
}

TEST_F(VipReconfigureTest, WhatIsAsItWasIsNotTouched) {
    start_active(group({vip("198.51.100.100", 32)}));
    const auto lifetime = [] { return output("ip -o addr show dev vip0 to 198.51.100.100"); };
    run_for(1500ms);  // most of a lease's first part: adding the address again would renew it
    const std::string before = lifetime();
    for (int round = 0; round < 20; ++round) {
        ASSERT_FALSE(manager_->reconfigure({group({vip("198.51.100.100", 32)})}, {"vip1"}));
    }
    EXPECT_TRUE(is_on("198.51.100.100"));
    EXPECT_THAT(notices_, testing::IsEmpty());
    EXPECT_EQ(before, lifetime());
}

TEST_F(VipReconfigureTest, TheOthersOfANetworkStayWhenItsFirstAddressGoes) {
    start_active(group({vip("203.0.113.100", 24), vip("203.0.113.101", 24)}));
    ASSERT_FALSE(manager_->reconfigure({group({vip("203.0.113.101", 24)})}, {}));
    EXPECT_FALSE(is_on("203.0.113.100"));
    EXPECT_TRUE(is_on("203.0.113.101"));
    run_for(200ms);
    EXPECT_TRUE(is_on("203.0.113.101"));
    EXPECT_THAT(notices_, testing::IsEmpty());
}

TEST_F(VipReconfigureTest, GroupsComeAndGo) {
    start_active(group({vip("198.51.100.100", 32)}));
    ASSERT_FALSE(manager_->reconfigure({group({vip("198.51.100.101", 32)}, "mail")}, {}));
    EXPECT_FALSE(is_on("198.51.100.100")) << "released with its group";
    EXPECT_FALSE(manager_->acquired("web"));
    EXPECT_TRUE(manager_->acquire("web")) << "there is none any more";
    ASSERT_FALSE(manager_->acquire("mail"));
    EXPECT_TRUE(is_on("198.51.100.101"));
    run_for(100ms);
    EXPECT_THAT(notices_, testing::IsEmpty());
}

TEST_F(VipReconfigureTest, AnAddressMovesBetweenGroups) {
    start_active(group({vip("198.51.100.100", 32), vip("198.51.100.101", 32)}));
    ASSERT_FALSE(manager_->reconfigure(
        {group({vip("198.51.100.100", 32)}), group({vip("198.51.100.101", 32)}, "mail")}, {}));
    EXPECT_FALSE(is_on("198.51.100.101")) << "its new group is not active";
    ASSERT_FALSE(manager_->acquire("mail"));
    EXPECT_TRUE(is_on("198.51.100.101"));
    EXPECT_TRUE(is_on("198.51.100.100"));
}

TEST_F(VipReconfigureTest, ALeftoverOfANewGroupIsRemoved) {
    start_active(group({vip("198.51.100.100", 32)}));
    ASSERT_TRUE(run("ip addr add 198.51.100.101/32 dev vip0 valid_lft 60 preferred_lft 60"));
    ASSERT_FALSE(manager_->reconfigure(
        {group({vip("198.51.100.100", 32)}), group({vip("198.51.100.101", 32)}, "mail")}, {}));
    EXPECT_TRUE(run_until([] { return !is_on("198.51.100.101"); }, kSoon));
}

TEST_F(VipReconfigureTest, ANewAddressOfTheHostItselfIsLeftAlone) {
    ASSERT_TRUE(run("ip addr add 203.0.113.7/24 dev vip0"));
    start_active(group({vip("198.51.100.100", 32)}));
    ASSERT_FALSE(
        manager_->reconfigure({group({vip("198.51.100.100", 32), vip("203.0.113.7", 24)})}, {}));
    EXPECT_EQ(count(Kind::AddressFailed), 1);
    ASSERT_FALSE(manager_->reconfigure({group({vip("198.51.100.100", 32)})}, {}));
    EXPECT_TRUE(is_on("203.0.113.7"));
}

TEST_F(VipReconfigureTest, TheLeaseChangesAtOnce) {
    start_active(group({vip("198.51.100.100", 32)}));
    AddressGroup without = group({vip("198.51.100.100", 32)});
    without.lease = 0s;
    ASSERT_FALSE(manager_->reconfigure({without}, {}));
    EXPECT_NE(output("ip -o addr show dev vip0 to 198.51.100.100").find("valid_lft forever"),
              std::string::npos);
    ASSERT_FALSE(manager_->reconfigure({group({vip("198.51.100.100", 32)})}, {}));
    EXPECT_EQ(output("ip -o addr show dev vip0 to 198.51.100.100").find("valid_lft forever"),
              std::string::npos);
    run_for(4s);
    EXPECT_TRUE(is_on("198.51.100.100")) << "refreshed";
    EXPECT_THAT(notices_, testing::IsEmpty());
}

TEST_F(VipReconfigureTest, ANewInterfaceIsReported) {
    start_active(group({vip("198.51.100.100", 32)}));
    ASSERT_TRUE(run("ip link set vip1 up"));
    reported_.clear();
    ASSERT_FALSE(manager_->reconfigure({group({vip("198.51.100.100", 32)})}, {"lo"}));
    EXPECT_TRUE(run_until([&] { return reported_.contains("lo"); }, kSoon));
    EXPECT_FALSE(reported_.contains("vip1")) << "not watched any more";
}

TEST_F(VipReconfigureTest, RoutesComeAndGo) {
    AddressGroup with_routes = group({vip("198.51.100.100", 24)});
    start_active(with_routes);
    VirtualRoute route;
    route.destination = make_address("203.0.113.0");
    route.prefix_length = 24;
    route.interface = "vip0";
    route.gateway = make_address("198.51.100.1");
    with_routes.routes = {route};
    ASSERT_FALSE(manager_->reconfigure({with_routes}, {}));
    EXPECT_NE(output("ip -4 route show 203.0.113.0/24"), "");
    // Followed although no route was there at the start.
    ASSERT_TRUE(run("ip route del 203.0.113.0/24"));
    EXPECT_TRUE(
        run_until([] { return !output("ip -4 route show 203.0.113.0/24").empty(); }, kSoon));
    with_routes.routes.clear();
    ASSERT_FALSE(manager_->reconfigure({with_routes}, {}));
    EXPECT_EQ(output("ip -4 route show 203.0.113.0/24"), "");
}

TEST_F(VipReconfigureTest, AnAnnouncementInLineFindsItsAddressAtItsNewPlace) {
    AddressGroup slow = group({vip("198.51.100.100", 32), vip("198.51.100.101", 32)});
    slow.schedule.repeat = 100;
    slow.schedule.arp_interval = 1ms;
    start_active(slow);
    slow.addresses = {slow.addresses[1]};
    ASSERT_FALSE(manager_->reconfigure({slow}, {}));
    run_for(100ms);
    slow.addresses.clear();
    slow.addresses.push_back(vip("198.51.100.102", 32));
    ASSERT_FALSE(manager_->reconfigure({slow}, {}));
    run_for(100ms);
    EXPECT_EQ(count(Kind::AnnounceFailed), 0);
}

}  // namespace
}  // namespace tandem::netlink
