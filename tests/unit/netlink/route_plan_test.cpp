#include "netlink/route_plan.hpp"

#include <gmock/gmock.h>

namespace tandem::netlink {
namespace {

using boost::asio::ip::make_address;
using Kind = RouteOperation::Kind;

VirtualRoute route(const char* destination, std::uint8_t length, const char* gateway = nullptr) {
    VirtualRoute value;
    value.destination = make_address(destination);
    value.prefix_length = length;
    value.interface = "eth0";
    if (gateway != nullptr) {
        value.gateway = make_address(gateway);
    }
    return value;
}

class RoutePlanTest : public testing::Test {
  protected:
    RoutePlanTest() { put_link(2, "eth0", true); }
    void put_link(unsigned index, const char* name, bool up) {
        Link link;
        link.index = index;
        link.name = name;
        link.up = up;
        Message message;
        message.body = LinkPresent{link};
        tables.apply(message);
    }
    void put(const Route& entry) {
        Message message;
        message.body = RoutePresent{entry};
        tables.apply(message);
    }
    std::vector<RouteOperation> plan(bool acquired) const {
        const DesiredRoutes group{.routes = routes, .acquired = acquired};
        return plan_routes({&group, 1}, tables);
    }

    std::vector<VirtualRoute> routes{route("0.0.0.0", 0, "198.51.100.1"),
                                     route("2001:db8:1::", 48, "fe80::1")};
    Tables tables;
};

TEST_F(RoutePlanTest, MissingRoutesOfAnAcquiredGroupAreAdded) {
    const auto operations = plan(true);
    ASSERT_EQ(operations.size(), 2U);
    EXPECT_EQ(operations[0].kind, Kind::Add);
    EXPECT_EQ(operations[0].route, route_entry(routes[0], 2));
    EXPECT_EQ(operations[1].route.metric, 1024U) << "the kernel's default for IPv6";
    EXPECT_TRUE(plan(false).empty());
}

TEST_F(RoutePlanTest, PresentAsConfiguredIsLeftAloneAndRemovedWhenNotAcquired) {
    put(route_entry(routes[0], 2));
    put(route_entry(routes[1], 2));
    EXPECT_TRUE(plan(true).empty());
    const auto operations = plan(false);
    ASSERT_EQ(operations.size(), 2U);
    EXPECT_EQ(operations[0].kind, Kind::Remove);
}

TEST_F(RoutePlanTest, ChangedRouteIsReplacedRemovalFirst) {
    Route changed = route_entry(routes[0], 2);
    changed.gateway = make_address("198.51.100.2");
    put(changed);
    put(route_entry(routes[1], 2));
    const auto operations = plan(true);
    ASSERT_EQ(operations.size(), 2U);
    EXPECT_EQ(operations[0].kind, Kind::Remove);
    EXPECT_EQ(operations[0].route, changed);
    EXPECT_EQ(operations[1].kind, Kind::Add);
}

TEST_F(RoutePlanTest, OtherTablesAndMetricsAreOtherPlaces) {
    Route other = route_entry(routes[0], 2);
    other.table = 100;
    put(other);
    other = route_entry(routes[0], 2);
    other.metric = 7;
    put(other);
    EXPECT_TRUE(plan(false).empty());
    EXPECT_EQ(plan(true).size(), 2U);
}

TEST_F(RoutePlanTest, InterfaceThatIsDownOrMissingGetsNothing) {
    put_link(2, "eth0", false);
    EXPECT_TRUE(plan(true).empty());
    routes[0].interface = "eth9";
    EXPECT_TRUE(plan(true).empty());
    routes[0].type = RouteType::Blackhole;
    EXPECT_EQ(plan(true).size(), 1U) << "a route that discards needs none";
}

TEST_F(RoutePlanTest, RouteThatAnotherAcquiredGroupWantsStays) {
    put(route_entry(routes[0], 2));
    const std::vector<DesiredRoutes> desired{
        {.routes = routes, .acquired = false},
        {.routes = std::span{routes}.first(1), .acquired = true}};
    EXPECT_TRUE(plan_routes(desired, tables).empty());
}

TEST(RouteText, IsWhatIpRouteWrites) {
    auto value = route("0.0.0.0", 0, "203.0.113.1");
    value.table = 100;
    value.metric = 5;
    value.source = make_address("198.51.100.100");
    EXPECT_EQ(to_string(value),
              "default via 203.0.113.1 dev eth0 src 198.51.100.100 table 100 metric 5");
    value = route("203.0.113.0", 24);
    value.type = RouteType::Unreachable;
    EXPECT_EQ(to_string(value), "unreachable 203.0.113.0/24");
}

}  // namespace
}  // namespace tandem::netlink
