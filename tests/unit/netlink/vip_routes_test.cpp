// Virtual routes against the real kernel.
#include "tests/unit/netlink/vip_fixture.hpp"

namespace tandem::netlink {
namespace {

class VipRoutesTest : public VipManagerTest {
  protected:
    static VirtualRoute route(const char* destination, std::uint8_t length, const char* gateway) {
        VirtualRoute value;
        value.destination = make_address(destination);
        value.prefix_length = length;
        value.interface = "vip0";
        if (gateway != nullptr) {
            value.gateway = make_address(gateway);
        }
        return value;
    }
    void start_with(std::vector<VirtualRoute> routes, std::chrono::seconds lease = 3s) {
        AddressGroup group;
        group.name = "web";
        group.addresses = {vip("198.51.100.100", 32), vip("2001:db8::100", 64)};
        group.lease = lease;
        group.schedule = schedule_;
        group.routes = std::move(routes);
        VipManager::Callbacks callbacks;
        callbacks.on_notice = [this](const Notice& notice) { notices_.push_back(notice); };
        callbacks.on_route = [this](const RouteNotice& notice) { routes_.push_back(notice); };
        manager_ = std::make_unique<VipManager>(context_, std::vector{group},
                                                std::vector<std::string>{}, callbacks);
        ASSERT_FALSE(manager_->start());
    }
    static std::string v4(const std::string& what) { return output("ip -4 route show " + what); }
    static std::string v6(const std::string& what) { return output("ip -6 route show " + what); }
    long count_routes(RouteNotice::Kind kind) const {
        return std::count_if(routes_.begin(), routes_.end(),
                             [kind](const RouteNotice& notice) { return notice.kind == kind; });
    }
    std::vector<RouteNotice> routes_;
};

TEST_F(VipRoutesTest, AreOnWithTheGroupAndOffWithIt) {
    auto with_source = route("203.0.113.0", 24, "198.51.100.1");
    with_source.source = make_address("198.51.100.100");
    auto discarding = route("203.0.113.128", 25, nullptr);
    discarding.type = RouteType::Unreachable;
    discarding.table = 1000;
    auto discarding6 = route("2001:db8:2::", 48, nullptr);
    discarding6.type = RouteType::Blackhole;
    start_with({with_source, discarding, route("2001:db8:1::", 48, "2001:db8::1"), discarding6});
    ASSERT_FALSE(manager_->acquire("web"));
    EXPECT_NE(v4("203.0.113.0/24").find("via 198.51.100.1 dev vip0 proto 116 src 198.51.100.100"),
              std::string::npos);
    EXPECT_NE(v4("table 1000").find("unreachable 203.0.113.128/25"), std::string::npos);
    EXPECT_NE(v6("2001:db8:1::/48").find("proto 116 metric 1024 expires"), std::string::npos);
    EXPECT_NE(v6("2001:db8:2::/48").find("proto 116"), std::string::npos);
    run_for(300ms);
    EXPECT_TRUE(routes_.empty()) << "nothing to correct: " << routes_[0].route << routes_[0].text;
    ASSERT_FALSE(manager_->release("web"));
    EXPECT_EQ(v4("203.0.113.0/24") + v4("table 1000 2>/dev/null"), "");
    EXPECT_EQ(v6("2001:db8:1::/48") + v6("2001:db8:2::/48"), "");
    run_for(100ms);
    EXPECT_TRUE(routes_.empty());
}

TEST_F(VipRoutesTest, LostRouteIsRepaired) {
    start_with(
        {route("203.0.113.0", 24, "198.51.100.1"), route("2001:db8:1::", 48, "2001:db8::1")});
    ASSERT_FALSE(manager_->acquire("web"));
    ASSERT_TRUE(run("ip route del 203.0.113.0/24 && ip -6 route del 2001:db8:1::/48"));
    EXPECT_TRUE(run_until([&] { return count_routes(RouteNotice::Kind::Repaired) == 2; }, kSoon));
    EXPECT_NE(v4("203.0.113.0/24"), "");
    EXPECT_NE(v6("2001:db8:1::/48"), "");
}

TEST_F(VipRoutesTest, RouteGoneWithoutAWordIsRepaired) {
    auto with_source = route("203.0.113.0", 24, "198.51.100.1");
    with_source.source = make_address("198.51.100.100");
    auto with_source6 = route("2001:db8:1::", 48, "2001:db8::1");
    with_source6.source = make_address("2001:db8::100");
    start_with({with_source, with_source6});
    ASSERT_FALSE(manager_->acquire("web"));
    ASSERT_TRUE(run("ip link set vip0 down && ip link set vip0 up"));
    EXPECT_TRUE(run_until(
        [&] {
            return v4("203.0.113.0/24").find("src 198.51.100.100") != std::string::npos &&
                   v6("2001:db8:1::/48").find("src 2001:db8::100") != std::string::npos;
        },
        4s));
}

TEST_F(VipRoutesTest, RefusedRouteIsSaidOnceAndCostsNothing) {
    start_with(
        {route("203.0.113.0", 24, "192.168.77.1"), route("203.0.113.0", 25, "198.51.100.1")});
    ASSERT_FALSE(manager_->acquire("web"));
    EXPECT_TRUE(has_address("198.51.100.100"));
    EXPECT_NE(v4("203.0.113.0/25"), "");
    run_for(200ms);
    ASSERT_EQ(count_routes(RouteNotice::Kind::Failed), 1);
    EXPECT_EQ(routes_[0].route, "203.0.113.0/24 via 192.168.77.1 dev vip0");
    ASSERT_TRUE(run("ip addr add 192.168.77.2/24 dev vip0"));
    EXPECT_TRUE(run_until([&] { return !v4("203.0.113.0/24").empty(); }, 3s)) << "tried again";
}

TEST_F(VipRoutesTest, ForeignRouteInItsPlaceIsNeverTouched) {
    ASSERT_TRUE(run("ip route add 203.0.113.0/24 via 198.51.100.7 dev vip0"));
    start_with({route("203.0.113.0", 24, "198.51.100.1")});
    ASSERT_FALSE(manager_->acquire("web"));
    EXPECT_EQ(count_routes(RouteNotice::Kind::Failed), 1);
    ASSERT_FALSE(manager_->release("web"));
    EXPECT_NE(v4("203.0.113.0/24").find("via 198.51.100.7"), std::string::npos);
}

TEST_F(VipRoutesTest, LeftoversAreRemovedAtStartWhateverIsConfigured) {
    ASSERT_TRUE(
        run("ip route add 203.0.113.0/24 via 198.51.100.7 dev vip0 proto 116 table 77 &&"
            "ip -6 route add blackhole 2001:db8:9::/48 proto 116 &&"
            "ip route add 203.0.113.0/25 via 198.51.100.7 dev vip0 proto 117"));
    start_with({});
    EXPECT_EQ(count_routes(RouteNotice::Kind::StaleRemoved), 2);
    EXPECT_EQ(v4("table 77 2>/dev/null") + v6("2001:db8:9::/48"), "");
    EXPECT_NE(v4("203.0.113.0/25"), "") << "not ours";
}

TEST_F(VipRoutesTest, Ipv6RouteHasALeaseThatIsRenewed) {
    start_with({route("2001:db8:1::", 48, "2001:db8::1")}, 1s);
    ASSERT_FALSE(manager_->acquire("web"));
    run_for(2500ms);
    EXPECT_NE(output("ip -6 route get 2001:db8:1::5").find("via 2001:db8::1"), std::string::npos);
    EXPECT_TRUE(routes_.empty()) << "renewed, not repaired";
}

}  // namespace
}  // namespace tandem::netlink
