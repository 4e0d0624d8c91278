#include "proxy/relay/client_hash.hpp"
#include "tests/unit/relay/balance_support.hpp"

#include <gtest/gtest.h>

namespace tandem::relay::test {
namespace {

using namespace std::chrono_literals;

TEST(Persistence, RemembersForTheTimeout) {
    PersistenceTable table{10s, at(0)};
    EXPECT_FALSE(table.find(7, at(0)));
    table.remember(7, 3, at(0));
    EXPECT_EQ(table.find(7, at(0)), 3U);
    EXPECT_EQ(table.find(7, at(9.9)), 3U);
    EXPECT_FALSE(table.find(7, at(11)));
    EXPECT_FALSE(table.find(mix(8), at(0)));
    table.remember(9, 3, at(20.9));
    EXPECT_EQ(table.find(9, at(30.8)), 3U) << "whole seconds are kept, and none is missing";
}

TEST(Persistence, EveryConnectionRenewsIt) {
    PersistenceTable table{10s, at(0)};
    for (int second = 0; second < 100; second += 8) {
        table.remember(7, 65535, at(second));
        ASSERT_EQ(table.find(7, at(second + 8)), 65535U);
    }
    table.remember(7, 0, at(100));
    EXPECT_EQ(table.find(7, at(100)), 0U);
}

TEST(Persistence, ALongTimeoutAndALongLife) {
    PersistenceTable table{PersistenceTable::kLongestTimeout, at(0)};
    const TimePoint late = at(0) + std::chrono::hours{24 * 700};
    table.remember(7, 1, late);
    EXPECT_EQ(table.find(7, late + std::chrono::hours{24 * 30}), 1U);
    EXPECT_FALSE(table.find(7, late + std::chrono::hours{24 * 40}));
    // The counter of seconds wraps in between.
    const TimePoint wrapped = late + std::chrono::hours{24 * 76};
    table.remember(7, 2, wrapped);
    EXPECT_EQ(table.find(7, wrapped + std::chrono::hours{24 * 20}), 2U);
}

TEST(Persistence, IsBoundedAndTheOldestGoes) {
    PersistenceTable table{1000s, at(0)};
    for (std::uint64_t client = 0; client < 4 * PersistenceTable::kEntries; ++client) {
        table.remember(mix(client), 1, at(static_cast<double>(client) / 1000));
    }
    std::size_t kept = 0;
    std::size_t kept_of_the_last = 0;
    const TimePoint now = at(263);
    for (std::uint64_t client = 0; client < 4 * PersistenceTable::kEntries; ++client) {
        const bool found = table.find(mix(client), now).has_value();
        kept += found ? 1 : 0;
        kept_of_the_last += found && client >= 7 * PersistenceTable::kEntries / 2 ? 1 : 0;
    }
    EXPECT_LE(kept, PersistenceTable::kEntries + 8);
    EXPECT_GT(kept_of_the_last, PersistenceTable::kEntries / 2 * 95 / 100);
}

// Together with the balancer

Balance persistent(std::vector<unsigned> weights = {1, 1, 1}) {
    auto service = service_with(Algorithm::RoundRobin, weights);
    service.balance.persistence_timeout = 60s;
    return Balance{std::move(service)};
}

TEST(Persistence, AClientComesBackToItsUpstream) {
    auto balance = persistent();
    balance.client = mix(1);
    EXPECT_EQ(balance.pick(), 'a');
    balance.persistence->remember(balance.client, 0, balance.now);
    EXPECT_EQ(balance.picks(3), "aaa");
    balance.client = mix(2);
    EXPECT_EQ(balance.picks(2), "bc");
    balance.client = mix(1);
    balance.now = at(62);
    EXPECT_NE(balance.picks(3), "aaa");
}

TEST(Persistence, NeverPinsAnUpstreamThatIsDownDrainedOrTried) {
    auto balance = persistent();
    balance.client = mix(1);
    balance.persistence->remember(balance.client, 1, balance.now);
    ASSERT_EQ(balance.picks(2), "bb");
    EXPECT_NE(balance.pick({1}), 'b');
    balance.group.set_up(1, false, balance.now);
    EXPECT_NE(balance.pick(), 'b');
    balance.group.set_up(1, true, balance.now);
    EXPECT_EQ(balance.pick(), 'b');
    for (const AdminState state : {AdminState::Drain, AdminState::Down}) {
        balance.group.set_admin(1, state);
        EXPECT_NE(balance.pick(), 'b');
    }
    balance.group.set_admin(1, AdminState::Ready);
    EXPECT_EQ(balance.pick(), 'b');
}

TEST(Persistence, WeightZeroKeepsTheClientsItHas) {
    auto balance = persistent();
    balance.client = mix(1);
    balance.persistence->remember(balance.client, 1, balance.now);
    balance.group.set_weight(1, 0);
    EXPECT_EQ(balance.pick(), 'b');
    balance.client = mix(2);
    EXPECT_EQ(balance.picks(4), "acac");
}

}  // namespace
}  // namespace tandem::relay::test
