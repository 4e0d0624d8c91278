#include "tests/unit/relay/balance_support.hpp"

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::relay::test {
namespace {

using namespace std::chrono_literals;

// The operator

TEST(AdminStates, TakeAnUpstreamOutAndBringItBack) {
    Balance balance{service_with(kRr, {1, 1})};
    for (const AdminState state : {AdminState::Drain, AdminState::Down}) {
        balance.group.set_admin(0, state);
        EXPECT_EQ(balance.picks(2), "bb");
        EXPECT_EQ(balance.group.weight(0), 0U);
        balance.group.set_admin(0, AdminState::Ready);
        EXPECT_EQ(balance.picks(4), "abab");
    }
    balance.group.set_admin(0, AdminState::Drain);
    balance.group.set_admin(1, AdminState::Drain);
    EXPECT_EQ(balance.pick(), '-');
    EXPECT_TRUE(balance.group.any_up()) << "drained by order: nothing is broken";
    balance.group.set_admin(0, AdminState::Down);
    balance.group.set_admin(1, AdminState::Down);
    EXPECT_FALSE(balance.group.any_up());
}

TEST(Weights, AreSetAtRunTimeAndTakenBack) {
    Balance balance{service_with(kWrr, {1, 1})};
    balance.group.set_weight(0, 3);
    EXPECT_EQ(balance.group.weight_override(0), 3U);
    const std::string picks = balance.picks(8);
    EXPECT_EQ(std::count(picks.begin(), picks.end(), 'a'), 6) << picks;
    balance.group.set_weight(0, 0);
    EXPECT_EQ(balance.group.weight_override(0), 0U);
    EXPECT_EQ(balance.picks(3), "bbb");
    balance.group.set_weight(0, std::nullopt);
    EXPECT_EQ(balance.group.weight_override(0), std::nullopt);
    EXPECT_EQ(balance.picks(4), "abab");
    balance.group.set_weight(0, 1'000'000);
    EXPECT_EQ(balance.group.weight(0), 65535U);
}

// Backup and sorry servers (nginx: stream_upstream, backup)

ServiceConfig with_roles(const std::string& roles, Algorithm algorithm = kRr) {
    auto service = service_with(algorithm, std::vector<unsigned>(roles.size(), 1));
    for (std::size_t index = 0; index < roles.size(); ++index) {
        service.upstreams[index].balance.role = roles[index] == 'B'   ? UpstreamRole::Backup
                                                : roles[index] == 'S' ? UpstreamRole::Sorry
                                                                      : UpstreamRole::Primary;
    }
    return service;
}

class EveryAlgorithm : public testing::TestWithParam<Algorithm> {};

TEST_P(EveryAlgorithm, BackupsOnlyWhenNoPrimaryCanBe) {
    Balance balance{with_roles("BPP", GetParam())};
    const auto never = [](const std::string& picks, char who) {
        return picks.find(who) == std::string::npos;
    };
    EXPECT_TRUE(never(balance.short_picks(10), 'a'));
    EXPECT_EQ(balance.pick({1, 2}), 'a') << "all primaries were tried";
    balance.leave('a');
    balance.group.set_up(1, false, balance.now);
    EXPECT_EQ(balance.short_picks(3), "ccc");
    balance.group.set_admin(2, AdminState::Drain);
    EXPECT_EQ(balance.short_picks(3), "aaa");
    balance.group.set_up(1, true, balance.now);
    EXPECT_EQ(balance.short_picks(3), "bbb");
}

TEST_P(EveryAlgorithm, TheSorryServerAloneAndOnlyWithoutQuorum) {
    auto service = with_roles("PPSB", GetParam());
    service.balance.quorum = 2;
    Balance balance{service};
    EXPECT_EQ(balance.short_picks(9).find('c'), std::string::npos);
    EXPECT_EQ(balance.pick({0, 1, 3}), '-') << "with quorum it is no resort";
    balance.group.set_up(0, false, balance.now);
    EXPECT_FALSE(balance.group.quorum());
    EXPECT_EQ(balance.short_picks(3), "ccc") << "although one primary is up";
    EXPECT_EQ(balance.pick({2}), '-');
    balance.group.set_up(0, true, balance.now);
    EXPECT_EQ(balance.short_picks(9).find('c'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Algorithms, EveryAlgorithm,
                         testing::Values(kRr, kWrr, kLc, kWlc, kHash, kTwos, Algorithm::Failover,
                                         Algorithm::Overflow, Algorithm::NeverQueue,
                                         Algorithm::ShortestExpectedDelay));

TEST(Quorum, WithoutASorryServerItOnlyShows) {
    auto service = service_with(kRr, {1, 1});
    service.balance.quorum = 2;
    Balance balance{service};
    balance.group.set_up(0, false, balance.now);
    EXPECT_FALSE(balance.group.quorum());
    EXPECT_EQ(balance.picks(2), "bb");
}

struct QuorumCase {
    const char* name;
    unsigned quorum;
    unsigned hysteresis;
    /// Upstreams of weight 2, 2, 1; the letters are who is up, one step after the other.
    std::vector<std::pair<std::string, bool>> steps;
};

class QuorumTable : public testing::TestWithParam<QuorumCase> {};

TEST_P(QuorumTable, IsGainedAndLostAtItsWeights) {
    auto service = service_with(kRr, {2, 2, 1});
    service.balance.quorum = GetParam().quorum;
    service.balance.hysteresis = GetParam().hysteresis;
    Balance balance{service};
    EXPECT_TRUE(balance.group.quorum());
    for (const auto& [up, expected] : GetParam().steps) {
        // Down first, so that no step in between gains it.
        for (const bool state : {false, true}) {
            for (std::size_t index = 0; index < 3; ++index) {
                const bool is_up = up.find(static_cast<char>('a' + index)) != std::string::npos;
                if (is_up == state) {
                    balance.group.set_up(index, state, balance.now);
                }
            }
        }
        EXPECT_EQ(balance.group.quorum(), expected) << up;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Tables, QuorumTable,
    testing::Values(
        QuorumCase{"One", 1, 0, {{"c", true}, {"", false}, {"c", true}}},
        QuorumCase{"ByWeight", 3, 0, {{"ab", true}, {"ac", true}, {"a", false}, {"ac", true}}},
        QuorumCase{"Hysteresis",
                   3,
                   1,
                   {{"a", true}, {"c", false}, {"ac", false}, {"ab", true}, {"a", true}}},
        QuorumCase{"MoreThanThereIsCountsAsAll", 100, 0, {{"abc", true}, {"ab", false}}},
        QuorumCase{"HysteresisBelowTheQuorum", 2, 9, {{"c", true}, {"", false}, {"ac", true}}},
        QuorumCase{"CanBeGainedWithAll", 5, 4, {{"", false}, {"ab", false}, {"abc", true}}}),
    [](const auto& test) { return test.param.name; });

TEST(Quorum, CountsWhatTheOperatorTookOut) {
    auto service = service_with(kRr, {1, 1});
    service.balance.quorum = 2;
    Balance balance{service};
    balance.group.set_admin(0, AdminState::Drain);
    EXPECT_FALSE(balance.group.quorum());
    balance.group.set_admin(0, AdminState::Ready);
    EXPECT_TRUE(balance.group.quorum());
    balance.group.set_weight(0, 0);
    EXPECT_FALSE(balance.group.quorum());
}

TEST(Panic, BelowTheShareChecksAreNotBelieved) {
    auto service = service_with(kRr, {1, 1, 1, 0});
    service.balance.panic_threshold = 50;
    Balance balance{service};
    balance.group.set_up(0, false, balance.now);
    EXPECT_FALSE(balance.group.panic()) << "two of three";
    EXPECT_EQ(balance.picks(4), "bcbc");
    balance.group.set_up(1, false, balance.now);
    EXPECT_TRUE(balance.group.panic()) << "one of three";
    EXPECT_EQ(balance.picks(6), "abcabc");
    balance.group.set_up(2, false, balance.now);
    balance.group.set_admin(1, AdminState::Drain);
    EXPECT_EQ(balance.picks(4), "acac") << "the operator is believed";
    balance.group.set_admin(1, AdminState::Ready);
    balance.group.set_up(2, true, balance.now);
    balance.group.set_up(1, true, balance.now);
    EXPECT_EQ(balance.picks(4), "bcbc");
}

TEST(Panic, IsOffByDefault) {
    Balance balance{service_with(kRr, {1, 1})};
    balance.group.set_up(0, false, balance.now);
    balance.group.set_up(1, false, balance.now);
    EXPECT_EQ(balance.pick(), '-');
}

// Thresholds (nginx: stream_upstream_max_conns)

ServiceConfig limited(Algorithm algorithm, const std::vector<unsigned>& limits, unsigned low = 0) {
    auto service = service_with(algorithm, std::vector<unsigned>(limits.size(), 1));
    for (std::size_t index = 0; index < limits.size(); ++index) {
        service.upstreams[index].balance.upper_threshold = limits[index];
        service.upstreams[index].balance.lower_threshold = low;
    }
    return service;
}

TEST_P(EveryAlgorithm, TakesNoMoreThanTheUpperThreshold) {
    if (GetParam() == Algorithm::Overflow) {
        GTEST_SKIP() << "limits itself by the weight";
    }
    Balance balance{limited(GetParam(), {2, 3})};
    std::string picks = balance.picks(6);
    EXPECT_EQ(std::count(picks.begin(), picks.end(), 'a'), 2) << picks;
    EXPECT_EQ(std::count(picks.begin(), picks.end(), 'b'), 3) << picks;
    EXPECT_EQ(picks.back(), '*');
    balance.leave('b');
    EXPECT_EQ(balance.picks(2), "b*");
}

TEST(Thresholds, BackupsTakeOverWhenThePrimariesAreFull) {
    auto service = limited(kRr, {1, 1, 1});
    service.upstreams[0].balance.role = UpstreamRole::Backup;
    Balance balance{service};
    EXPECT_EQ(balance.picks(4), "bca*");
}

TEST(Thresholds, FullAndTriedIsNotFull) {
    Balance balance{limited(kRr, {1, 1})};
    EXPECT_EQ(balance.picks(3), "ab*");
    EXPECT_EQ(balance.pick({0}), '*');
    EXPECT_EQ(balance.pick({0, 1}), '-') << "a place would not help";
    balance.group.set_up(0, false, balance.now);
    balance.group.set_up(1, false, balance.now);
    EXPECT_EQ(balance.pick(), '-') << "a place would not help";
}

TEST(Thresholds, ClosedFromTheUpperToTheLower) {
    Balance balance{limited(kRr, {4}, 2)};
    EXPECT_EQ(balance.picks(5), "aaaa*");
    balance.leave('a');
    balance.leave('a');
    EXPECT_EQ(balance.pick(), '*') << "two are not below two";
    EXPECT_EQ(balance.group.connections(0), 2U);
    balance.leave('a');
    EXPECT_EQ(balance.picks(4), "aaa*");
}

// T30: never more than the limit, and no place lost, whoever comes and goes at the same time.
TEST(Thresholds, T30HoldWithManyThreads) {
    for (const unsigned low : {0U, 1U, 3U}) {
        constexpr unsigned kLimit = 3;
        UpstreamGroup group{limited(kRr, {kLimit}, low)};
        std::atomic<unsigned> inside{0};
        std::atomic<bool> exceeded{false};
        std::vector<std::thread> threads;
        for (int thread = 0; thread < 4; ++thread) {
            threads.emplace_back([&] {
                for (int round = 0; round < 20000; ++round) {
                    if (group.enter(0)) {
                        if (inside.fetch_add(1) >= kLimit) {
                            exceeded = true;
                        }
                        inside.fetch_sub(1);
                        group.leave(0);
                    }
                }
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        EXPECT_FALSE(exceeded);
        EXPECT_EQ(group.connections(0), 0U);
        EXPECT_EQ(group.standing(0, at(0)), Standing::Primary) << "not closed for ever";
    }
}

// Passive marking (nginx: stream_upstream, failures and recovery)

ServiceConfig marking(const std::vector<unsigned>& weights, unsigned max_fails) {
    auto service = service_with(kRr, weights);
    service.balance.max_fails = max_fails;
    service.balance.fail_timeout = 10s;
    return service;
}

TEST(PassiveMarks, AvoidAnUpstreamForTheTimeout) {
    Balance balance{marking({1, 1}, 2)};
    balance.group.connect_failed(0, balance.now);
    EXPECT_EQ(balance.picks(2), "ab") << "one is not enough";
    balance.group.connect_failed(0, balance.now);
    EXPECT_TRUE(balance.group.avoided(0, balance.now));
    EXPECT_EQ(balance.picks(3), "bbb");
    balance.now = at(9.9);
    EXPECT_EQ(balance.picks(2), "bb");
    balance.now = at(10);
    EXPECT_NE(balance.picks(2).find('a'), std::string::npos);
    balance.group.connect_failed(0, balance.now);
    EXPECT_EQ(balance.picks(2), "bb") << "one more is enough now";
    balance.now = at(20);
    balance.group.connect_succeeded(0);
    balance.group.connect_failed(0, balance.now);
    EXPECT_NE(balance.picks(2).find('a'), std::string::npos) << "a success cleared it";
}

TEST(PassiveMarks, OnlyFailuresInARowCount) {
    Balance balance{marking({1, 1}, 2)};
    for (int round = 0; round < 5; ++round) {
        balance.group.connect_failed(0, balance.now);
        balance.group.connect_succeeded(0);
    }
    EXPECT_EQ(balance.picks(2), "ab");
}

TEST(PassiveMarks, NeverLeaveNobody) {
    auto service = marking({1, 1, 1}, 1);
    service.upstreams[2].balance.role = UpstreamRole::Backup;
    Balance balance{service};
    balance.group.connect_failed(0, balance.now);
    balance.group.connect_failed(1, balance.now);
    EXPECT_EQ(balance.picks(2), "cc") << "a backup before one that fails";
    balance.group.connect_failed(2, balance.now);
    EXPECT_EQ(balance.picks(4), "abab") << "all fail: as if none did";
    EXPECT_EQ(balance.pick({0, 1}), 'c');
}

TEST(PassiveMarks, AreOffByDefaultAndClearedByTheChecks) {
    Balance off{service_with(kRr, {1, 1})};
    for (int round = 0; round < 100; ++round) {
        off.group.connect_failed(0, off.now);
    }
    EXPECT_EQ(off.picks(2), "ab");
    Balance balance{marking({1, 1}, 1)};
    balance.group.connect_failed(0, balance.now);
    balance.group.set_up(0, false, balance.now);
    balance.group.set_up(0, true, balance.now);
    EXPECT_FALSE(balance.group.avoided(0, balance.now));
}

// Slow start

TEST(SlowStart, TheWeightGrowsAfterComingUp) {
    auto service = service_with(kWrr, {1, 1});
    service.balance.slow_start = 100s;
    Balance balance{service};
    EXPECT_EQ(balance.group.fine_weight(0, balance.now), UpstreamGroup::kWeightUnit)
        << "full from the start";
    balance.group.set_up(0, false, balance.now);
    balance.group.set_up(0, true, balance.now);
    const auto share = [&](double seconds) {
        balance.now = at(seconds);
        const std::string picks = balance.picks(1100);
        return std::count(picks.begin(), picks.end(), 'a');
    };
    EXPECT_LE(share(0), 5);
    EXPECT_NEAR(static_cast<double>(share(10)), 100, 5);
    EXPECT_NEAR(static_cast<double>(share(50)), 1100.0 / 3, 10);
    EXPECT_NEAR(static_cast<double>(share(100)), 550, 2);
}

}  // namespace
}  // namespace tandem::relay::test
