#include "proxy/relay/client_hash.hpp"
#include "tests/unit/relay/balance_support.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace tandem::relay::test {
namespace {

struct Case {
    const char* name;
    Algorithm algorithm;
    std::vector<unsigned> weights;
    std::vector<std::size_t> down;
    std::vector<std::uint16_t> tried;
    std::string expected;
};

class BalancerTable : public testing::TestWithParam<Case> {};

TEST_P(BalancerTable, Picks) {
    const Case& test = GetParam();
    Balance balance{service_with(test.algorithm, test.weights)};
    for (const std::size_t index : test.down) {
        balance.group.set_up(index, false, balance.now);
    }
    EXPECT_EQ(balance.picks(test.expected.size(), test.tried), test.expected);
}

INSTANTIATE_TEST_SUITE_P(
    Tables, BalancerTable,
    testing::Values(Case{"RoundRobin", kRr, {1, 1, 1}, {}, {}, "abcabc"},
                    Case{"RoundRobinIgnoresWeights", kRr, {5, 1}, {}, {}, "abab"},
                    Case{"RoundRobinZeroDrains", kRr, {1, 0, 1}, {}, {}, "acac"},
                    Case{"RoundRobinSkipsDown", kRr, {1, 1, 1}, {1}, {}, "acac"},
                    Case{"RoundRobinSkipsTried", kRr, {1, 1, 1}, {}, {0, 2}, "bbb"},
                    Case{"RoundRobinAllTried", kRr, {1, 1}, {}, {0, 1}, "--"},
                    Case{"RoundRobinAllDownRefuses", kRr, {1, 1}, {0, 1}, {}, "--"},
                    Case{"NobodyConfigured", kRr, {}, {}, {}, "-"},
                    Case{"NobodyConfiguredWeighted", kWrr, {}, {}, {}, "-"},
                    Case{"NobodyConfiguredHash", kHash, {}, {}, {}, "-"},
                    Case{"NobodyConfiguredTwos", kTwos, {}, {}, {}, "-"},
                    Case{"WeightedIsSmooth", kWrr, {5, 1, 1}, {}, {}, "aabacaaaabacaa"},
                    Case{"WeightedEqual", kWrr, {3, 3}, {}, {}, "abab"},
                    Case{"WeightedZeroDrains", kWrr, {0, 1}, {}, {}, "bbb"},
                    Case{"WeightedSkipsDown", kWrr, {5, 1}, {0}, {}, "bbb"},
                    Case{"WeightedSkipsTried", kWrr, {5, 1}, {}, {0}, "bbb"},
                    Case{"WeightedAllDownRefuses", kWrr, {5, 1}, {0, 1}, {}, "--"},
                    Case{"LeastSpreads", kLc, {9, 1, 1}, {}, {}, "abccba"},
                    Case{"LeastSkipsDown", kLc, {1, 1, 1}, {0}, {}, "bccb"},
                    Case{"LeastAllDownRefuses", kLc, {1, 1}, {0, 1}, {}, "-"},
                    Case{"WeightedLeastHoldsProportion", kWlc, {2, 1}, {}, {}, "ababaa"},
                    Case{"WeightedLeastSkipsTried", kWlc, {2, 1}, {}, {0}, "bb"},
                    Case{"FailoverHighestWeight", kFo, {1, 7, 3}, {}, {}, "bbb"},
                    Case{"FailoverNextWhenDown", kFo, {1, 7, 3}, {1}, {}, "ccc"},
                    Case{"FailoverEqualWeightsTheFirst", kFo, {3, 3}, {}, {}, "aa"},
                    Case{"FailoverNextWhenTried", kFo, {1, 7, 3}, {}, {1, 2}, "aa"},
                    Case{"OverflowFillsByWeight", kOvf, {1, 2}, {}, {}, "bba*"},
                    Case{"ExpectedDelayPrefersTheFastOne", kSed, {3, 1}, {}, {}, "aaabaaa"},
                    Case{"NeverQueueTakesIdleFirst", kNq, {3, 1}, {}, {}, "abaaaa"},
                    Case{"HashSkipsDown", kHash, {1, 1}, {0}, {}, "bb"},
                    Case{"HashAllDownRefuses", kHash, {1, 1}, {0, 1}, {}, "-"},
                    Case{"HashSkipsTried", kHash, {1, 1, 1}, {}, {0, 2}, "bb"},
                    Case{"HashZeroDrains", kHash, {0, 1}, {}, {}, "bb"},
                    Case{"HashEverybodyDrained", kHash, {0, 0}, {}, {}, "--"},
                    Case{"TwosZeroDrains", kTwos, {0, 1}, {}, {}, "bb"},
                    Case{"TwosAllDownRefuses", kTwos, {1, 1}, {0, 1}, {}, "-"}),
    [](const auto& test) { return test.param.name; });

TEST(Balancer, StartDownIsDownUntilSetUp) {
    auto service = service_with(kRr, {1, 1});
    service.upstreams[0].checks.emplace_back().start_down = true;
    Balance balance{service};
    EXPECT_EQ(balance.picks(3), "bbb");
    balance.group.set_up(0, true, balance.now);
    EXPECT_EQ(balance.picks(4), "abab");
}

TEST(Balancer, ReturnOfAnUpstreamMakesNoBurst) {
    Balance balance{service_with(kWrr, {1, 1})};
    EXPECT_EQ(balance.picks(1), "a");
    balance.group.set_up(0, false, balance.now);
    EXPECT_EQ(balance.picks(5), "bbbbb");
    balance.group.set_up(0, true, balance.now);
    const std::string after = balance.picks(6);
    EXPECT_EQ(std::count(after.begin(), after.end(), 'a'), 3) << after;
}

// Nor does it wait for the turns that it had before it went.
TEST(Balancer, ReturnOfAnUpstreamIsABeginning) {
    Balance balance{service_with(kWrr, {1, 5})};
    EXPECT_EQ(balance.picks(3), "bba");
    balance.group.set_up(0, false, balance.now);
    EXPECT_EQ(balance.picks(2), "bb");
    balance.group.set_up(0, true, balance.now);
    EXPECT_EQ(balance.picks(5), "bbbba");
}

// Over one sum of the weights everybody is picked as often as its weight says, and at every moment
// everybody is within one of its share for each of the others.
TEST(Balancer, RandomWeightsAreKeptExactlyAndSmoothly) {
    std::mt19937 random{1};
    for (int round = 0; round < 200; ++round) {
        std::vector<unsigned> weights;
        unsigned total = 0;
        for (unsigned count = static_cast<unsigned>(2 + random() % 6); count > 0; --count) {
            weights.push_back(static_cast<unsigned>(1 + random() % 20));
            total += weights.back();
        }
        Balance balance{service_with(kWrr, weights)};
        std::vector<unsigned> counts(weights.size());
        for (unsigned pick = 1; pick <= total; ++pick) {
            ++counts.at(static_cast<std::size_t>(balance.pick() - 'a'));
            for (std::size_t index = 0; index < weights.size(); ++index) {
                const double share = 1.0 * pick * weights[index] / total;
                ASSERT_LE(std::abs(counts[index] - share), static_cast<double>(weights.size()));
            }
        }
        EXPECT_EQ(counts, weights);
    }
}

// Connections that come and go at random: the counts stay in proportion to the weights.
TEST(Balancer, WeightedLeastConnectionsHoldsTheProportionOfRandomWeights) {
    std::mt19937 random{2};
    for (const Algorithm algorithm : {kWlc, kSed, kNq}) {
        const std::vector<unsigned> weights{1, 4, 10, 65535};
        Balance balance{service_with(algorithm, {weights.begin(), weights.end() - 1})};
        std::string open;
        for (int step = 0; step < 6000; ++step) {
            if (open.size() < 1500) {
                open += balance.pick();
                continue;
            }
            std::swap(open[random() % open.size()], open.back());
            balance.leave(open.back());
            open.pop_back();
        }
        EXPECT_NEAR(balance.group.connections(0), 100, 3);
        EXPECT_NEAR(balance.group.connections(1), 400, 3);
        EXPECT_NEAR(balance.group.connections(2), 1000, 3);
    }
}

// While nobody has a connection the weights count just the same (nginx: least_conn, weight).
TEST(Balancer, LeastConnectionsWithoutLoadGoesInTurn) {
    Balance weighted{service_with(kWlc, {2, 1})};
    EXPECT_EQ(weighted.short_picks(6), "abaaba");
    Balance plain{service_with(kLc, {2, 1})};
    EXPECT_EQ(plain.short_picks(6), "ababab");
}

// Two workers have balancers of their own and see each other's connections.
TEST(Balancer, LeastConnectionsCountsThoseOfAllWorkers) {
    Balance balance{service_with(kLc, {1, 1})};
    Balancer other{balance.config, balance.group, nullptr, 2};
    EXPECT_EQ(balance.pick(), 'a');
    const BalanceChoice choice = other.pick({.client = 0, .now = balance.now, .tried = {}});
    EXPECT_EQ(choice.upstream, 1U) << "the first has a connection of the other worker";
}

TEST(Balancer, TwosDrawsByWeightAndTakesTheLessLoaded) {
    Balance balance{service_with(kTwos, {1, 3})};
    std::map<char, int> counts;
    for (int pick = 0; pick < 4000; ++pick) {
        ++counts[balance.pick()];
    }
    EXPECT_NEAR(counts['a'], 1000, 20) << "by the loads";
    const std::string again = balance.short_picks(400);
    EXPECT_GT(std::count(again.begin(), again.end(), 'a'), 0);
    EXPECT_GT(std::count(again.begin(), again.end(), 'b'), 0);
}

// Hash of the source

std::map<std::uint64_t, char> homes(Balance& balance, std::uint64_t clients) {
    std::map<std::uint64_t, char> result;
    for (std::uint64_t client = 0; client < clients; ++client) {
        balance.client = mix(client);
        result[client] = balance.pick();
    }
    return result;
}

TEST(SourceHash, AClientStaysAndAllShareByWeight) {
    Balance balance{service_with(kHash, {1, 2, 1})};
    const auto first = homes(balance, 8000);
    EXPECT_EQ(homes(balance, 8000), first);
    std::map<char, int> counts;
    for (const auto& [client, home] : first) {
        ++counts[home];
    }
    EXPECT_NEAR(counts['a'], 2000, 200);
    EXPECT_NEAR(counts['b'], 4000, 200);
}

TEST(SourceHash, OnlyTheClientsOfAnUpstreamThatIsDownMove) {
    Balance balance{service_with(kHash, {1, 1, 1, 1})};
    const auto before = homes(balance, 4000);
    balance.group.set_up(2, false, balance.now);
    std::map<char, int> moved_to;
    for (const auto& [client, home] : homes(balance, 4000)) {
        if (before.at(client) == 'c') {
            ++moved_to[home];
        } else {
            ASSERT_EQ(home, before.at(client));
        }
    }
    EXPECT_EQ(moved_to.count('c'), 0U);
    EXPECT_EQ(moved_to.size(), 3U) << "they are spread over all that are left";
    balance.group.set_up(2, true, balance.now);
    EXPECT_EQ(homes(balance, 4000), before);
}

TEST(SourceHash, NobodyIsSentToAnUpstreamThatIsAvoidedOrFull) {
    auto service = service_with(kHash, {1, 1, 1});
    service.balance.max_fails = 1;
    service.upstreams[1].balance.upper_threshold = 1;
    Balance balance{service};
    balance.group.connect_failed(0, balance.now);
    ASSERT_TRUE(balance.group.enter(1));
    for (const auto& [client, home] : homes(balance, 100)) {
        ASSERT_EQ(home, 'c');
    }
}

// Also where the table does not help: everybody but a few of many is down.
TEST(SourceHash, ManyDownUpstreamsLeaveAClientAtOneOfTheRest) {
    Balance balance{service_with(kHash, std::vector<unsigned>(26, 1))};
    for (std::size_t index = 2; index < 26; ++index) {
        balance.group.set_up(index, false, balance.now);
    }
    const auto first = homes(balance, 1000);
    EXPECT_EQ(homes(balance, 1000), first);
    const auto at_a =
        std::ranges::count_if(first, [](const auto& home) { return home.second == 'a'; });
    EXPECT_NEAR(static_cast<double>(at_a), 500, 80);
}

TEST(SourceHash, TwoNodesAgreeWhateverTheOrderInTheFile) {
    auto service = service_with(kHash, {1, 5, 2, 9});
    Balance one{service};
    std::ranges::reverse(service.upstreams);
    Balance other{service};
    for (std::size_t index = 0; index < 2; ++index) {
        one.group.set_up(index, false, one.now);
        other.group.set_up(3 - index, false, one.now);
    }
    for (const auto& [client, home] : homes(one, 2000)) {
        other.client = mix(client);
        ASSERT_EQ(other.pick(), 'a' + ('d' - home));
    }
}

TEST(SourceHash, ARuntimeWeightMovesAsFewAsItMust) {
    Balance balance{service_with(kHash, {1, 1, 1, 1})};
    const auto before = homes(balance, 4000);
    balance.group.set_weight(3, 2);
    balance.balancer.set_table(Balancer::make_table(balance.config, balance.group));
    int moved = 0;
    int moved_elsewhere = 0;
    for (const auto& [client, home] : homes(balance, 4000)) {
        moved += home != before.at(client) ? 1 : 0;
        moved_elsewhere += home != before.at(client) && home != 'd' ? 1 : 0;
    }
    EXPECT_NEAR(moved, 4000 * (0.4 - 0.25), 400);
    EXPECT_LT(moved_elsewhere, 4000 / 10);
}

// Addresses

TEST(ClientHash, SharesTheBitsThatCount) {
    const auto hash = [](const char* text, unsigned v4, unsigned v6) {
        return hash_client(boost::asio::ip::make_address(text), v4, v6);
    };
    EXPECT_NE(hash("198.51.100.1", 32, 128), hash("198.51.100.2", 32, 128));
    EXPECT_EQ(hash("198.51.100.1", 24, 128), hash("198.51.100.2", 24, 128));
    EXPECT_NE(hash("198.51.100.1", 24, 128), hash("198.51.101.1", 24, 128));
    EXPECT_EQ(hash("198.51.100.1", 0, 0), hash("203.0.113.1", 0, 0));
    EXPECT_EQ(hash("::ffff:198.51.100.1", 32, 0), hash("198.51.100.1", 32, 128));
    EXPECT_NE(hash("2001:db8::1", 32, 128), hash("2001:db8::2", 32, 128));
    EXPECT_EQ(hash("2001:db8::1", 32, 64), hash("2001:db8::2", 32, 64));
    EXPECT_NE(hash("2001:db8:0:1::", 32, 64), hash("2001:db8:0:2::", 32, 64));
    EXPECT_EQ(hash("2001:db8:0:1::", 32, 48), hash("2001:db8:0:2::", 32, 48));
    EXPECT_EQ(hash("2001:db8::80", 32, 120), hash("2001:db8::1", 32, 120));
    EXPECT_NE(hash("2001:db8::80", 32, 121), hash("2001:db8::1", 32, 121));
}

// Both nodes of a pair, and every version of tandem, send a client to the same upstream.
TEST(ClientHash, IsTheSameForEver) {
    EXPECT_EQ(mix(1), 0x5692161d100b05e5U);
    EXPECT_EQ(hash_text("198.51.100.1:80"), hash_text("198.51.100.1:80"));
}

}  // namespace
}  // namespace tandem::relay::test
