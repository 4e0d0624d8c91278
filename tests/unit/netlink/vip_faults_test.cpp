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

}  // namespace
}  // namespace tandem::netlink
